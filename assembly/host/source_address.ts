/**
 * The client's address of one connection, asked for once and only if rules want to know it.
 *
 * Envoy gives it as text with a port: `10.1.2.3:5555` or `[2001:db8::1]:5555`. A client on a socket of
 * the file system has none, and meets no condition on addresses.
 */
import { sourceAddress } from "./properties";
import { ADDRESS_LENGTH, parseAddress } from "../wire/address";
import { Span } from "../wire/span";

const COLON: u8 = 0x3a;
const OPENING_BRACKET: u8 = 0x5b;
const CLOSING_BRACKET: u8 = 0x5d;
/** Longer than any address with its port. */
const LONGEST: u32 = 64;

const TEXT = memory.data(16);

/** The client's address of one connection; the host is asked once. */
@unmanaged
@final
export class SourceAddress {
  // Sixteen bytes: two fields, so that they lie inside the object.
  private first: u64 = 0;
  private second: u64 = 0;
  private isAsked: bool = false;
  private isKnown: bool = false;

  /** Where the sixteen bytes lie, 0 if there are none; call it in the connection's own callbacks. */
  get(): usize {
    const address = changetype<usize>(this) + offsetof<SourceAddress>("first");
    if (!this.isAsked) {
      this.isAsked = true;
      const text = changetype<Span>(TEXT);
      sourceAddress(text);
      this.isKnown = readEndpoint(text, address);
    }
    return this.isKnown ? address : 0;
  }
}

/** Reads the address in front of the last colon into the `ADDRESS_LENGTH` bytes at `out`. */
function readEndpoint(text: Span, out: usize): bool {
  if (text.length == 0 || text.length > LONGEST) return false;
  let start = text.start;
  let end = start + text.length;
  while (end > start && load<u8>(end - 1) != COLON) end--;
  if (end == start) return false;
  end--;
  if (end == start) return false;
  if (load<u8>(start) == OPENING_BRACKET) {
    if (load<u8>(end - 1) != CLOSING_BRACKET) return false;
    start++;
    end--;
  }
  memory.fill(out, 0, ADDRESS_LENGTH);
  return parseAddress(start, <u32>(end - start), out);
}
