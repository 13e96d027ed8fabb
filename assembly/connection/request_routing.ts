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
import { Metric } from "../metrics/definitions";
import { cellKey } from "../metrics/series";
import { Plugin } from "../plugin";
import { Routing } from "../routing/routing";
import { RoutingRule } from "../routing/routing_rule";
import { rewriteAttachments } from "../serialization/bodies";
import { police, Policed, refuseUnwritten } from "./policing";
import { Route } from "./route";
import { Decision } from "./verdict";

/**
 * Decides on the request whose invocation `plugin` has just read.
 *
 * @param header the sixteen bytes of the frame's header
 * @param body, bodyLength the bytes of its body that are there
 * @param result what reading the invocation answered
 * @param route what the connection remembers; its `isHeld` says whether nothing of the frame has gone on
 */
export function decide(
  plugin: Plugin,
  routing: Routing,
  header: usize,
  body: usize,
  bodyLength: u32,
  result: usize,
  route: Route,
): Decision {
  route.taken = null;
  routing.rules.isUndecided = false;
  const invocation = plugin.invocation;
  const end = body + bodyLength;
  const isWhole = bodyLength == bodyLengthOf(header);
  const isHeld = route.isHeld;
  if (isWhole) invocation.endBody(result, end);
  if (invocation.headRead) plugin.describeCall(plugin.side);
  else plugin.call.clear();
  const policies = plugin.settings.policies;
  if (policies && isHeld) {
    const isSure = invocation.attachmentsRead && !invocation.isDoubtful;
    plugin.tellOtherNames(policies.others);
    const policed = police(plugin, policies, header, isSure, route.refusals);
    if (policed != Policed.PASSES) return decisionOf(policed);
  }
  let rule: RoutingRule | null = null;
  if (invocation.headRead) rule = routing.rules.find(plugin.call);
  if (rule) {
    plugin.recorder.add(rule.series, cellKey(Metric.ROUTED), 1);
    route.taken = rule.cluster;
  }

  const change = routing.changeFor(rule, plugin.propagation);
  let obstacle: Obstacle;
  if (invocation.attachmentsRead && isHeld) {
    if (!change.changesAnything()) return Decision.KEEP;
    if (rewrite(plugin, change, header, body, end)) return Decision.REWRITE;
    if (policies && routing.hasProtectedKeys) {
      return decisionOf(refuseUnwritten(plugin, policies, header, route.refusals));
    }
    obstacle = Obstacle.REFERENCES;
  } else {
    // Nothing is known of what the caller wrote: it is no loss only where no rule would change it.
    const isLoss = routing.rules.isUndecided || (rule !== null && rule.mayChange);
    if (!routing.rewrites || !isLoss) return Decision.KEEP;
    obstacle = obstacleOf(header, isWhole && isHeld);
  }
  plugin.add(Metric.UNREWRITTEN, 1, obstacle);
  return Decision.KEEP;
}

function decisionOf(policed: Policed): Decision {
  return policed == Policed.REFUSED ? Decision.REWRITE : Decision.REFUSE;
}

function obstacleOf(header: usize, isWhole: bool): Obstacle {
  const serialization = serializationOf(flagOf(header));
  if (serialization != HESSIAN2 && serialization != FASTJSON2) return Obstacle.SERIALIZATION;
  return isWhole ? Obstacle.UNDECODABLE : Obstacle.TOO_LARGE;
}

/** Appends what goes on before the frame, and the changed frame, to the plugin's splice; or nothing. */
function rewrite(
  plugin: Plugin,
  change: AttachmentChange,
  header: usize,
  body: usize,
  end: usize,
): bool {
  const invocation = plugin.invocation;
  const out = plugin.splice.out;
  const before = plugin.splice.before;
  const start = invocation.attachmentsStart;
  const behind = invocation.attachmentsEnd;
  const length = out.length;
  out.write(before.start, before.length);
  const frame = out.length;
  const isInOnePiece = body == header + HEADER_LENGTH;
  if (!isInOnePiece) out.write(header, HEADER_LENGTH);
  const first = isInOnePiece ? header : body;
  out.write(first, <u32>(start - first));
  const serialization = serializationOf(flagOf(header));
  if (!rewriteAttachments(serialization, start, behind, change, out)) {
    out.cut(length);
    return false;
  }
  out.write(behind, <u32>(end - behind));
  out.patchU32(frame + <u32>BODY_LENGTH_OFFSET, out.length - frame - HEADER_LENGTH);
  return true;
}
