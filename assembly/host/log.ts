/**
 * Lines for Envoy's log (component `wasm`). Nothing is logged per call or per connection but where
 * the configuration asks for a log of calls; of refused ones a line for each policy and second.
 */
import { proxy_log } from "@solo-io/proxy-runtime/assembly/imports";

/** `spdlog`'s numbers as proxy-wasm passes them. */
export const enum LogLevel {
  INFO = 2,
  WARN = 3,
  ERROR = 4,
}

/**
 * Writes `text` to Envoy's log as one line; allocates, so it is for configuration time only.
 *
 * Control characters become question marks, and what is half a character a replacement character.
 */
export function log(level: LogLevel, text: string): void {
  let line = "";
  for (let i = 0; i < text.length; i++) line += text.charCodeAt(i) < 0x20 ? "?" : text.charAt(i);
  const bytes = String.UTF8.encode(line, false, String.UTF8.ErrorMode.REPLACE);
  proxy_log(level, changetype<usize>(bytes), bytes.byteLength);
}

/** Writes the `length` bytes at `bytes`, printable ASCII, to Envoy's log as one line. */
export function logBytes(level: LogLevel, bytes: usize, length: u32): void {
  proxy_log(level, bytes, length);
}
