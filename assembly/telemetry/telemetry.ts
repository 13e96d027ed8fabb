/**
 * Calls told outside: spans and a log.
 *
 *     ledger: a call ends ─→ span or log record ─→ queue ─→ on a tick: OTLP over HTTP to a collector
 *
 * A call only appends some hundred bytes to a queue in memory; what does not fit is dropped and counted.
 */
import { HeaderMap, headerValue } from "../host/headers";
import { Call, setOther } from "../call/call";
import { DropReason, TelemetryRecord } from "../call/vocabulary";
import { Metric } from "../metrics/definitions";
import { NameSet } from "../metrics/name_set";
import { Recorder } from "../metrics/recorder";
import { cellKey, Series } from "../metrics/series";
import { Output } from "../wire/output";
import { Span } from "../wire/span";
import { CallLog } from "./call_log";
import { EndedCall } from "./ended_call";
import { Exporter, ExportResult } from "./exporter";
import { LogTarget, TelemetrySettings } from "./settings";
import { SpanTemplates } from "./span_templates";
import { writeSpan } from "./span_writer";

const VALUE = memory.data(16);
const OTHER = memory.data(16);

/** Telemetry of one plugin. */
@unmanaged
@final
export class Telemetry {
  readonly ended: EndedCall;
  private settings: TelemetrySettings;
  private spans: Exporter | null = null;
  private templates: SpanTemplates | null = null;
  private logs: Exporter | null = null;
  private log: CallLog | null = null;
  /** Classes of exceptions that were told, and the most that are. */
  private classes: NameSet;
  private mostClasses: u32;
  /** Where requests to collectors are put together. */
  private body: Output = new Output();
  private recorder: Recorder;
  /** Where what is dropped and exported is counted. */
  private series: Series;

  /**
   * @param mostClasses how many classes of exceptions are told apart
   * @param seed for chance and hashes
   */
  constructor(
    settings: TelemetrySettings,
    recorder: Recorder,
    series: Series,
    mostClasses: u32,
    seed: u64,
  ) {
    this.classes = new NameSet(seed);
    this.mostClasses = mostClasses;
    this.settings = settings;
    this.recorder = recorder;
    this.series = series;
    this.ended = new EndedCall(series);
    const spans = settings.spans;
    if (spans && settings.traces) {
      this.spans = new Exporter(spans);
      this.templates = new SpanTemplates();
    }
    if (settings.log != LogTarget.NONE) this.log = new CallLog(settings, seed);
    const logs = settings.logs;
    if (logs && settings.log == LogTarget.OTLP) this.logs = new Exporter(logs);
  }

  /** Whether the call that was just read meets what the log asks of a request. */
  mayLog(call: Call): bool {
    const log = this.log;
    return log !== null && log.mayLog(call);
  }

  /** Whether a call may be told of which nothing is noted. */
  @inline
  get hasLog(): bool {
    return this.log !== null;
  }

  /** The call in `ended` has ended. */
  tell(): void {
    const call = this.ended;
    const thrown = call.thrown;
    if (thrown && !this.classes.has(thrown)) {
      if (this.classes.size < this.mostClasses) this.classes.add(thrown.start, thrown.length);
      else {
        const other = changetype<Span>(OTHER);
        setOther(other);
        call.thrown = other;
      }
    }
    const noted = call.noted;
    const spans = this.spans;
    if (spans && noted && noted.isTraced) {
      spans.queue.begin();
      writeSpan(spans.queue.records, call, noted, this.templates!);
      if (!spans.queue.end()) this.drop(DropReason.QUEUE_FULL, TelemetryRecord.SPAN, 1);
    }
    const log = this.log;
    if (!log || !log.wants(call)) return;
    const logs = this.logs;
    if (logs) {
      logs.queue.begin();
      log.writeRecord(logs.queue.records, call);
      if (!logs.queue.end()) this.drop(DropReason.QUEUE_FULL, TelemetryRecord.LOG, 1);
    } else if (!log.writeLine(call)) {
      this.drop(DropReason.QUEUE_FULL, TelemetryRecord.LOG, 1);
    }
  }

  /** Time has passed; call it in the root context only. */
  onTick(time: u64, isLast: bool): void {
    const spans = this.spans;
    if (spans) {
      const lost = spans.onTick(time, this.body, isLast);
      if (lost != 0) this.drop(DropReason.FAILED, TelemetryRecord.SPAN, lost);
    }
    const logs = this.logs;
    if (!logs) return;
    const lost = logs.onTick(time, this.body, isLast);
    if (lost != 0) this.drop(DropReason.FAILED, TelemetryRecord.LOG, lost);
  }

  /** A collector has answered the request with this number, or none has; its headers are open. */
  onAnswer(token: u32, hasHeaders: bool, time: u64): void {
    const spans = this.spans;
    if (spans && spans.awaits(token)) {
      return this.onAnswerTo(spans, TelemetryRecord.SPAN, hasHeaders, time);
    }
    const logs = this.logs;
    if (logs && logs.awaits(token)) {
      this.onAnswerTo(logs, TelemetryRecord.LOG, hasHeaders, time);
    }
  }

  private onAnswerTo(
    exporter: Exporter,
    record: TelemetryRecord,
    hasHeaders: bool,
    time: u64,
  ): void {
    let status: u32 = 0;
    let retryAfter: u32 = 0;
    if (hasHeaders) {
      const value = changetype<Span>(VALUE);
      headerValue(HeaderMap.CALL_RESPONSE_HEADERS, ":status", value);
      status = numberOf(value);
      headerValue(HeaderMap.CALL_RESPONSE_HEADERS, "retry-after", value);
      retryAfter = numberOf(value);
    }
    const result = exporter.onAnswer(status, retryAfter, time);
    if (result == ExportResult.AGAIN) return;
    const count = exporter.drop();
    if (result == ExportResult.ACCEPTED) {
      this.recorder.add(this.series, cellKey(Metric.TELEMETRY_EXPORTED, record), count);
      return;
    }
    const reason = result == ExportResult.TIMEOUT ? DropReason.TIMEOUT : DropReason.FAILED;
    this.drop(reason, record, count);
  }

  private drop(reason: DropReason, record: TelemetryRecord, count: u32): void {
    this.recorder.add(this.series, cellKey(Metric.TELEMETRY_DROPPED, reason, record), count);
  }

  /** Gives everything back; what waits is lost. */
  free(): void {
    const spans = this.spans;
    if (spans) spans.free();
    const templates = this.templates;
    if (templates) templates.free();
    const logs = this.logs;
    if (logs) logs.free();
    const log = this.log;
    if (log) log.free();
    this.body.free();
    this.classes.free();
    heap.free(changetype<usize>(this.ended));
    heap.free(changetype<usize>(this));
  }
}

/** The number that a header has; 0 if it has none of at most five digits. */
function numberOf(value: Span): u32 {
  if (value.length == 0 || value.length > 5) return 0;
  let number: u32 = 0;
  for (let i: u32 = 0; i < value.length; i++) {
    const digit = <u32>load<u8>(value.start + i) - 0x30;
    if (digit > 9) return 0;
    number = number * 10 + digit;
  }
  return number;
}
