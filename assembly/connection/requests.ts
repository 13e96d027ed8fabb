/**
 * Requests: from a head to its call, what rules and policies say of it, and the beginning of the call.
 */
import { knownSerialization } from "../call/serializations";
import { CallKind, Direction, Obstacle, Protocol, Reason, Side } from "../call/vocabulary";
import {
  bodyLengthOf,
  flagOf,
  HEADER_LENGTH,
  isEvent,
  isRequest,
  isTwoway,
  mayBeFrame,
  requestIdOf,
  serializationOf,
} from "../dubbo/header";
import { InFlightList } from "../ledger/in_flight";
import { Metric } from "../metrics/definitions";
import { NO_PERIOD } from "../metrics/registry";
import { cellKey, Series } from "../metrics/series";
import { Plugin } from "../plugin";
import { hasReadableTail, headLength, readInvocation, readTailOf } from "../serialization/bodies";
import { mayHoldContext } from "../telemetry/context_search";
import { dropNotedCall } from "../telemetry/noted_call";
import { failed, INCOMPLETE, UNSUPPORTED } from "../wire/position";
import { endCall } from "./answers";
import { callbackTime } from "./callback_time";
import { Half, NO_FAULT } from "./half";
import { KnownHeads } from "./known_heads";
import { decide } from "./request_routing";
import { RuledRequests } from "./ruled_requests";
import { Mode } from "./verdict";

/**
 * What is done with what the client has begun to send, where requests may be changed or refused.
 *
 * @param length how many bytes of it are there, at `header`
 */
export function modeOfRequest(
  plugin: Plugin,
  ruled: RuledRequests,
  header: usize,
  length: u32,
): Mode {
  const routing = ruled.routing;
  if (!mayBeFrame(header, length)) {
    return routing.isStrict ? cutOff(plugin, Obstacle.FOREIGN) : Mode.OBSERVE;
  }
  if (length < HEADER_LENGTH) return Mode.HOLD;
  const body = bodyLengthOf(header);
  const isBelievable = body <= plugin.settings.maxBodyBytes;
  const flag = flagOf(header);
  const isCall = isRequest(flag) && !isEvent(flag);
  if (isBelievable && !isCall) return Mode.OBSERVE;
  if (isBelievable && body <= routing.maxRewriteBytes) return Mode.HOLD;
  if (isBelievable) return withoutRoom(ruled);
  return routing.isStrict ? cutOff(plugin, Obstacle.TOO_LARGE) : Mode.OBSERVE;
}

/** What is done with a request that is not held because it is too long, or because there is no room. */
export function withoutRoom(ruled: RuledRequests): Mode {
  return ruled.routing.isStrict ? Mode.DROP : Mode.OBSERVE;
}

function cutOff(plugin: Plugin, obstacle: Obstacle): Mode {
  plugin.add(Metric.REFUSED_CONNECTIONS, 1, obstacle);
  return Mode.CUT_OFF;
}

/**
 * Reads what is offered of a request's head.
 *
 * @param ruled what the connection remembers of its requests, or null
 * @returns whether it was read as far as it will be; else more bytes are awaited
 */
export function readRequest(
  plugin: Plugin,
  half: Half,
  header: usize,
  ruled: RuledRequests | null,
): bool {
  const serialization = serializationOf(flagOf(header));
  const invocation = plugin.invocation;
  const end = half.body + half.bodyLength;
  const side = sideOfCall(plugin, <Direction>half.direction);
  const heads = plugin.heads;
  const registry = plugin.registry;
  const period = registry.period;
  let head: u32 = 0;
  if (heads) {
    let known = heads.findLast(side, serialization, half.body, end, period);
    if (known) {
      head = heads.lastLength;
    } else {
      head = headLength(serialization, half.body, end);
      if (head != 0) known = heads.find(side, serialization, half.body, head, period);
    }
    if (known) {
      if (!plugin.readsContextsOnly || isSettled(plugin, half, heads, head, end)) {
        half.series = known;
        return true;
      }
      if (awaitsTail(plugin, half, header, heads)) {
        half.series = known;
        return false;
      }
    }
  }
  const result = readInvocation(serialization, half.body, end, invocation);
  if (result == INCOMPLETE && !half.bodyComplete && half.keep()) return false;
  if (plugin.notesCalls && invocation.headRead && !half.noted) {
    half.noted = plugin.beginNoted(callbackTime());
  }
  const isPoliced = ruled !== null && half.direction == Direction.DOWNSTREAM;
  if (ruled && isPoliced && !half.isDropped) {
    plugin.forgetDecision();
    ruled.verdict = decide(plugin, ruled, half, header, result);
    ruled.note(plugin);
  }
  const isCut = half.bodyLength < bodyLengthOf(header);
  if (!invocation.headRead) {
    half.series = registry.otherOf(side);
    if (result != UNSUPPORTED) {
      const isLong = result == INCOMPLETE && isCut;
      half.setFault(isLong ? Reason.HEAD_TOO_LONG : Reason.MALFORMED_REQUEST);
      if (half.isStarved) half.setFault(Reason.OVERLOAD);
    }
    return true;
  }
  // Attachments after the window were not looked at, so they are not malformed; nor are those that
  // are not there.
  const isUnseen = (result == INCOMPLETE && isCut) || invocation.attachmentsRead;
  if (failed(result) && result != UNSUPPORTED && !isUnseen && !plugin.readsContextsOnly) {
    half.setFault(Reason.MALFORMED_ATTACHMENTS);
  }
  if (half.isStarved) half.setFault(Reason.OVERLOAD);
  const series = registry.resolve(plugin.describeCall(side));
  half.series = series;
  const noted = half.noted;
  if (noted) plugin.note(noted, isPoliced);
  half.isPathOverruled = plugin.isPathOverruled;
  // A generic call's method stands after its head.
  const isGood = head != 0 && (plugin.readsContextsOnly || result == half.body + head);
  if (heads && isGood && half.fault == NO_FAULT && !invocation.isGeneric) {
    const goodIn = registry.periodOf(series);
    if (goodIn != NO_PERIOD) {
      const start = plugin.contextlessAttachments;
      const length: u32 = start == 0 ? 0 : <u32>(end - start);
      heads.learn(side, serialization, half.body, head, series, goodIn, start, length);
    }
  }
  return true;
}

/**
 * Whether the call is settled whose head, `head` bytes long, was found last: its body, which ends at `end`, holds no
 * context of its caller's, so that chance alone says whether it is told. Else its attachments must be read.
 */
function isSettled(plugin: Plugin, half: Half, heads: KnownHeads, head: u32, end: usize): bool {
  const tracing = plugin.tracing;
  if (!half.bodyComplete || !tracing) return false;
  const rest = half.body + head;
  const isAsKnown = heads.endsAsKnown(rest, end);
  if (!tracing.isLucky()) {
    if (!isAsKnown && mayHoldContext(rest, end)) return false;
    tracing.pass();
    return true;
  }
  if (!isAsKnown) return false;
  plugin.query!.clear();
  half.noted = plugin.beginNoted(callbackTime());
  return true;
}

/**
 * Whether only the tail of the body is looked at for a context, whose head was found last: chance does not want the
 * call, some of its body is not at hand, and a call to the method had no context before. Then it is awaited.
 */
function awaitsTail(plugin: Plugin, half: Half, header: usize, heads: KnownHeads): bool {
  const tracing = plugin.tracing;
  if (!tracing || half.bodyLength == bodyLengthOf(header) || tracing.isLucky()) return false;
  if (!heads.lastHasEnd || !hasReadableTail(serializationOf(flagOf(header)))) return false;
  if (!half.skipToTail()) return false;
  tracing.pass();
  return true;
}

/**
 * Reads what is offered of the tail of a request that chance does not want: only a context of its caller's makes
 * it told.
 *
 * @returns whether it was read as far as it will be; else more bytes are awaited
 */
export function readTail(plugin: Plugin, half: Half): bool {
  if (!half.bodyComplete && half.keep()) return false;
  const tail = half.body;
  const end = tail + half.bodyLength;
  if (plugin.heads!.endsAsKnown(tail, end) || !mayHoldContext(tail, end)) return true;
  const serialization = serializationOf(flagOf(half.header));
  if (!readTailOf(serialization, tail, end, plugin.query!)) return true;
  half.noted = plugin.beginNoted(callbackTime(), true);
  return true;
}

/**
 * A request's last byte has passed, at `time` (ns); it has a series. All that is counted of it is counted here: of
 * one whose last byte never comes it would depend on the reads how much of it was seen.
 */
export function onRequest(
  plugin: Plugin,
  half: Half,
  header: usize,
  calls: InFlightList,
  ruled: RuledRequests | null,
  time: u64,
): void {
  const flag = flagOf(header);
  const series = half.series!;
  half.series = null;
  if (half.isPathOverruled) {
    half.isPathOverruled = false;
    plugin.recorder.add(series, cellKey(Metric.PATH_MISMATCHES), 1);
  }
  if (ruled && half.direction == Direction.DOWNSTREAM) ruled.count(plugin);
  const bytes = <i64>HEADER_LENGTH + bodyLengthOf(header);
  const kind = isTwoway(flag) ? CallKind.TWOWAY : CallKind.ONEWAY;
  const serialization = knownSerialization(serializationOf(flag));
  plugin.ledger.asked(series, Protocol.DUBBO, kind, serialization, bytes);
  if (kind == CallKind.TWOWAY) follow(plugin, half, header, series, calls, time);
  const noted = half.noted;
  if (noted) {
    half.noted = null;
    dropNotedCall(noted);
  }
  const policies = plugin.settings.policies;
  // What is not followed is not in flight either.
  if (policies && policies.holds != 0) policies.giveBack(plugin.ledger.holds);
}

/** Counts the client's request that is passing as if it had passed, at `time`: its answer will not wait. */
export function takeUnfinished(
  plugin: Plugin,
  half: Half,
  calls: InFlightList,
  ruled: RuledRequests | null,
  time: u64,
): void {
  if (!half.hasHeader) return;
  const flag = flagOf(half.header);
  if (!isRequest(flag) || isEvent(flag) || !isTwoway(flag)) return;
  if (!half.series) {
    half.offerKept();
    readRequest(plugin, half, half.header, ruled);
    // That it has not all come is no fault of its head's.
    if (half.fault == Reason.HEAD_TOO_LONG) half.fault = NO_FAULT;
  }
  half.accept();
  onRequest(plugin, half, half.header, calls, ruled, time);
}

function follow(
  plugin: Plugin,
  half: Half,
  header: usize,
  series: Series,
  calls: InFlightList,
  time: u64,
): void {
  const direction = <Direction>half.direction;
  const id = requestIdOf(header);
  const serialization = serializationOf(flagOf(header));
  const ledger = plugin.ledger;
  const table = ledger.calls;
  if (table.mayHave(calls, id)) {
    const twin = table.find(calls, direction, id);
    if (twin) endCall(plugin, twin, ledger.ending.untracked(time));
  }
  if (calls.count >= plugin.settings.maxInFlight || table.isFull) {
    const oldest = calls.oldest;
    if (!oldest) return ledger.neverFollowed(series);
    endCall(plugin, oldest, ledger.ending.untracked(time));
  }
  const call = table.start(calls, direction, id, serialization, series, time);
  call.requestBytes = <i64>HEADER_LENGTH + bodyLengthOf(header);
  call.noted = half.noted;
  half.noted = null;
  const policies = plugin.settings.policies;
  if (policies) {
    call.holds = policies.holds;
    policies.holds = 0;
  }
  ledger.begin(call);
}

/** In a call that the server makes, consumer and provider have changed places. */
function sideOfCall(plugin: Plugin, direction: Direction): Side {
  const side = plugin.side;
  if (direction == Direction.DOWNSTREAM) return side;
  return side == Side.CONSUMER ? Side.PROVIDER : Side.CONSUMER;
}
