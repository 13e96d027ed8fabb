/**
 * Which calls are logged, and how: as records for a collector, or as a line of JSON in Envoy's log.
 */
import { cleaned } from "../call/cleaned";
import { NAME_COUNT, NAME_WORDS } from "../call/names";
import { SERIALIZATION_WORDS } from "../call/serializations";
import { CALL_NAMES, CLOSED_BY_NAMES, OUTCOME_NAMES, SIDE_NAMES } from "../call/vocabulary";
import { logBytes, LogLevel } from "../host/log";
import { Label, valuesOf } from "../metrics/definitions";
import { hashU64 } from "../wire/hash";
import { Output } from "../wire/output";
import { Span } from "../wire/span";
import {
  ascii,
  copyWord,
  hasFailed,
  methodLength,
  nameOf,
  writeFields,
  writeMethod,
} from "./call_fields";
import { EndedCall } from "./ended_call";
import { LogField, writeTextValue } from "./otlp";
import { writeBytesField, writeFixed64Field, writeVarintField } from "./protobuf";
import { TelemetrySettings, UNANSWERED_BIT, WHOLE } from "./settings";
import { writeSpanId, writeTraceId } from "./span_writer";
import { writeHex64 } from "./trace_context";

/** OpenTelemetry's severities. */
const INFO: u32 = 9;
const ERROR: u32 = 17;
/** Lines in Envoy's log, per second and worker: a flood of calls must not be a flood of lines. */
const MOST_LINES: u32 = 1000;
const SECOND: u64 = 1_000_000_000;
const MICROSECOND: u64 = 1000;

const TEXT = memory.data(96);
const NAME = memory.data(16);

/** The log of one plugin. */
@unmanaged
@final
export class CallLog {
  private settings: TelemetrySettings;
  private line: Output = new Output();
  private random: u64;
  private second: u64 = 0;
  private lines: u32 = 0;

  /** @param seed for chance */
  constructor(settings: TelemetrySettings, seed: u64) {
    this.settings = settings;
    this.random = hashU64(seed, 4);
  }

  /** Whether the call is logged. */
  wants(call: EndedCall): bool {
    const settings = this.settings;
    const bit = call.isAnswered ? 1 << call.outcome : UNANSWERED_BIT;
    if ((settings.logOutcomes & bit) != 0) return true;
    if (settings.logSlower != 0 && durationOf(call) > settings.logSlower) return true;
    if (settings.logPerWhole == 0) return false;
    this.random = hashU64(this.random, 1);
    return <u32>((this.random >> 16) % WHOLE) < settings.logPerWhole;
  }

  /** Appends the fields of a log record. */
  writeRecord(out: Output, call: EndedCall): void {
    const failed = hasFailed(call);
    writeFixed64Field(out, LogField.TIME, call.endedAt);
    writeFixed64Field(out, LogField.OBSERVED_TIME, call.endedAt);
    writeVarintField(out, LogField.SEVERITY_NUMBER, failed ? ERROR : INFO);
    const method = writeMethod(call);
    writeTextValue(out, LogField.BODY, method, methodLength);
    writeFields(out, LogField.ATTRIBUTES, call);
    const trace = call.trace;
    if (trace) {
      writeTraceId(out, LogField.TRACE_ID, trace);
      writeSpanId(out, LogField.SPAN_ID, trace.spanId);
    }
    const name = "dubbo.call";
    writeBytesField(out, LogField.EVENT_NAME, ascii(TEXT, name), name.length);
  }

  /** Writes a line into Envoy's log; false if there were too many in this second. */
  writeLine(call: EndedCall): bool {
    const second = call.endedAt / SECOND;
    if (second != this.second) {
      this.second = second;
      this.lines = 0;
    }
    if (this.lines == MOST_LINES) return false;
    this.lines++;
    const out = this.line;
    out.clear();
    this.writeText('{"time_us":');
    this.writeNumber(call.endedAt / MICROSECOND);
    const span = changetype<Span>(NAME);
    for (let name: u32 = 0; name < NAME_COUNT; name++) {
      nameOf(call, name, span);
      if (span.length == 0) continue;
      this.writeText(',"');
      this.writeWord(NAME_WORDS, name);
      this.writeText('":"');
      const clean = cleaned(span);
      out.write(clean.start, clean.length);
      out.writeU8(0x22);
    }
    this.writeField("side", SIDE_NAMES, call.side);
    this.writeField("call", CALL_NAMES, call.kind);
    this.writeField("serialization", SERIALIZATION_WORDS, call.serialization);
    if (call.isAnswered) {
      this.writeField("status", valuesOf(Label.STATUS, call.protocol), call.status);
      this.writeField("outcome", OUTCOME_NAMES, call.outcome);
    } else {
      this.writeField("outcome", "unanswered", 0);
      this.writeField("closed_by", CLOSED_BY_NAMES, call.closedBy);
    }
    this.writeText(',"duration_us":');
    this.writeNumber(durationOf(call) / MICROSECOND);
    this.writeText(',"request_bytes":');
    this.writeNumber(call.requestBytes);
    this.writeText(',"response_bytes":');
    this.writeNumber(call.responseBytes);
    const trace = call.trace;
    if (trace) {
      this.writeText(',"trace_id":"');
      writeHex64(out, trace.traceHigh);
      writeHex64(out, trace.traceLow);
      out.writeU8(0x22);
    }
    out.writeU8(0x7d);
    logBytes(LogLevel.INFO, out.start, out.length);
    return true;
  }

  private writeField(key: string, words: string, index: u32): void {
    this.writeText(',"');
    this.writeText(key);
    this.writeText('":"');
    this.writeWord(words, index);
    this.line.writeU8(0x22);
  }

  private writeText(text: string): void {
    this.line.write(ascii(TEXT, text), text.length);
  }

  private writeWord(words: string, index: u32): void {
    const length = copyWord(TEXT, words, index);
    this.line.write(TEXT, length);
  }

  private writeNumber(number: u64): void {
    let p = TEXT + 24;
    do {
      store<u8>(--p, <u8>(0x30 + (number % 10)));
      number /= 10;
    } while (number != 0);
    this.line.write(p, <u32>(TEXT + 24 - p));
  }

  /** Gives everything back. */
  free(): void {
    this.line.free();
    heap.free(changetype<usize>(this));
  }
}

/** How long the call took, in ns. */
function durationOf(call: EndedCall): u64 {
  const began = call.trace ? call.trace!.beganAt : call.askedAt;
  return call.endedAt > began ? call.endedAt - began : 0;
}
