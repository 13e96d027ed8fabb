/**
 * A call as a span: CLIENT on the consumer's side, SERVER on the provider's.
 *
 *     began: the request's head        asked: its last byte          ended: the answer's last byte
 *       ├────────────────────────────────┼───────────────────────────────┤
 */
import { Side } from "../call/vocabulary";
import { Output } from "../wire/output";
import { ascii, hasFailed, methodLength, writeFields, writeTitle } from "./call_fields";
import { EndedCall } from "./ended_call";
import { SPAN_FIELDS } from "./fields";
import {
  EVENT_NAME,
  EVENT_TIME,
  SpanField,
  SpanKind,
  STATUS_CODE,
  STATUS_CODE_ERROR,
} from "./otlp";
import {
  beginMessage,
  endMessage,
  writeBytesField,
  writeFixed32Field,
  writeFixed64Field,
  writeVarintField,
} from "./protobuf";
import { NotedCall } from "./noted_call";

const IDS = memory.data(16);
const EVENT = memory.data(32);
/** W3C's flag "sampled". */
const SAMPLED: u32 = 1;
const ASKED = "request.last_byte";

/** Appends the fields of the span of `call`, which is `traced`. */
export function writeSpan(out: Output, call: EndedCall, traced: NotedCall): void {
  writeTraceId(out, SpanField.TRACE_ID, traced);
  writeSpanId(out, SpanField.SPAN_ID, traced.spanId);
  if (traced.parentId != 0) writeSpanId(out, SpanField.PARENT_SPAN_ID, traced.parentId);
  const method = writeTitle(call);
  writeBytesField(out, SpanField.NAME, method, methodLength);
  const kind = call.side == Side.CONSUMER ? SpanKind.CLIENT : SpanKind.SERVER;
  writeVarintField(out, SpanField.KIND, kind);
  // The system's clock may have been set back meanwhile.
  const end = max<u64>(call.endedAt, traced.beganAt);
  writeFixed64Field(out, SpanField.START_TIME, traced.beganAt);
  writeFixed64Field(out, SpanField.END_TIME, end);
  writeFields(out, SpanField.ATTRIBUTES, call, SPAN_FIELDS);
  const event = beginMessage(out, SpanField.EVENTS);
  writeFixed64Field(out, EVENT_TIME, call.askedAt);
  writeBytesField(out, EVENT_NAME, ascii(EVENT, ASKED), ASKED.length);
  endMessage(out, event);
  if (hasFailed(call)) {
    const status = beginMessage(out, SpanField.STATUS);
    writeVarintField(out, STATUS_CODE, STATUS_CODE_ERROR);
    endMessage(out, status);
  }
  writeFixed32Field(out, SpanField.FLAGS, SAMPLED);
}

/** Appends a trace's id. */
export function writeTraceId(out: Output, field: u32, traced: NotedCall): void {
  store<u64>(IDS, bswap<u64>(traced.traceHigh));
  store<u64>(IDS, bswap<u64>(traced.traceLow), 8);
  writeBytesField(out, field, IDS, 16);
}

/** Appends a span's id. */
export function writeSpanId(out: Output, field: u32, id: u64): void {
  store<u64>(IDS, bswap<u64>(id));
  writeBytesField(out, field, IDS, 8);
}
