/**
 * What the policies say of the request that was just read, carried out on its bytes.
 */
import { RefusalReason } from "../call/vocabulary";
import { flagOf, isTwoway, requestIdOf, serializationOf } from "../dubbo/header";
import { FASTJSON2, HESSIAN2 } from "../dubbo/tables";
import { now } from "../host/clock";
import { Metric } from "../metrics/definitions";
import { cellKey, Series } from "../metrics/series";
import { Plugin } from "../plugin";
import { Policies } from "../policy/policies";
import { Refusals, writeHeartbeat } from "./refusals";

/** What becomes of a request. */
export const enum Policed {
  /** It goes on. */
  PASSES,
  /** What goes on in its place, if anything does, was appended to the splice. */
  REFUSED,
  /** It is refused and cannot be answered: too many wait. */
  UNANSWERABLE,
}

/**
 * Decides on the request whose call the plugin has just described.
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
): Policed {
  if (isSure && policies.isEmpty) return Policed.PASSES;
  const call = plugin.call;
  const time = policies.usesTime ? now() : 0;
  const reason = isSure ? RefusalReason.DENIED : unsureReason(header);
  const isRefused = policies.refuses(call, isSure, reason, plugin.ledger.holds, time);
  if (policies.shadowReason < 0 && policies.limitPassed < 0 && !isRefused) return Policed.PASSES;
  const series = plugin.registry.resolve(call);
  const recorder = plugin.recorder;
  if (policies.shadowReason >= 0 && !isRefused) {
    const key = cellKey(Metric.SHADOW_REFUSED, policies.shadowReason, policies.shadowPolicy);
    recorder.add(series, key, 1);
  }
  if (policies.limitPassed >= 0 && !isRefused) {
    recorder.add(series, cellKey(Metric.LIMITED_ALLOWED, policies.limitPassed), 1);
  }
  if (!isRefused) return Policed.PASSES;
  return refuse(plugin, policies, header, series, refusals);
}

/** Refuses a request that is too long to be read, before its body has come; nothing is to go on before it. */
export function refuseTooLarge(
  plugin: Plugin,
  policies: Policies,
  header: usize,
  refusals: Refusals,
): Policed {
  policies.refuseUnread(RefusalReason.TOO_LARGE);
  const series = plugin.registry.otherOf(plugin.side);
  plugin.splice.before.clear();
  return refuse(plugin, policies, header, series, refusals);
}

/** Refuses the request whose call the plugin has just described: it cannot be written anew. */
export function refuseUnwritten(
  plugin: Plugin,
  policies: Policies,
  header: usize,
  refusals: Refusals,
): Policed {
  policies.refuseUnread(RefusalReason.UNREADABLE);
  return refuse(plugin, policies, header, plugin.registry.resolve(plugin.call), refusals);
}

function refuse(
  plugin: Plugin,
  policies: Policies,
  header: usize,
  series: Series,
  refusals: Refusals,
): Policed {
  const splice = plugin.splice;
  splice.out.write(splice.before.start, splice.before.length);
  const key = cellKey(Metric.REFUSED_REQUESTS, policies.reason, policies.policy);
  plugin.recorder.add(series, key, 1);
  const flag = flagOf(header);
  // Nobody waits for an answer: it is dropped.
  if (!isTwoway(flag)) return Policed.REFUSED;
  const id = requestIdOf(header);
  if (!refusals.add(id, serializationOf(flag), policies.answer)) return Policed.UNANSWERABLE;
  writeHeartbeat(splice.out, id);
  return Policed.REFUSED;
}

/** Why a request is not known to its end. */
function unsureReason(header: usize): RefusalReason {
  const serialization = serializationOf(flagOf(header));
  if (serialization != HESSIAN2 && serialization != FASTJSON2) return RefusalReason.SERIALIZATION;
  return RefusalReason.UNREADABLE;
}
