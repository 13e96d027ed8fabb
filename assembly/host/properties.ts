/**
 * Properties of the proxy, the listener, the connection and an HTTP stream, by path.
 */
import { proxy_get_property } from "@solo-io/proxy-runtime/assembly/imports";
import { Span } from "../wire/span";
import { pathOf } from "./ascii";
import { firstAnswer, reuseBlock, keepBlock, secondAnswer } from "./memory";
import { OK } from "./result";

/** Envoy's `TrafficDirection` (envoy/config/core/v3/base.proto). */
export const enum TrafficDirection {
  UNSPECIFIED = 0,
  INBOUND = 1,
  OUTBOUND = 2,
}

/** The direction of the listener that holds the plugin; UNSPECIFIED where it does not say. */
export function listenerDirection(): TrafficDirection {
  return <TrafficDirection>(<i32>numberProperty("xds.listener_direction"));
}

/** The HTTP status of the stream's response; 0 while there is none. */
export function responseCode(): u32 {
  return <u32>numberProperty("response.code");
}

/** What Envoy's `%RESPONSE_FLAGS%` shows, as bits. */
export function responseFlags(): u64 {
  return numberProperty("response.flags");
}

function numberProperty(path: string): u64 {
  const value = firstAnswer();
  const size = secondAnswer();
  store<usize>(size, 0);
  const result = proxy_get_property(pathOf(path), path.length, value, size);
  if (result != OK || load<usize>(size) != 8) return 0;
  return load<u64>(load<usize>(value));
}

/**
 * A text in the node's metadata: `CLUSTER_ID`, or `LABELS.version` for a text one level down (what
 * stands after the first dot is one key, so labels may have dots).
 *
 * @returns the text, or an empty one where there is none; allocates, so for configuration time only
 */
export function nodeMetadata(path: string): string {
  const dot = path.indexOf(".");
  let full = "xds\0node\0metadata\0" + path;
  if (dot >= 0) {
    full = "xds\0node\0metadata\0" + path.substring(0, dot) + "\0" + path.substring(dot + 1);
  }
  const key = String.UTF8.encode(full);
  const value = firstAnswer();
  const size = secondAnswer();
  if (proxy_get_property(changetype<usize>(key), key.byteLength, value, size) != OK) return "";
  return String.UTF8.decodeUnsafe(load<usize>(value), load<usize>(size));
}

const SOURCE_ADDRESS = memory.data<u8>([
  0x73, 0x6f, 0x75, 0x72, 0x63, 0x65, 0, 0x61, 0x64, 0x64, 0x72, 0x65, 0x73, 0x73,
]); // "source\0address"
const SOURCE_ADDRESS_LENGTH: u32 = 14;

/**
 * Writes the client's address as Envoy writes it into `text`: `10.1.2.3:5555`, `[2001:db8::1]:5555`, or
 * the path of a socket. It is good until the next answer to the side; without bytes where there is none.
 */
export function sourceAddress(text: Span): void {
  const value = firstAnswer();
  const size = secondAnswer();
  // A connection's bytes are being read meanwhile.
  keepBlock();
  const result = proxy_get_property(SOURCE_ADDRESS, SOURCE_ADDRESS_LENGTH, value, size);
  reuseBlock();
  if (result == OK) text.set(load<usize>(value), <u32>load<usize>(size));
  else text.clear();
}
