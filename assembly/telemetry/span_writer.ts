/**
 * A call as a span: CLIENT on the consumer's side, SERVER on the provider's.
 *
 *     began: the request's head        asked: its last byte          ended: the answer's last byte
 *       ├────────────────────────────────┼───────────────────────────────┤
 */
import { Side } from "../call/vocabulary";
import { Output } from "../wire/output";
import { ascii, hasFailed, methodLength, writeFields, writeSizes, writeTitle } from "./call_fields";
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
import { SpanTemplates } from "./span_templates";

const IDS = memory.data(16);
const EVENT = memory.data(32);
/** W3C's flag "sampled". */
const SAMPLED: u32 = 1;
const ASKED = "request.last_byte";

// Where ids and times stand in a span: each behind its field's tag, and a length where it has one.
const TRACE_ID_AT: usize = 2;
const SPAN_ID_AT: usize = 20;
const START_AT: usize = 29;
const END_AT: usize = 38;
const ASKED_AT: usize = 52;

/**
 * Appends the fields of the span of `call`, which is `traced`.
 *
 * @param templates spans that were written before
 */
export function writeSpan(
  out: Output,
  call: EndedCall,
  traced: NotedCall,
  templates: SpanTemplates,
): void {
  const from = out.length;
  if (!templates.write(out, call, traced)) {
    writeAlike(out, call);
    templates.learn(out, from, call, traced);
  }
  const span = out.start + from;
  store<u64>(span, bswap<u64>(traced.traceHigh), TRACE_ID_AT);
  store<u64>(span, bswap<u64>(traced.traceLow), TRACE_ID_AT + 8);
  store<u64>(span, bswap<u64>(traced.spanId), SPAN_ID_AT);
  store<u64>(span, traced.beganAt, START_AT);
  // The system's clock may have been set back meanwhile.
  store<u64>(span, max<u64>(call.endedAt, traced.beganAt), END_AT);
  store<u64>(span, call.askedAt, ASKED_AT);
  if (traced.parentId != 0) writeSpanId(out, SpanField.PARENT_SPAN_ID, traced.parentId);
  writeSizes(out, SpanField.ATTRIBUTES, call);
}

/** Appends all that spans of calls like this one have alike, and before it room for their ids and times. */
function writeAlike(out: Output, call: EndedCall): void {
  writeBytesField(out, SpanField.TRACE_ID, IDS, 16);
  writeBytesField(out, SpanField.SPAN_ID, IDS, 8);
  writeFixed64Field(out, SpanField.START_TIME, 0);
  writeFixed64Field(out, SpanField.END_TIME, 0);
  const event = beginMessage(out, SpanField.EVENTS);
  writeFixed64Field(out, EVENT_TIME, 0);
  writeBytesField(out, EVENT_NAME, ascii(EVENT, ASKED), ASKED.length);
  endMessage(out, event);
  const method = writeTitle(call);
  writeBytesField(out, SpanField.NAME, method, methodLength);
  const kind = call.side == Side.CONSUMER ? SpanKind.CLIENT : SpanKind.SERVER;
  writeVarintField(out, SpanField.KIND, kind);
  writeFields(out, SpanField.ATTRIBUTES, call, SPAN_FIELDS);
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
