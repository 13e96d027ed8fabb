/**
 * What is told of a call, as attributes of a span or of a log record.
 *
 * Names are those of the call's series: cleaned, bounded, and `_OTHER` where the metrics have that. So no
 * more of the wire goes out here than there.
 *
 *     rpc.system.name, rpc.method, rpc.response.status_code, error.type   OpenTelemetry's conventions for RPC
 *     dubbo.…                                                             ours
 */
import { cleaned } from "../call/cleaned";
import { Name, NAME_COUNT, NAME_WORDS } from "../call/names";
import { SERIALIZATION_WORDS } from "../call/serializations";
import {
  CALL_NAMES,
  CLOSED_BY_NAMES,
  Outcome,
  OUTCOME_NAMES,
  Protocol,
  SIDE_NAMES,
} from "../call/vocabulary";
import { askPrincipal } from "../host/peer_principal";
import { peerAddress } from "../host/peer_address";
import { Label, valuesOf } from "../metrics/definitions";
import { RULE_PART } from "../metrics/series";
import { Output } from "../wire/output";
import { Span } from "../wire/span";
import { EndedCall } from "./ended_call";
import { Field, fieldBit } from "./fields";
import { writeNumberAttribute, writeTextAttribute } from "./otlp";

/** Room for a key or a word of ours. */
const KEY = memory.data(64);
const WORD = memory.data(64);
const NAME = memory.data(16);
const NANOSECONDS: u64 = 1000;
const METHOD_ROOM = memory.data(408);
/** The name of a call of which neither interface nor method is a label. */
const NAMELESS = "dubbo.call";

/** Points `span` at the name of the call's series with this number; without bytes where it has none. */
export function nameOf(call: EndedCall, name: u32, span: Span): void {
  const series = call.series;
  let p = series.names;
  for (let i: u32 = 0; i < name; i++) p += series.lengthOf(i);
  span.set(p, series.lengthOf(name));
}

/** Where `<interface>/<method>` is written, cleaned; `methodLength` says how long it is. */
export function writeMethod(call: EndedCall): usize {
  const span = changetype<Span>(NAME);
  let length: u32 = 0;
  for (let name: u32 = 0; name <= (Name.METHOD as u32); name++) {
    nameOf(call, name, span);
    if (span.length == 0) continue;
    if (length != 0) store<u8>(METHOD_ROOM + length++, 0x2f);
    const clean = cleaned(span);
    memory.copy(METHOD_ROOM + length, clean.start, clean.length);
    length += clean.length;
  }
  methodLength = length;
  return METHOD_ROOM;
}

/** Where the name of a span or record is written: its method, or what it is where it has no names. */
export function writeTitle(call: EndedCall): usize {
  writeMethod(call);
  if (methodLength == 0) {
    ascii(METHOD_ROOM, NAMELESS);
    methodLength = NAMELESS.length;
  }
  return METHOD_ROOM;
}

/** How long the method is that was written last. */
export let methodLength: u32 = 0;

/** Appends what is told of `call` as attributes in `field`; `fields` are bits of fields.ts. */
export function writeFields(out: Output, field: u32, call: EndedCall, fields: u32): void {
  writeTextOf(out, field, "rpc.system.name", call.protocol == Protocol.GRPC ? "grpc" : "dubbo", 0);
  const method = writeMethod(call);
  if (methodLength != 0) {
    const key = ascii(KEY, "rpc.method");
    writeTextAttribute(out, field, key, 10, method, methodLength);
  }
  const span = changetype<Span>(NAME);
  for (let name: u32 = Name.VERSION as u32; name < NAME_COUNT; name++) {
    if (!(fields & (1 << name))) continue;
    nameOf(call, name, span);
    if (span.length == 0) continue;
    const length = writeNameKey(name);
    const clean = cleaned(span);
    writeTextAttribute(out, field, KEY, length, clean.start, clean.length);
  }
  if (fields & fieldBit(Field.SIDE)) writeTextOf(out, field, "dubbo.side", SIDE_NAMES, call.side);
  if (fields & fieldBit(Field.CALL)) writeTextOf(out, field, "dubbo.call", CALL_NAMES, call.kind);
  if (fields & fieldBit(Field.SERIALIZATION)) {
    writeTextOf(out, field, "dubbo.serialization", SERIALIZATION_WORDS, call.serialization);
  }
  if (fields & fieldBit(Field.REQUEST_ID)) {
    writeNumberOf(out, field, "dubbo.request.id", <i64>call.id);
  }
  if (fields & fieldBit(Field.DURATION)) {
    writeNumberOf(out, field, "dubbo.duration_us", durationOf(call) / NANOSECONDS);
  }
  if (fields & fieldBit(Field.RULE) && pointAtRule(call, span)) {
    writeNameAttribute(out, field, "dubbo.rule", span);
  }
  if (fields & fieldBit(Field.POLICY) && pointAtPolicy(call, span)) {
    writeNameAttribute(out, field, "dubbo.policy", span);
  }
  if (fields & fieldBit(Field.PEER)) {
    peerAddress(span);
    if (span.length != 0) writeNameAttribute(out, field, "network.peer.address", span);
  }
  if (fields & fieldBit(Field.PRINCIPAL)) {
    askPrincipal(span);
    if (span.length != 0) writeNameAttribute(out, field, "dubbo.principal", span);
  }
  const hasBytes = (fields & fieldBit(Field.BYTES)) != 0;
  if (hasBytes) writeNumberOf(out, field, "dubbo.request.bytes", call.requestBytes);
  if (!call.isAnswered) {
    writeTextOf(out, field, "error.type", "unanswered", 0);
    if (fields & fieldBit(Field.CLOSED_BY)) {
      writeTextOf(out, field, "dubbo.closed_by", CLOSED_BY_NAMES, call.closedBy);
    }
    return;
  }
  const statuses = valuesOf(Label.STATUS, call.protocol);
  if (fields & fieldBit(Field.STATUS)) {
    writeTextOf(out, field, "rpc.response.status_code", statuses, call.status);
  }
  if (fields & fieldBit(Field.OUTCOME)) {
    writeTextOf(out, field, "dubbo.outcome", OUTCOME_NAMES, call.outcome);
  }
  if (call.outcome == Outcome.ERROR) writeTextOf(out, field, "error.type", statuses, call.status);
  if (call.outcome == Outcome.EXCEPTION) writeTextOf(out, field, "error.type", "exception", 0);
  if (hasBytes) writeNumberOf(out, field, "dubbo.response.bytes", call.responseBytes);
}

/** Points `span` at the name of the rule that the call took; false where it took none. */
export function pointAtRule(call: EndedCall, span: Span): bool {
  const noted = call.noted;
  const rule = noted ? noted.rule : null;
  if (!rule) return false;
  span.set(rule.names, rule.lengthOf(RULE_PART));
  return span.length != 0;
}

/** Points `span` at the name of the policy that is told beside the call; false where there is none. */
export function pointAtPolicy(call: EndedCall, span: Span): bool {
  const noted = call.noted;
  const policy = noted ? noted.policy : null;
  if (!policy) return false;
  span.point(policy);
  return span.length != 0;
}

/** How long the call took, in ns. */
export function durationOf(call: EndedCall): u64 {
  const began = call.noted ? call.noted!.beganAt : call.askedAt;
  return call.endedAt > began ? call.endedAt - began : 0;
}

/** Whether the call failed, as a span tells it. */
export function hasFailed(call: EndedCall): bool {
  if (!call.isAnswered) return true;
  return call.outcome == Outcome.ERROR || call.outcome == Outcome.EXCEPTION;
}

/** Writes word number `index` of `words`, between which stands one space, to `to`; answers its length. */
export function copyWord(to: usize, words: string, index: u32): u32 {
  let length: u32 = 0;
  const count = words.length;
  for (let i = 0; i < count; i++) {
    const byte = load<u8>(changetype<usize>(words) + ((<usize>i) << 1));
    if (byte == 0x20) {
      if (index-- == 0) break;
    } else if (index == 0) {
      store<u8>(to + length++, byte);
    }
  }
  return length;
}

/** Writes the ASCII characters of `text` to `to`; answers `to`. */
export function ascii(to: usize, text: string): usize {
  const count = text.length;
  for (let i = 0; i < count; i++) {
    store<u8>(to + i, load<u8>(changetype<usize>(text) + ((<usize>i) << 1)));
  }
  return to;
}

function writeNameKey(name: u32): u32 {
  ascii(KEY, "dubbo.");
  return 6 + copyWord(KEY + 6, NAME_WORDS, name);
}

function writeTextOf(out: Output, field: u32, key: string, words: string, index: u32): void {
  const length = copyWord(WORD, words, index);
  writeTextAttribute(out, field, ascii(KEY, key), key.length, WORD, length);
}

function writeNameAttribute(out: Output, field: u32, key: string, name: Span): void {
  const clean = cleaned(name);
  writeTextAttribute(out, field, ascii(KEY, key), key.length, clean.start, clean.length);
}

function writeNumberOf(out: Output, field: u32, key: string, value: i64): void {
  writeNumberAttribute(out, field, ascii(KEY, key), key.length, value);
}
