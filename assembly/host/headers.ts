/**
 * Headers and trailers of an HTTP stream. Each map is open in its own callback only.
 *
 * Envoy (1.39.3, measured) makes names lower case, gives a header that came twice as two pairs, chooses
 * the route again after each change of a request's headers, and fails a call with a header of which the
 * name is none: see `isHeader`.
 */
import {
  proxy_get_header_map_pairs,
  proxy_get_header_map_value,
  proxy_remove_header_map_value,
  proxy_replace_header_map_value,
} from "@solo-io/proxy-runtime/assembly/imports";
import { Span } from "../wire/span";
import { asciiOf } from "./ascii";
import { firstAnswer, secondAnswer } from "./memory";
import { OK } from "./result";

/** Which headers (proxy-wasm ABI 0.2.1, `proxy_map_type_t`). */
export const enum HeaderMap {
  REQUEST_HEADERS = 0,
  REQUEST_TRAILERS = 1,
  RESPONSE_HEADERS = 2,
  RESPONSE_TRAILERS = 3,
  /** Of the answer to a request of our own; see http_call.ts. */
  CALL_RESPONSE_HEADERS = 6,
}

/**
 * Points `value` at the first value of the header `name`, without bytes where there is none; it is good
 * until the next answer of the host.
 */
export function headerValue(map: HeaderMap, name: string, value: Span): void {
  const start = firstAnswer();
  const size = secondAnswer();
  const key = asciiOf(name);
  if (proxy_get_header_map_value(map, key, name.length, start, size) != OK) return value.clear();
  value.set(load<usize>(start), <u32>load<usize>(size));
}

/**
 * Points `pairs` at all headers, good until the next answer of the host:
 *
 *     count(4) { key length(4) value length(4) }* { key NUL value NUL }*     little endian
 */
export function headerPairs(map: HeaderMap, pairs: Span): void {
  const start = firstAnswer();
  const size = secondAnswer();
  if (proxy_get_header_map_pairs(map, start, size) != OK) return pairs.clear();
  pairs.set(load<usize>(start), <u32>load<usize>(size));
}

/** Makes the header with the key of `length` bytes at `key` be there once, with `value`. */
export function setHeader(map: HeaderMap, key: usize, length: u32, value: Span): void {
  proxy_replace_header_map_value(map, key, length, value.start, value.length);
}

/** Removes every header with the key of `length` bytes at `key`. */
export function removeHeader(map: HeaderMap, key: usize, length: u32): void {
  proxy_remove_header_map_value(map, key, length);
}
