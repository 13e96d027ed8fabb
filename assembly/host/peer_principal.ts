/**
 * The identity in the client's certificate, of one connection or HTTP stream.
 *
 * `connection.uri_san_peer_certificate` is there from the first byte of data on, and not before (Envoy
 * 1.39.3, tried); so it is asked for once, in the connection's own data callback.
 */
import { proxy_get_property } from "@solo-io/proxy-runtime/assembly/imports";
import { Span } from "../wire/span";
import { firstAnswer, reuseBlock, keepBlock, secondAnswer } from "./memory";
import { OK } from "./result";

const PATH = memory.data<u8>([
  0x63, 0x6f, 0x6e, 0x6e, 0x65, 0x63, 0x74, 0x69, 0x6f, 0x6e, 0, 0x75, 0x72, 0x69, 0x5f, 0x73, 0x61,
  0x6e, 0x5f, 0x70, 0x65, 0x65, 0x72, 0x5f, 0x63, 0x65, 0x72, 0x74, 0x69, 0x66, 0x69, 0x63, 0x61,
  0x74, 0x65,
]); // "connection\0uri_san_peer_certificate"
const PATH_LENGTH: u32 = 35;
/** The longest identity that is known, in bytes; SPIFFE allows 2048, Istio's have a hundred. */
const LONGEST: u32 = 512;

/** Keeps the identity for as long as the connection lives. */
@unmanaged
@final
export class PeerPrincipal {
  private text: Span = new Span();
  private isAsked: bool = false;

  /** The identity, without bytes where there is none; call it in the connection's data callbacks only. */
  get(): Span {
    if (this.isAsked) return this.text;
    this.isAsked = true;
    const value = firstAnswer();
    const size = secondAnswer();
    // A connection's bytes are being read meanwhile.
    keepBlock();
    const result = proxy_get_property(PATH, PATH_LENGTH, value, size);
    reuseBlock();
    const length = result == OK ? <u32>load<usize>(size) : 0;
    if (length == 0 || length > LONGEST) return this.text;
    const copy = heap.alloc(length);
    memory.copy(copy, load<usize>(value), length);
    this.text.set(copy, length);
    return this.text;
  }

  /** Gives everything back. */
  free(): void {
    if (this.text.start != 0) heap.free(this.text.start);
    heap.free(changetype<usize>(this.text));
    heap.free(changetype<usize>(this));
  }
}
