/**
 * The callbacks that Envoy calls: each finds its context and hands over.
 *
 * Source: proxy-wasm ABI 0.2.1 for network and HTTP filters. This is the only file with exports to the host.
 */
import "./unpack";
import { Callback, noteCallback, noteClose } from "./callbacks";
import { configure, warnOfVmConfiguration } from "./configure";
import {
  connectionOf,
  createContext,
  deleteContext,
  endDelays,
  endContext,
  httpCallOf,
  pluginOf,
  Start,
  startConnection,
  startStream,
} from "./contexts";
import { HeaderMap } from "./host/headers";
import { lend } from "./host/memory";
import { ClosedBy } from "./call/vocabulary";
import { closeDeparted } from "./connection/departure";
import { loseWaiting } from "./connection/first_request";

/** Go on with the bytes, or the connection. */
const CONTINUE: u32 = 0;
/** Wait: for a connection's first request, or for a delayed one, or for ever where a call is refused. */
const STOP_ITERATION: u32 = 1;
/** Wait with all of a request, as it comes (proxy-wasm-cpp-host, `FilterHeadersStatus`). */
const STOP_ALL_ITERATION_AND_WATERMARK: u32 = 4;
/** `proxy_on_downstream_connection_close`: who closed (proxy-wasm ABI, `proxy_peer_type_t`). */
const PEER_LOCAL: u32 = 1;
const PEER_REMOTE: u32 = 2;

/** Tells the host which ABI the module speaks. */
export function proxy_abi_version_0_2_1(): void {}

/** The host asks for `size` bytes to put an answer into. */
export function malloc(size: u32): usize {
  return lend(size);
}

/** The same under the name that newer hosts look for. */
export function proxy_on_memory_allocate(size: u32): usize {
  return lend(size);
}

export function proxy_on_vm_start(_rootId: u32, configurationSize: u32): u32 {
  warnOfVmConfiguration(configurationSize);
  return 1;
}

/** Answers 0 for a configuration that is not right; the host then refuses the plugin. */
export function proxy_on_configure(rootId: u32, configurationSize: u32): u32 {
  const accepted = configure(rootId, configurationSize);
  // Reading a configuration makes garbage; nothing later does.
  __collect();
  return accepted ? 1 : 0;
}

export function proxy_on_tick(rootId: u32): void {
  noteCallback(Callback.TICK);
  const plugin = pluginOf(rootId);
  if (!plugin) return;
  plugin.onTick();
  loseWaiting(rootId);
  closeDeparted(rootId);
  endDelays(rootId);
}

export function proxy_on_context_create(id: u32, rootId: u32): void {
  createContext(id, rootId);
}

export function proxy_on_new_connection(id: u32): u32 {
  const connection = startConnection(id);
  return connection && connection.awaitsRequest ? STOP_ITERATION : CONTINUE;
}

export function proxy_on_downstream_data(id: u32, size: u32, endOfStream: u32): u32 {
  noteCallback(Callback.DOWNSTREAM_DATA);
  const connection = connectionOf(id);
  if (!connection) return CONTINUE;
  return connection.onDownstreamData(size, endOfStream != 0) ? CONTINUE : STOP_ITERATION;
}

export function proxy_on_upstream_data(id: u32, size: u32, endOfStream: u32): u32 {
  noteCallback(Callback.UPSTREAM_DATA);
  const connection = connectionOf(id);
  if (!connection) return CONTINUE;
  connection.onUpstreamData(size, endOfStream != 0);
  if (endOfStream != 0) connection.onEnd(ClosedBy.LOCAL);
  return CONTINUE;
}

export function proxy_on_downstream_connection_close(id: u32, peer: u32): void {
  noteClose();
  const connection = connectionOf(id);
  if (!connection) return;
  if (peer == PEER_LOCAL) connection.onEnd(ClosedBy.LOCAL);
  else if (peer == PEER_REMOTE) connection.onEnd(ClosedBy.REMOTE);
}

/** The answer to a request of our own; without headers none came. */
export function proxy_on_http_call_response(
  rootId: u32,
  token: u32,
  headers: u32,
  _bodySize: u32,
  _trailers: u32,
): void {
  const plugin = pluginOf(rootId);
  if (plugin) plugin.onAnswer(token, headers != 0);
}

/** From here on HTTP: nothing is ever stopped but a request that a policy refuses or delays. */
export function proxy_on_request_headers(id: u32, _count: u32, _endOfStream: u32): u32 {
  const start = startStream(id);
  if (start == Start.GOES_ON) return CONTINUE;
  return start == Start.REFUSED ? STOP_ITERATION : STOP_ALL_ITERATION_AND_WATERMARK;
}

export function proxy_on_request_body(id: u32, size: u32, _endOfStream: u32): u32 {
  const call = httpCallOf(id);
  if (call) call.onRequestBody(size);
  return CONTINUE;
}

export function proxy_on_request_trailers(id: u32, _count: u32): u32 {
  const call = httpCallOf(id);
  if (call) call.onRequestTrailers();
  return CONTINUE;
}

export function proxy_on_response_headers(id: u32, _count: u32, endOfStream: u32): u32 {
  noteCallback(Callback.RESPONSE_HEADERS);
  const call = httpCallOf(id);
  if (!call) return CONTINUE;
  if (endOfStream == 0) call.onResponseHeaders();
  else call.onLastHeaders(HeaderMap.RESPONSE_HEADERS);
  return CONTINUE;
}

export function proxy_on_response_body(id: u32, size: u32, endOfStream: u32): u32 {
  const call = httpCallOf(id);
  if (call) call.onResponseBody(size, endOfStream != 0);
  return CONTINUE;
}

export function proxy_on_response_trailers(id: u32, _count: u32): u32 {
  const call = httpCallOf(id);
  if (call) call.onLastHeaders(HeaderMap.RESPONSE_TRAILERS);
  return CONTINUE;
}

/** Answers 1: nothing of ours outlives the context. */
export function proxy_on_done(id: u32): u32 {
  endContext(id);
  return 1;
}

export function proxy_on_delete(id: u32): void {
  deleteContext(id);
}
