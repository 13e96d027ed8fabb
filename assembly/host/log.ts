/**
 * Lines for Envoy's log (component `wasm`). Nothing is logged per call or per connection.
 */
import { proxy_log } from "@solo-io/proxy-runtime/assembly/imports";

/** `spdlog`'s numbers as proxy-wasm passes them. */
export const enum LogLevel {
  WARN = 3,
  ERROR = 4,
}

/** Writes `text` to Envoy's log; allocates, so it is for configuration time only. */
export function log(level: LogLevel, text: string): void {
  const bytes = String.UTF8.encode(text);
  proxy_log(level, changetype<usize>(bytes), bytes.byteLength);
}
