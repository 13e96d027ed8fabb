/**
 * What is told of a call, as attributes of a span or of a log record, or in a line of JSON.
 *
 * Names are those of the call's series: cleaned, bounded, and `_OTHER` where the metrics have that. So no
 * more of the wire goes out here than there.
 *
 *     rpc.system.name, rpc.method, rpc.response.status_code, error.type   OpenTelemetry's conventions for RPC
 *     dubbo.…                                                             ours
 *
 * A line has the same under shorter keys: without `dubbo.`, and with `_` for each further dot.
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
const DIGITS = memory.data(24);
const MOST_DIGITS: u32 = 24;
const NANOSECONDS: u64 = 1000;
const METHOD_ROOM = memory.data(408);
/** The name of a call of which neither interface nor method is a label. */
const NAMELESS = "dubbo.call";
/** What a line leaves out of a key. */
const PREFIX = "dubbo.";
const DOT: u8 = 0x2e;
const QUOTE: u32 = 0x22;
/** `,"` and `":` */
const COMMA_QUOTE: u32 = 0x2c22;
const QUOTE_COLON: u32 = 0x223a;

/** In place of a message's field: members of a JSON object. */
export const IN_LINE: u32 = 0;

// Where the call is told that is being told.
let out: Output = changetype<Output>(0);
let target: u32 = IN_LINE;

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

/**
 * Appends what is told of `call` to `to`; `fields` are bits of fields.ts.
 *
 * @param field of the message that has attributes, or `IN_LINE`
 */
export function writeFields(to: Output, field: u32, call: EndedCall, fields: u32): void {
  out = to;
  target = field;
  const isLine = field == IN_LINE;
  if (!isLine) {
    tellWord("rpc.system.name", call.protocol == Protocol.GRPC ? "grpc" : "dubbo", 0);
    const method = writeMethod(call);
    if (methodLength != 0) tellText(writeKey("rpc.method"), method, methodLength);
  }
  const span = changetype<Span>(NAME);
  for (let name: u32 = isLine ? 0 : (Name.VERSION as u32); name < NAME_COUNT; name++) {
    if (!(fields & (1 << name))) continue;
    nameOf(call, name, span);
    const prefix = writeKey(PREFIX);
    tellName(prefix + copyWord(KEY + prefix, NAME_WORDS, name), span);
  }
  if (fields & fieldBit(Field.SIDE)) tellWord("dubbo.side", SIDE_NAMES, call.side);
  if (fields & fieldBit(Field.CALL)) tellWord("dubbo.call", CALL_NAMES, call.kind);
  if (fields & fieldBit(Field.SERIALIZATION)) {
    tellWord("dubbo.serialization", SERIALIZATION_WORDS, call.serialization);
  }
  writeEnd(call, fields);
  if (fields & fieldBit(Field.DURATION)) {
    tellNumber("dubbo.duration_us", durationOf(call) / NANOSECONDS);
  }
  if (fields & fieldBit(Field.BYTES)) writeSizes(to, field, call);
  if (fields & fieldBit(Field.REQUEST_ID)) tellNumber("dubbo.request.id", call.id);
  if (fields & fieldBit(Field.RULE) && pointAtRule(call, span)) {
    tellName(writeKey("dubbo.rule"), span);
  }
  if (fields & fieldBit(Field.POLICY) && pointAtPolicy(call, span)) {
    tellName(writeKey("dubbo.policy"), span);
  }
  if (fields & fieldBit(Field.PEER)) {
    peerAddress(span);
    tellName(writeKey(isLine ? "peer" : "network.peer.address"), span);
  }
  if (fields & fieldBit(Field.PRINCIPAL)) {
    askPrincipal(span);
    tellName(writeKey("dubbo.principal"), span);
  }
}

/** Appends how many bytes request and answer had, as `writeFields` does. */
export function writeSizes(to: Output, field: u32, call: EndedCall): void {
  out = to;
  target = field;
  tellNumber("dubbo.request.bytes", call.requestBytes);
  if (field == IN_LINE || call.isAnswered) tellNumber("dubbo.response.bytes", call.responseBytes);
}

/** Tells how the call ended. */
function writeEnd(call: EndedCall, fields: u32): void {
  const isLine = target == IN_LINE;
  const outcome = call.outcome;
  const tellsOutcome = (fields & fieldBit(Field.OUTCOME)) != 0;
  if (!call.isAnswered) {
    if (!isLine) tellWord("error.type", "unanswered", 0);
    else if (tellsOutcome) tellWord("outcome", "unanswered", 0);
    if (fields & fieldBit(Field.CLOSED_BY)) {
      tellWord("dubbo.closed_by", CLOSED_BY_NAMES, call.closedBy);
    }
    return;
  }
  const statuses = valuesOf(Label.STATUS, call.protocol);
  if (fields & fieldBit(Field.STATUS)) {
    tellWord(isLine ? "status" : "rpc.response.status_code", statuses, call.status);
  }
  if (tellsOutcome) tellWord("dubbo.outcome", OUTCOME_NAMES, outcome);
  if (outcome == Outcome.ERROR && !isLine) tellWord("error.type", statuses, call.status);
  if (outcome != Outcome.EXCEPTION) return;
  const thrown = fields & fieldBit(Field.EXCEPTION) ? call.thrown : null;
  if (thrown) tellName(writeKey(isLine ? "exception" : "error.type"), thrown);
  else if (!isLine) tellWord("error.type", "exception", 0);
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

/** Writes `key` as the target has it to `KEY`; answers its length. */
function writeKey(key: string): u32 {
  ascii(KEY, key);
  if (target != IN_LINE) return key.length;
  let length: u32 = 0;
  // Our own keys are the ones with a dot after the fifth character.
  const from: u32 = key.length >= PREFIX.length && load<u8>(KEY, 5) == DOT ? PREFIX.length : 0;
  for (let i = from; i < <u32>key.length; i++) {
    const byte = load<u8>(KEY + i);
    store<u8>(KEY + length++, byte == DOT ? 0x5f : byte);
  }
  return length;
}

/** Tells `name`, cleaned, if it has any bytes, under the key of `keyLength` bytes in `KEY`. */
function tellName(keyLength: u32, name: Span): void {
  if (name.length == 0) return;
  const clean = cleaned(name);
  tellText(keyLength, clean.start, clean.length);
}

function tellWord(key: string, words: string, index: u32): void {
  const length = copyWord(WORD, words, index);
  tellText(writeKey(key), WORD, length);
}

function tellText(keyLength: u32, value: usize, length: u32): void {
  if (target != IN_LINE) return writeTextAttribute(out, target, KEY, keyLength, value, length);
  beginMember(keyLength);
  out.writeU8(QUOTE);
  out.write(value, length);
  out.writeU8(QUOTE);
}

function tellNumber(key: string, value: u64): void {
  const length = writeKey(key);
  if (target != IN_LINE) return writeNumberAttribute(out, target, KEY, length, value);
  beginMember(length);
  writeDigits(out, value);
}

function beginMember(keyLength: u32): void {
  out.writeU16(COMMA_QUOTE);
  out.write(KEY, keyLength);
  out.writeU16(QUOTE_COLON);
}

/** Appends `number` in decimal digits. */
export function writeDigits(to: Output, number: u64): void {
  let p = DIGITS + MOST_DIGITS;
  do {
    store<u8>(--p, <u8>(0x30 + (number % 10)));
    number /= 10;
  } while (number != 0);
  to.write(p, <u32>(DIGITS + MOST_DIGITS - p));
}
