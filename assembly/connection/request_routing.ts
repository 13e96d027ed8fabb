/**
 * What the rules say of the request that was just read, carried out on its bytes.
 */
import { AttachmentChange } from "../dubbo/attachment_change";
import {
  BODY_LENGTH_OFFSET,
  bodyLengthOf,
  flagOf,
  HEADER_LENGTH,
  serializationOf,
} from "../dubbo/header";
import { FASTJSON2, HESSIAN2 } from "../dubbo/tables";
import { Obstacle } from "../call/vocabulary";
import { Plugin } from "../plugin";
import { RoutingRule } from "../routing/routing_rule";
import { rewriteAttachments } from "../serialization/bodies";
import { Half } from "./half";
import { police, refuseUnwritten } from "./policing";
import { RuledRequests } from "./ruled_requests";
import { Verdict } from "./verdict";

/**
 * Decides on the request whose invocation `plugin` has just read, of which `half` offers the body.
 *
 * @param ruled what the connection remembers
 * @param header the sixteen bytes of the frame's header
 * @param result what reading the invocation answered
 */
export function decide(
  plugin: Plugin,
  ruled: RuledRequests,
  half: Half,
  header: usize,
  result: usize,
): Verdict {
  const routing = ruled.routing;
  const body = half.body;
  const bodyLength = half.bodyLength;
  ruled.rule = null;
  routing.rules.isUndecided = false;
  const invocation = plugin.invocation;
  const end = body + bodyLength;
  const isWhole = bodyLength == bodyLengthOf(header);
  const isHeld = ruled.isHeld;
  if (isWhole) invocation.endBody(result, end);
  if (invocation.headRead) plugin.describeCall(plugin.side);
  else plugin.call.clear();
  const policies = plugin.settings.policies;
  if (policies && isHeld) {
    const isSure = invocation.attachmentsRead && !invocation.isDoubtful;
    plugin.tellOtherNames(policies.others);
    const verdict = police(plugin, policies, header, isSure, ruled.refusals);
    if (verdict != Verdict.KEEP) return verdict;
  }
  let rule: RoutingRule | null = null;
  if (invocation.headRead) rule = routing.rules.find(plugin.call);
  ruled.rule = rule;

  const change = routing.changeFor(rule, plugin.propagation);
  if (invocation.attachmentsRead && isHeld) {
    if (!change.changesAnything()) return Verdict.KEEP;
    if (rewrite(plugin, change, header, body, end)) return Verdict.REPLACE;
    if (policies && routing.hasProtectedKeys) {
      return refuseUnwritten(plugin, policies, header, ruled.refusals);
    }
    ruled.obstacle = <u8>Obstacle.REFERENCES;
  } else {
    // Nothing is known of what the caller wrote: it is no loss only where no rule would change it.
    const isLoss = routing.rules.isUndecided || (rule !== null && rule.mayChange);
    if (!routing.rewrites || !isLoss) return Verdict.KEEP;
    ruled.obstacle = <u8>obstacleOf(header, isWhole && isHeld);
  }
  return Verdict.KEEP;
}

function obstacleOf(header: usize, isWhole: bool): Obstacle {
  const serialization = serializationOf(flagOf(header));
  if (serialization != HESSIAN2 && serialization != FASTJSON2) return Obstacle.SERIALIZATION;
  return isWhole ? Obstacle.UNDECODABLE : Obstacle.TOO_LARGE;
}

/** Writes the changed frame to the plugin's splice; or nothing, where it cannot be changed. */
function rewrite(
  plugin: Plugin,
  change: AttachmentChange,
  header: usize,
  body: usize,
  end: usize,
): bool {
  const invocation = plugin.invocation;
  const splice = plugin.splice;
  const start = invocation.attachmentsStart;
  const behind = invocation.attachmentsEnd;
  const out = splice.open();
  const frame = out.length;
  const isInOnePiece = body == header + HEADER_LENGTH;
  if (!isInOnePiece) out.write(header, HEADER_LENGTH);
  const first = isInOnePiece ? header : body;
  out.write(first, <u32>(start - first));
  const serialization = serializationOf(flagOf(header));
  if (!rewriteAttachments(serialization, start, behind, change, out)) {
    splice.cancel();
    return false;
  }
  out.write(behind, <u32>(end - behind));
  out.patchU32(frame + <u32>BODY_LENGTH_OFFSET, out.length - frame - HEADER_LENGTH);
  return true;
}
