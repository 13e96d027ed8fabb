/**
 * What the policies say of an HTTP request, carried out by Envoy's own answer.
 *
 * The policies are those of the Dubbo protocol. A call over HTTP is served by its path, and its headers are always
 * read. As Dubbo Java runs a service for whatever has its path, also what is no call to us is asked about.
 */
import { Call } from "../call/call";
import { RefusalReason } from "../call/vocabulary";
import { now } from "../host/clock";
import { sendLocalResponse } from "../host/local_response";
import { PeerPrincipal } from "../host/peer_principal";
import { SourceAddress } from "../host/source_address";
import { Plugin } from "../plugin";
import { Policies } from "../policy/policies";
import { tally } from "../policy/tally";
import { Routing } from "../routing/routing";

/** HTTP's code for each of gRPC's statuses (gRPC's own mapping, the other way round). */
const HTTP_CODES = memory.data<u16>([
  200, 499, 500, 400, 504, 404, 409, 403, 429, 400, 409, 400, 501, 500, 503, 500, 401,
]);

/**
 * Whether the call is refused; then Envoy answers it, and its iteration must be stopped.
 *
 * @param isCall whether the request is one; of another only its path is asked about
 */
export function policeHeaders(
  plugin: Plugin,
  policies: Policies,
  routing: Routing,
  call: Call,
  isCall: bool,
): bool {
  const address = new SourceAddress();
  const principal = new PeerPrincipal();
  if (routing.usesAddress) call.address = address.get();
  call.principal.clear();
  if (routing.usesPrincipal) call.principal.point(principal.get());
  let isRefused = false;
  if (isCall) {
    const time = policies.usesTime ? now() : 0;
    isRefused = policies.refuses(call, true, RefusalReason.DENIED, plugin.ledger.holds, time);
  } else {
    isRefused = policies.deniesPath(call);
  }
  call.address = 0;
  call.principal.clear();
  heap.free(changetype<usize>(address));
  principal.free();
  const series = isCall ? plugin.registry.resolve(call) : plugin.registry.otherOf(plugin.side);
  tally(plugin.recorder, policies, series, call.protocol);
  if (!isRefused) return false;
  const status = policies.answer.grpcStatus;
  sendLocalResponse(load<u16>(HTTP_CODES + (status << 1)), status, policies.answer.message);
  return true;
}
