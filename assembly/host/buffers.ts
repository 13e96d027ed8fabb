/**
 * The bytes of a connection or of an HTTP body, as the host shows them in a data callback.
 */
import { proxy_get_buffer_bytes } from "@solo-io/proxy-runtime/assembly/imports";
import { proxy_set_buffer_bytes } from "./imports";
import { firstAnswer, secondAnswer } from "./memory";
import { OK } from "./result";

/** Which bytes (proxy-wasm ABI 0.2.1, `proxy_buffer_type_t`). */
export const enum BufferType {
  HTTP_REQUEST_BODY = 0,
  HTTP_RESPONSE_BODY = 1,
  DOWNSTREAM_DATA = 2,
  UPSTREAM_DATA = 3,
  PLUGIN_CONFIGURATION = 7,
}

/** An offset after the last byte of any buffer: there the host appends. */
const BEHIND_ALL: u32 = 0xffffffff;

let fetchedLength: u32 = 0;

/**
 * Fetches `length` bytes of a buffer from offset `start` on.
 *
 * @returns where they lie, good until the next call to the host that answers with bytes; 0 if the host
 *   has none. `lastLength` says how many there are.
 */
export function fetch(type: BufferType, start: u32, length: u32): usize {
  const address = firstAnswer();
  const size = secondAnswer();
  store<usize>(address, 0);
  store<usize>(size, 0);
  if (proxy_get_buffer_bytes(type, start, length, address, size) != OK) {
    fetchedLength = 0;
    return 0;
  }
  fetchedLength = <u32>load<usize>(size);
  return load<usize>(address);
}

/** How many bytes the last `fetch` brought. */
export function lastLength(): u32 {
  return fetchedLength;
}

/** Puts the `size` bytes at `bytes` after everything in a buffer. */
export function appendEnd(type: BufferType, bytes: usize, size: u32): void {
  proxy_set_buffer_bytes(type, BEHIND_ALL, 0, bytes, size);
}

/** Puts the `size` bytes at `bytes` in the place of the first `length` bytes of a buffer. */
export function replaceStart(type: BufferType, length: u32, bytes: usize, size: u32): void {
  proxy_set_buffer_bytes(type, 0, length, bytes, size);
}
