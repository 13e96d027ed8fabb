/**
 * What the policies say of an HTTP request, carried out by Envoy's own answer.
 *
 * The policies are those of the Dubbo protocol. A call over HTTP is served by its path, so there is nothing
 * else to ask about, and its headers are always read.
 */
import { Call } from "../call/call";
import { RefusalReason } from "../call/vocabulary";
import { now } from "../host/clock";
import { sendLocalResponse } from "../host/local_response";
import { PeerPrincipal } from "../host/peer_principal";
import { SourceAddress } from "../host/source_address";
import { Metric } from "../metrics/definitions";
import { cellKey } from "../metrics/series";
import { Plugin } from "../plugin";
import { Policies } from "../policy/policies";
import { Routing } from "../routing/routing";

/** HTTP's code for each of gRPC's statuses (gRPC's own mapping, the other way round). */
const HTTP_CODES = memory.data<u16>([
  200, 499, 500, 400, 504, 404, 409, 403, 429, 400, 409, 400, 501, 500, 503, 500, 401,
]);

/** Whether the call is refused; then Envoy answers it, and its iteration must be stopped. */
export function policeHeaders(
  plugin: Plugin,
  policies: Policies,
  routing: Routing,
  call: Call,
): bool {
  const address = new SourceAddress();
  const principal = new PeerPrincipal();
  if (routing.usesAddress) call.address = address.get();
  call.principal.clear();
  if (routing.usesPrincipal) call.principal.point(principal.get());
  policies.others.clear();
  const time = policies.usesTime ? now() : 0;
  const holds = plugin.ledger.holds;
  const isRefused = policies.refuses(call, true, RefusalReason.DENIED, holds, time);
  call.address = 0;
  call.principal.clear();
  heap.free(changetype<usize>(address));
  principal.free();
  count(plugin, policies, call, isRefused);
  if (!isRefused) return false;
  const status = policies.answer.grpcStatus;
  sendLocalResponse(load<u16>(HTTP_CODES + (status << 1)), status, policies.answer.message);
  return true;
}

function count(plugin: Plugin, policies: Policies, call: Call, isRefused: bool): void {
  if (policies.shadowReason < 0 && policies.limitPassed < 0 && !isRefused) return;
  const series = plugin.registry.resolve(call);
  const recorder = plugin.recorder;
  const protocol = call.protocol;
  if (isRefused) {
    const reason = policies.reason;
    recorder.add(series, cellKey(Metric.REFUSED_REQUESTS, reason, policies.policy, protocol), 1);
    return;
  }
  if (policies.shadowReason >= 0) {
    const reason = policies.shadowReason;
    const key = cellKey(Metric.SHADOW_REFUSED, reason, policies.shadowPolicy, protocol);
    recorder.add(series, key, 1);
  }
  if (policies.limitPassed >= 0) {
    recorder.add(series, cellKey(Metric.LIMITED_ALLOWED, policies.limitPassed, 0, protocol), 1);
  }
}
