/**
 * What the policies say of the request that was just read, carried out on its bytes.
 */
import { Obstacle, Protocol, RefusalReason } from "../call/vocabulary";
import { flagOf, isTwoway, requestIdOf, serializationOf } from "../dubbo/header";
import { FASTJSON2, HESSIAN2 } from "../dubbo/tables";
import { now } from "../host/clock";
import { Metric } from "../metrics/definitions";
import { Series } from "../metrics/series";
import { Plugin } from "../plugin";
import { Policies } from "../policy/policies";
import { tally } from "../policy/tally";
import { Refusals, writeHeartbeat } from "./refusals";
import { Verdict } from "./verdict";

/**
 * Decides on the request whose call the plugin has just described: it is kept, or dropped, or replaced by
 * a heartbeat whose answer its refusal will replace; or too many wait for that already.
 *
 * @param header the sixteen bytes of the frame's header; the whole frame is at hand
 * @param isSure whether its names were read to their end
 */
export function police(
  plugin: Plugin,
  policies: Policies,
  header: usize,
  isSure: bool,
  refusals: Refusals,
): Verdict {
  if (isSure && policies.isEmpty) return Verdict.KEEP;
  const call = plugin.call;
  const time = policies.usesTime ? now() : 0;
  const reason = isSure ? RefusalReason.DENIED : unsureReason(header);
  const isRefused = policies.refuses(call, isSure, reason, plugin.ledger.holds, time);
  if (!policies.hasFound) return Verdict.KEEP;
  const series = plugin.registry.resolve(call);
  if (!isRefused) {
    tally(plugin.recorder, policies, series, Protocol.DUBBO);
    return Verdict.KEEP;
  }
  return refuse(plugin, policies, flagOf(header), requestIdOf(header), series, refusals);
}

/** Refuses the request with this `flag` and `id`, whose bytes were dropped: it is too long to be read. */
export function refuseTooLarge(
  plugin: Plugin,
  policies: Policies,
  flag: u8,
  id: u64,
  refusals: Refusals,
): Verdict {
  policies.refuseUnread(RefusalReason.TOO_LARGE);
  const series = plugin.registry.otherOf(plugin.side);
  return refuse(plugin, policies, flag, id, series, refusals);
}

/** Refuses the request whose call the plugin has just described: it cannot be written anew. */
export function refuseUnwritten(
  plugin: Plugin,
  policies: Policies,
  header: usize,
  refusals: Refusals,
): Verdict {
  policies.refuseUnread(RefusalReason.UNREADABLE);
  const series = plugin.registry.resolve(plugin.call);
  return refuse(plugin, policies, flagOf(header), requestIdOf(header), series, refusals);
}

function refuse(
  plugin: Plugin,
  policies: Policies,
  flag: u8,
  id: u64,
  series: Series,
  refusals: Refusals,
): Verdict {
  tally(plugin.recorder, policies, series, Protocol.DUBBO);
  // Nobody waits for an answer.
  if (!isTwoway(flag)) return Verdict.DROP;
  if (!refusals.add(id, serializationOf(flag), policies.answer)) {
    plugin.add(Metric.REFUSED_CONNECTIONS, 1, Obstacle.TOO_LARGE);
    return Verdict.CUT_OFF;
  }
  writeHeartbeat(plugin.splice.open(), id);
  return Verdict.REPLACE;
}

/** Why a request is not known to its end. */
function unsureReason(header: usize): RefusalReason {
  const serialization = serializationOf(flagOf(header));
  if (serialization != HESSIAN2 && serialization != FASTJSON2) return RefusalReason.SERIALIZATION;
  return RefusalReason.UNREADABLE;
}
