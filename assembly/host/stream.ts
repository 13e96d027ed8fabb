/**
 * The connection of the context that runs: closing it, and letting it go on.
 */
import {
  proxy_close_stream,
  proxy_continue_stream,
  proxy_set_effective_context,
} from "@solo-io/proxy-runtime/assembly/imports";

/** proxy-wasm ABI 0.2.1, `proxy_stream_type_t`. */
const REQUEST: i32 = 0;
const DOWNSTREAM: i32 = 2;

/** Closes the client's connection. */
export function closeDownstream(): void {
  proxy_close_stream(DOWNSTREAM);
}

/** Closes the client's connection `contextId`; call it in another context. */
export function closeDownstreamOf(contextId: u32, currentId: u32): void {
  proxy_set_effective_context(contextId);
  proxy_close_stream(DOWNSTREAM);
  proxy_set_effective_context(currentId);
}

/** Lets connection `contextId`, which was stopped, go on; call it in another context. */
export function continueDownstream(contextId: u32, currentId: u32): void {
  proxy_set_effective_context(contextId);
  letGoOn();
  proxy_set_effective_context(currentId);
}

/** Lets HTTP request `contextId`, which was stopped, go on; call it in another context. */
export function continueRequest(contextId: u32, currentId: u32): void {
  proxy_set_effective_context(contextId);
  proxy_continue_stream(REQUEST);
  proxy_set_effective_context(currentId);
}

/** What follows is done in context `contextId`, until it is another's turn. */
export function actAs(contextId: u32): void {
  proxy_set_effective_context(contextId);
}

/**
 * Lets the client's bytes that are there go on once the callback has returned, also if it then stops those
 * that come.
 */
export function letGoOn(): void {
  proxy_continue_stream(DOWNSTREAM);
}
