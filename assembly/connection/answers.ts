/**
 * Answers and events, and the ends of calls.
 */
import { Direction, EventLabel, Outcome, Reason } from "../call/vocabulary";
import { dubboStatus } from "../call/statuses";
import {
  bodyLengthOf,
  flagOf,
  HEADER_LENGTH,
  isRequest,
  mayBeFrame,
  requestIdOf,
  serializationOf,
  statusOf,
} from "../dubbo/header";
import { EventKind, ResultKind, STATUS_OK } from "../dubbo/tables";
import { InFlight, InFlightList } from "../ledger/in_flight";
import { EndKind, Ending } from "../ledger/ledger";
import { Metric } from "../metrics/definitions";
import { Plugin } from "../plugin";
import { readExceptionClass } from "../serialization/exception_class";
import { NO_KIND, readEventKind, readResultKind } from "../serialization/bodies";
import { dropThrown, takeThrown } from "../telemetry/thrown";
import { failed, INCOMPLETE } from "../wire/position";
import { Span } from "../wire/span";
import { Half } from "./half";
import { RuledRequests } from "./ruled_requests";
import { Mode } from "./verdict";

const CLASS = memory.data(16);

/**
 * Reads what is offered of an answer's head.
 *
 * @returns whether it was read as far as it will be; else more bytes are awaited
 */
export function readAnswer(plugin: Plugin, half: Half, header: usize): bool {
  if (statusOf(header) != STATUS_OK) {
    half.outcome = <u8>Outcome.ERROR;
    return true;
  }
  const serialization = serializationOf(flagOf(header));
  const kind = readResultKind(serialization, half.body, half.body + half.bodyLength);
  if (kind == NO_KIND) {
    if (!half.bodyComplete && half.keep()) return false;
    half.setFault(Reason.MALFORMED_RESPONSE);
  }
  const outcome = outcomeOf(kind);
  half.outcome = <u8>outcome;
  if (outcome != Outcome.EXCEPTION || !plugin.tellsExceptions) return true;
  return readThrown(half, serialization);
}

/** Reads the class of an answer's exception, if it can be. */
function readThrown(half: Half, serialization: u8): bool {
  const name = changetype<Span>(CLASS);
  const end = half.body + half.bodyLength;
  const read = readExceptionClass(serialization, half.body, end, name);
  if (read == INCOMPLETE && !half.bodyComplete && half.keep()) return false;
  if (!failed(read)) half.thrown = takeThrown(name);
  return true;
}

/** The same of an event, whoever sends it. */
export function readEvent(half: Half, header: usize): bool {
  if (!half.bodyComplete && half.keep()) return false;
  // An event that is longer than the window is none that Dubbo sends.
  const isWhole = half.bodyLength == bodyLengthOf(header);
  let kind = isWhole ? readEventKind(half.body, half.bodyLength) : EventKind.OTHER;
  const isAsked = isRequest(flagOf(header));
  // Only a request announces something; what else answers a heartbeat answers it with status OK.
  if (!isAsked && (kind != EventKind.HEARTBEAT || statusOf(header) != STATUS_OK)) {
    kind = EventKind.OTHER;
  }
  if (kind == EventKind.OTHER) half.setFault(Reason.MALFORMED_EVENT);
  half.event = <u8>eventLabel(kind, isAsked);
  return true;
}

/** An answer's last byte has passed, at `time` (ns). */
export function onAnswer(
  plugin: Plugin,
  half: Half,
  header: usize,
  calls: InFlightList,
  time: u64,
): void {
  const thrown = half.thrown;
  half.thrown = null;
  const asked = half.direction == Direction.UPSTREAM ? Direction.DOWNSTREAM : Direction.UPSTREAM;
  const call = plugin.ledger.calls.find(calls, asked, requestIdOf(header));
  if (call) {
    const bytes = HEADER_LENGTH + bodyLengthOf(header);
    const status = dubboStatus(statusOf(header));
    const ending = plugin.ledger.ending;
    ending.answer(EndKind.ANSWERED, status, half.outcome, bytes, time);
    ending.thrown = thrown;
    endCall(plugin, call, ending);
  } else {
    plugin.add(Metric.UNMATCHED_RESPONSES, 1, half.direction);
  }
  if (thrown) dropThrown(thrown);
}

/** Ends `call`, which may not be used afterwards. */
export function endCall(plugin: Plugin, call: InFlight, ending: Ending): void {
  const ledger = plugin.ledger;
  ledger.end(call, ending);
  ledger.calls.end(call);
}

/** Ends all calls of a connection. */
export function endCalls(plugin: Plugin, calls: InFlightList, ending: Ending): void {
  let call = calls.oldest;
  while (call) {
    endCall(plugin, call, ending);
    call = calls.oldest;
  }
}

/**
 * What is done with what the server has begun to send while refused requests wait: only what may be the
 * answer to a heartbeat that went on in a request's place is held.
 *
 * @param length how many bytes of it are there, at `header`
 */
export function modeOfAnswer(ruled: RuledRequests, header: usize, length: u32): Mode {
  if (!mayBeFrame(header, length)) return Mode.OBSERVE;
  const refusals = ruled.refusals;
  if (length < HEADER_LENGTH) return refusals.isWaiting ? Mode.HOLD : Mode.OBSERVE;
  return refusals.find(header, requestIdOf(header)) ? Mode.HOLD : Mode.OBSERVE;
}

/**
 * Writes the refusal that its caller gets in the place of a heartbeat's answer to the plugin's splice.
 *
 * @param header of the heartbeat's answer, for which a refused request waits
 * @returns where in the splice's output the refusal begins
 */
export function writeRefusal(plugin: Plugin, ruled: RuledRequests, header: usize): u32 {
  const refusals = ruled.refusals;
  const refused = refusals.find(header, requestIdOf(header))!;
  const out = plugin.splice.open();
  const at = out.length;
  refused.answer.write(out, refused.id, refused.serialization);
  refusals.remove(refused);
  return at;
}

function outcomeOf(kind: i32): Outcome {
  switch (kind) {
    case ResultKind.VALUE:
    case ResultKind.NULL:
    case ResultKind.VALUE_WITH_ATTACHMENTS:
    case ResultKind.NULL_WITH_ATTACHMENTS:
      return Outcome.SUCCESS;
    case ResultKind.EXCEPTION:
    case ResultKind.EXCEPTION_WITH_ATTACHMENTS:
      return Outcome.EXCEPTION;
    default:
      return Outcome.UNKNOWN;
  }
}

function eventLabel(kind: EventKind, isRequest: bool): EventLabel {
  switch (kind) {
    case EventKind.HEARTBEAT:
      return isRequest ? EventLabel.HEARTBEAT_REQUEST : EventLabel.HEARTBEAT_RESPONSE;
    case EventKind.READONLY:
      return EventLabel.READONLY;
    case EventKind.WRITEABLE:
      return EventLabel.WRITEABLE;
    default:
      return EventLabel.OTHER;
  }
}
