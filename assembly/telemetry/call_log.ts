/**
 * Which calls are logged, and how: as records for a collector, or as a line of JSON in Envoy's log.
 */
import { Call } from "../call/call";
import { Protocol } from "../call/vocabulary";
import { askPrincipal } from "../host/peer_principal";
import { SourceAddress } from "../host/source_address";
import { logBytes, LogLevel } from "../host/log";
import { hashU64 } from "../wire/hash";
import { Output } from "../wire/output";
import {
  ascii,
  durationOf,
  hasFailed,
  IN_LINE,
  methodLength,
  writeDigits,
  writeFields,
  writeTitle,
} from "./call_fields";
import { EndedCall } from "./ended_call";
import { Field, fieldBit } from "./fields";
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

const TEXT = memory.data(32);
/** Room for a `SourceAddress` of the call that is asked about. */
const ADDRESS_BYTES: u32 = 24;
const ADDRESS = memory.data(24);

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

  /** Whether the call that was just read meets what is asked of a request. */
  mayLog(call: Call): bool {
    const match = this.settings.logMatch;
    if (!match) return true;
    // Rules ask for these by themselves, if they do.
    const address = call.address;
    const principal = call.principal.start;
    const length = call.principal.length;
    const asked = changetype<SourceAddress>(ADDRESS);
    if (match.networks) {
      memory.fill(ADDRESS, 0, ADDRESS_BYTES);
      call.address = asked.get();
    }
    if (match.principals) askPrincipal(call.principal);
    const meets =
      match.meetsHead(call) &&
      (!match.asksAttachments || (call.attachmentsRead && match.meetsAttachments(call)));
    call.address = address;
    call.principal.set(principal, length);
    return meets;
  }

  /** Whether the call is logged. */
  wants(call: EndedCall): bool {
    const settings = this.settings;
    const noted = call.noted;
    if (settings.logMatch && (!noted || !noted.isLogged)) return false;
    const statuses =
      call.protocol == Protocol.DUBBO ? settings.logDubboStatuses : settings.logGrpcStatuses;
    if (call.isAnswered && (statuses & (1 << call.status)) != 0) return true;
    const bit = call.isAnswered ? 1 << call.outcome : UNANSWERED_BIT;
    if ((settings.logOutcomes & bit) != 0) return true;
    if (settings.logSlower != 0 && durationOf(call) > settings.logSlower) return true;
    if (settings.logPerWhole == 0) return false;
    this.random = hashU64(this.random, 1);
    return <u32>((this.random >> 16) % WHOLE) < settings.logPerWhole;
  }

  /** Appends the fields of a log record. */
  writeRecord(out: Output, call: EndedCall): void {
    const fields = this.settings.logFields;
    const failed = hasFailed(call);
    writeFixed64Field(out, LogField.TIME, call.endedAt);
    writeFixed64Field(out, LogField.OBSERVED_TIME, call.endedAt);
    writeVarintField(out, LogField.SEVERITY_NUMBER, failed ? ERROR : INFO);
    const method = writeTitle(call);
    writeTextValue(out, LogField.BODY, method, methodLength);
    writeFields(out, LogField.ATTRIBUTES, call, fields);
    const trace = call.noted;
    if (trace && trace.isTraced && fields & fieldBit(Field.TRACE_ID)) {
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
    const fields = this.settings.logFields;
    out.clear();
    this.writeText('{"time_us":');
    writeDigits(out, call.endedAt / MICROSECOND);
    writeFields(out, IN_LINE, call, fields);
    const trace = call.noted;
    if (trace && trace.isTraced && fields & fieldBit(Field.TRACE_ID)) {
      this.writeText(',"trace_id":"');
      writeHex64(out, trace.traceHigh);
      writeHex64(out, trace.traceLow);
      out.writeU8(0x22);
    }
    out.writeU8(0x7d);
    logBytes(LogLevel.INFO, out.start, out.length);
    return true;
  }

  private writeText(text: string): void {
    this.line.write(ascii(TEXT, text), text.length);
  }

  /** Gives everything back. */
  free(): void {
    this.line.free();
    heap.free(changetype<usize>(this));
  }
}
