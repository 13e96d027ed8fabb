/**
 * Where every call begins and ends, over TCP and over HTTP, and who is told.
 *
 *     begin(call)  ───────────────→ in flight ───────────────→ end(call, how)
 *                                                 answered, by the server or in its place
 *                                                 unanswered: its connection or stream ended first
 *                                                 untracked: it could not be followed any more
 *
 * What a request was is told apart from that by `asked`: in the Dubbo protocol when its last byte has
 * passed, which is just before it begins; over HTTP at its end, when its messages are counted. Readers
 * are called one after the other: the metrics, then telemetry.
 */
import { CallKind, ClosedBy, Outcome, Protocol } from "../call/vocabulary";
import { now } from "../host/clock";
import { Telemetry } from "../telemetry/telemetry";
import { dropNotedCall } from "../telemetry/noted_call";
import { Metric } from "../metrics/definitions";
import { Recorder } from "../metrics/recorder";
import { cellKey, Series } from "../metrics/series";
import { Holds } from "./holds";
import { InFlight, InFlightTable } from "./in_flight";
import { Kept } from "../wire/arena";
import { Span } from "../wire/span";

/** How a call ends. */
export const enum EndKind {
  /** An answer has passed. */
  ANSWERED,
  /** The filter has answered, because the server ended its connection. */
  GUARDED,
  /** Nobody answered. */
  UNANSWERED,
  /** It may be answered, but that will not be seen. */
  UNTRACKED,
}

/** An end, filled by who sees it; what has no meaning for its kind is not read. */
@unmanaged
@final
export class Ending extends Kept {
  kind: EndKind = EndKind.UNTRACKED;
  /** Of an answer: a place in the protocol's list of call/statuses.ts, and what it means. */
  status: u32 = 0;
  outcome: u32 = <u32>Outcome.UNKNOWN;
  /** The class of the exception in it, or null. */
  thrown: Span | null = null;
  /** Bytes of the answer. */
  bytes: i64 = 0;
  /** When its last byte had passed, in ns; of no answer 0 until somebody has asked. */
  time: u64 = 0;
  /** Of an unanswered call. */
  closedBy: ClosedBy = ClosedBy.UNKNOWN;

  /** Makes it an answer's. */
  @inline
  answer(kind: EndKind, status: u32, outcome: u32, bytes: i64, time: u64): Ending {
    this.kind = kind;
    this.status = status;
    this.outcome = outcome;
    this.thrown = null;
    this.bytes = bytes;
    this.time = time;
    return this;
  }

  /** Makes it that of a call which nobody answered. */
  unanswered(closedBy: ClosedBy): Ending {
    this.kind = EndKind.UNANSWERED;
    this.time = 0;
    this.closedBy = closedBy;
    return this;
  }

  /** Makes it that of a call which is not followed any more. */
  untracked(time: u64 = 0): Ending {
    this.kind = EndKind.UNTRACKED;
    this.time = time;
    return this;
  }
}

/** One in each plugin. */
@unmanaged
@final
export class Ledger extends Kept {
  /** The end that is being told; one at a time. */
  readonly ending: Ending = new Ending();
  /** Places that calls in flight take. */
  readonly holds: Holds = new Holds();
  /** Where calls over TCP are found that are in flight; it is the whole VM's. */
  readonly calls: InFlightTable;
  private recorder: Recorder;
  private telemetry: Telemetry | null;

  /**
   * @param calls where calls in flight are found
   * @param recorder counts
   * @param telemetry tells outside, or null; nothing of these is the ledger's own
   */
  constructor(calls: InFlightTable, recorder: Recorder, telemetry: Telemetry | null) {
    super();
    this.calls = calls;
    this.recorder = recorder;
    this.telemetry = telemetry;
  }

  /**
   * A request was made, in flight or not.
   *
   * @param serialization a place in call/serializations.ts
   * @param bytes of the request, with what frames it
   */
  @inline
  asked(series: Series, protocol: Protocol, kind: CallKind, serialization: u32, bytes: i64): void {
    const recorder = this.recorder;
    recorder.addInline(series, cellKey(Metric.REQUESTS, kind, serialization, protocol), 1);
    recorder.addInline(series, cellKey(Metric.REQUEST_BYTES, 0, 0, protocol), bytes);
  }

  /** A call begins that may be answered. */
  @inline
  begin(call: InFlight): void {
    this.recorder.addInline(call.series, cellKey(Metric.REQUESTS_ACTIVE, 0, 0, call.protocol), 1);
  }

  /** A request was made that can not be followed. */
  neverFollowed(series: Series): void {
    this.recorder.add(series, cellKey(Metric.UNTRACKED), 1);
  }

  /** A call that began ends. */
  end(call: InFlight, ending: Ending): void {
    const recorder = this.recorder;
    const series = call.series;
    const protocol = call.protocol;
    const kind = ending.kind;
    if (kind <= EndKind.GUARDED) {
      if (kind == EndKind.GUARDED) {
        recorder.add(series, cellKey(Metric.GUARDED, 0, 0, protocol), 1);
      }
      const answer = cellKey(Metric.RESPONSES, ending.status, ending.outcome, protocol);
      recorder.addInline(series, answer, 1);
      recorder.addInline(series, cellKey(Metric.RESPONSE_BYTES, 0, 0, protocol), ending.bytes);
      recorder.recordDuration(series, call.startedAt, ending.time, protocol);
    } else if (kind == EndKind.UNANSWERED) {
      recorder.add(series, cellKey(Metric.UNANSWERED, ending.closedBy, 0, protocol), 1);
    } else {
      recorder.add(series, cellKey(Metric.UNTRACKED, 0, 0, protocol), 1);
    }
    recorder.addInline(series, cellKey(Metric.REQUESTS_ACTIVE, 0, 0, protocol), -1);
    const telemetry = this.telemetry;
    if (telemetry && (call.noted !== null || telemetry.hasLog)) tell(telemetry, call, ending);
    if (call.holds != 0) {
      this.holds.release(call.holds);
      call.holds = 0;
    }
  }
}

/** Tells the call outside; one that may yet be answered is told as unanswered. */
function tell(telemetry: Telemetry, call: InFlight, ending: Ending): void {
  const ended = telemetry.ended;
  const isAnswered = ending.kind <= EndKind.GUARDED;
  const noted = call.noted;
  ended.series = call.series;
  ended.side = call.series.side;
  ended.protocol = call.protocol;
  ended.kind = call.kind;
  ended.serialization = call.serialization;
  ended.noted = noted;
  ended.id = call.id;
  ended.askedAt = call.startedAt;
  ended.requestBytes = call.requestBytes;
  ended.isAnswered = isAnswered;
  // All calls of a connection end at one time, and the host is asked once.
  if (ending.time == 0) ending.time = now();
  ended.endedAt = ending.time;
  ended.responseBytes = isAnswered ? ending.bytes : 0;
  ended.status = ending.status;
  ended.outcome = ending.outcome;
  ended.thrown = ending.thrown;
  ended.closedBy = ending.kind == EndKind.UNANSWERED ? ending.closedBy : ClosedBy.UNKNOWN;
  telemetry.tell();
  if (!noted) return;
  dropNotedCall(noted);
  call.noted = null;
}
