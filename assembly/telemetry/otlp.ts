/**
 * OTLP's messages, as much of them as a call needs, written into flat memory.
 *
 *     ExportTraceServiceRequest { 1: ResourceSpans { 1: Resource, 2: ScopeSpans { 1: scope, 2: Span … } } }
 *     ExportLogsServiceRequest  { 1: ResourceLogs  { 1: Resource, 2: ScopeLogs  { 1: scope, 2: LogRecord … } } }
 *
 * Both are shaped alike down to the record, which is field 2 of its scope in both; so one envelope serves
 * both, and what is queued are whole records with their tag and length.
 * Source: github.com/open-telemetry/opentelemetry-proto, v1 of common, resource, trace and logs.
 */
import { Output } from "../wire/output";
import { beginMessage, endMessage, writeBytesField, writeVarintField } from "./protobuf";

/** Fields of `ExportTraceServiceRequest`, `ResourceSpans` and `ScopeSpans`, and of their twins for logs. */
export const REQUEST_RESOURCE: u32 = 1;
export const RESOURCE_SELF: u32 = 1;
export const RESOURCE_SCOPE: u32 = 2;
export const SCOPE_SELF: u32 = 1;
export const SCOPE_RECORD: u32 = 2;

/** `Resource.attributes` */
export const RESOURCE_ATTRIBUTES: u32 = 1;
/** `InstrumentationScope.name` */
export const SCOPE_NAME: u32 = 1;

/** Fields of `Span`. */
export const enum SpanField {
  TRACE_ID = 1,
  SPAN_ID = 2,
  TRACE_STATE = 3,
  PARENT_SPAN_ID = 4,
  NAME = 5,
  KIND = 6,
  START_TIME = 7,
  END_TIME = 8,
  ATTRIBUTES = 9,
  EVENTS = 11,
  STATUS = 15,
  FLAGS = 16,
}

/** `Span.SpanKind` */
export const enum SpanKind {
  SERVER = 2,
  CLIENT = 3,
}

/** Fields of `Span.Event` and of `Status`. */
export const EVENT_TIME: u32 = 1;
export const EVENT_NAME: u32 = 2;
export const STATUS_CODE: u32 = 3;
/** `Status.StatusCode.STATUS_CODE_ERROR` */
export const STATUS_CODE_ERROR: u32 = 2;

/** Fields of `LogRecord`. */
export const enum LogField {
  TIME = 1,
  SEVERITY_NUMBER = 2,
  SEVERITY_TEXT = 3,
  BODY = 5,
  ATTRIBUTES = 6,
  FLAGS = 8,
  TRACE_ID = 9,
  SPAN_ID = 10,
  OBSERVED_TIME = 11,
  EVENT_NAME = 12,
}

/** `KeyValue` and `AnyValue` */
const KEY: u32 = 1;
const VALUE: u32 = 2;
const STRING_VALUE: u32 = 1;
const INT_VALUE: u32 = 3;

/** Appends an attribute that is a text: `length` bytes of UTF-8 at `value`. */
export function writeTextAttribute(
  out: Output,
  field: u32,
  key: usize,
  keyLength: u32,
  value: usize,
  length: u32,
): void {
  const attribute = beginMessage(out, field);
  writeBytesField(out, KEY, key, keyLength);
  const any = beginMessage(out, VALUE);
  writeBytesField(out, STRING_VALUE, value, length);
  endMessage(out, any);
  endMessage(out, attribute);
}

/** Appends an attribute that is a number. */
export function writeNumberAttribute(
  out: Output,
  field: u32,
  key: usize,
  keyLength: u32,
  value: i64,
): void {
  const attribute = beginMessage(out, field);
  writeBytesField(out, KEY, key, keyLength);
  const any = beginMessage(out, VALUE);
  writeVarintField(out, INT_VALUE, <u64>value);
  endMessage(out, any);
  endMessage(out, attribute);
}

/** Appends an `AnyValue` that is a text, as the body of a log record is. */
export function writeTextValue(out: Output, field: u32, value: usize, length: u32): void {
  const any = beginMessage(out, field);
  writeBytesField(out, STRING_VALUE, value, length);
  endMessage(out, any);
}

/**
 * Writes a whole request into `out`.
 *
 * @param resource the fields of the resource, `resourceLength` bytes
 * @param scope the fields of the instrumentation scope, `scopeLength` bytes
 * @param records whole records, each with its tag and length: `recordsLength` bytes
 */
export function writeRequest(
  out: Output,
  resource: usize,
  resourceLength: u32,
  scope: usize,
  scopeLength: u32,
  records: usize,
  recordsLength: u32,
): void {
  const whole = beginMessage(out, REQUEST_RESOURCE);
  writeBytesField(out, RESOURCE_SELF, resource, resourceLength);
  const scoped = beginMessage(out, RESOURCE_SCOPE);
  writeBytesField(out, SCOPE_SELF, scope, scopeLength);
  out.write(records, recordsLength);
  endMessage(out, scoped);
  endMessage(out, whole);
}
