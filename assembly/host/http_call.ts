/**
 * An HTTP request that the module makes of its own, to a cluster of Envoy's.
 *
 * It is made from a root context: the host cancels the calls of a connection's context with it (read in
 * Envoy's source/extensions/common/wasm/context.cc; tried from `proxy_on_tick`, Envoy 1.39.3).
 */
import { proxy_http_call } from "@solo-io/proxy-runtime/assembly/imports";
import { Span } from "../wire/span";
import { firstAnswer } from "./memory";
import { OK } from "./result";

/** No trailers: their count, 0. */
const NO_TRAILERS = memory.data(4);

/**
 * Sends a request.
 *
 * @param cluster its name
 * @param headers as the host takes them, see headers.ts: `:method`, `:path` and `:authority` among them
 * @param body `length` bytes at `body`, copied by the host
 * @param timeout in ms, for the whole answer
 * @returns the number by which the answer is known, or -1 where nothing was sent, as when there is no such
 *   cluster
 */
export function sendRequest(
  cluster: Span,
  headers: Span,
  body: usize,
  length: u32,
  timeout: u32,
): i64 {
  const token = firstAnswer();
  store<u32>(token, 0);
  const result = proxy_http_call(
    cluster.start,
    cluster.length,
    headers.start,
    headers.length,
    body,
    length,
    NO_TRAILERS,
    4,
    timeout,
    token,
  );
  return result == OK ? <i64>load<u32>(token) : -1;
}
