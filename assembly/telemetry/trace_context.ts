/**
 * The trace that a call belongs to, as its caller wrote it into attachments or headers.
 *
 *     traceparent   00-<trace id, 32 hex>-<span id, 16 hex>-<flags, 2 hex>      W3C Trace Context
 *     b3            <trace id, 16 or 32 hex>-<span id, 16 hex>[-<0|1|d>[-<parent, 16 hex>]], or <0|1|d>
 *     X-B3-TraceId, X-B3-SpanId, X-B3-Sampled (0, 1, true, false), X-B3-Flags (1: debug)
 *     sw8           <0|1>-<base64 of the trace's id>-<base64 of the segment's id>-<span's number>-…
 *
 * A value that is none of these is as if it were not there: a caller's mistake never makes a span wrong.
 * Sources: w3.org/TR/trace-context; github.com/openzipkin/b3-propagation; SkyWalking's "Cross Process
 * Propagation Headers Protocol v3".
 */
import { Kept } from "../wire/arena";
import { Output } from "../wire/output";

/** What the caller says about recording. */
export const enum Sampling {
  /** Nothing: we decide. */
  OPEN,
  NOT_SAMPLED,
  SAMPLED,
}

/** In which form a context was read. */
export const enum ContextForm {
  NONE,
  TRACEPARENT,
  B3_SINGLE,
  B3_MULTI,
  SW8,
}

/** Characters of a `traceparent` of version 00. */
export const TRACEPARENT_LENGTH: u32 = 55;
const TRACE_DIGITS: u32 = 32;
const SPAN_DIGITS: u32 = 16;
const DASH: u8 = 0x2d;
const SAMPLED_FLAG: u32 = 1;
/** B3's `d`: recorded come what may. */
const DEBUG: u8 = 0x64;

/** A trace's id, the caller's span in it, and whether it is recorded. */
@unmanaged
@final
export class TraceContext extends Kept {
  form: ContextForm = ContextForm.NONE;
  sampling: Sampling = Sampling.OPEN;
  /** The 16 bytes of the trace's id as two numbers, big endian: the first eight … */
  traceHigh: u64 = 0;
  /** … and the last eight. Both 0: there is no trace. */
  traceLow: u64 = 0;
  /** The caller's span; 0 where it has none. */
  spanId: u64 = 0;
  /** Whether B3's callers want it recorded come what may. */
  isDebug: bool = false;

  /** Whether there is a trace to belong to. */
  get hasTrace(): bool {
    return (this.traceHigh | this.traceLow) != 0;
  }

  /** Forgets everything. */
  clear(): void {
    this.form = ContextForm.NONE;
    this.sampling = Sampling.OPEN;
    this.traceHigh = 0;
    this.traceLow = 0;
    this.spanId = 0;
    this.isDebug = false;
  }
}

/** The number that was read last by `readHex`. */
let hex: u64 = 0;

/** Reads a `traceparent` of `length` bytes at `p` into `context`; false, and nothing read, if it is none. */
export function readTraceparent(p: usize, length: u32, context: TraceContext): bool {
  if (length < TRACEPARENT_LENGTH) return false;
  if (!readHex(p, 2, false) || hex == 0xff) return false;
  // A later version may have more behind a further dash.
  if (length > TRACEPARENT_LENGTH && (hex == 0 || load<u8>(p, 55) != DASH)) return false;
  if (load<u8>(p, 2) != DASH || load<u8>(p, 35) != DASH || load<u8>(p, 52) != DASH) return false;
  if (!readHex(p + 3, SPAN_DIGITS, false)) return false;
  const high = hex;
  if (!readHex(p + 19, SPAN_DIGITS, false)) return false;
  const low = hex;
  if (!readHex(p + 36, SPAN_DIGITS, false)) return false;
  const span = hex;
  if (!readHex(p + 53, 2, false)) return false;
  if ((high | low) == 0 || span == 0) return false;
  context.form = ContextForm.TRACEPARENT;
  context.sampling = (hex & SAMPLED_FLAG) != 0 ? Sampling.SAMPLED : Sampling.NOT_SAMPLED;
  context.traceHigh = high;
  context.traceLow = low;
  context.spanId = span;
  return true;
}

/** Reads a `b3` of `length` bytes at `p` into `context`; false, and nothing read, if it is none. */
export function readB3(p: usize, length: u32, context: TraceContext): bool {
  if (length == 1) {
    const sampling = b3Sampling(load<u8>(p));
    if (sampling == Sampling.OPEN) return false;
    context.form = ContextForm.B3_SINGLE;
    context.sampling = sampling;
    context.isDebug = load<u8>(p) == DEBUG;
    return true;
  }
  const digits = length > TRACE_DIGITS && load<u8>(p, 32) == DASH ? TRACE_DIGITS : SPAN_DIGITS;
  const spanAt = digits + 1;
  const spanEnd = spanAt + SPAN_DIGITS;
  if (length < spanEnd || load<u8>(p + digits) != DASH) return false;
  let sampling = Sampling.OPEN;
  let isDebug = false;
  if (length > spanEnd) {
    if (length < spanEnd + 2 || load<u8>(p + spanEnd) != DASH) return false;
    if (length > spanEnd + 2 && load<u8>(p + spanEnd + 2) != DASH) return false;
    sampling = b3Sampling(load<u8>(p + spanEnd + 1));
    if (sampling == Sampling.OPEN) return false;
    isDebug = load<u8>(p + spanEnd + 1) == DEBUG;
  }
  if (!readB3Ids(p, digits, p + spanAt, SPAN_DIGITS, context)) return false;
  context.form = ContextForm.B3_SINGLE;
  context.sampling = sampling;
  context.isDebug = isDebug;
  return true;
}

/**
 * Reads `X-B3-TraceId` and `X-B3-SpanId` into `context`; false, and nothing read, if they are none.
 *
 * @param trace where the `traceLength` characters of the trace's id are
 * @param span where the `spanLength` characters of the span's id are
 */
export function readB3Ids(
  trace: usize,
  traceLength: u32,
  span: usize,
  spanLength: u32,
  context: TraceContext,
): bool {
  if (spanLength != SPAN_DIGITS) return false;
  if (traceLength != SPAN_DIGITS && traceLength != TRACE_DIGITS) return false;
  let high: u64 = 0;
  if (traceLength == TRACE_DIGITS) {
    if (!readHex(trace, SPAN_DIGITS, true)) return false;
    high = hex;
  }
  if (!readHex(trace + traceLength - SPAN_DIGITS, SPAN_DIGITS, true)) return false;
  const low = hex;
  if (!readHex(span, SPAN_DIGITS, true)) return false;
  if ((high | low) == 0 || hex == 0) return false;
  context.form = ContextForm.B3_MULTI;
  context.traceHigh = high;
  context.traceLow = low;
  context.spanId = hex;
  return true;
}

/** What an `X-B3-Sampled` of `length` bytes at `p` says. */
export function readB3Sampled(p: usize, length: u32): Sampling {
  if (length == 0) return Sampling.OPEN;
  const first = load<u8>(p);
  if (length == 1) return b3Sampling(first);
  // Older tracers write the words.
  if (length == 4 && first == 0x74) return Sampling.SAMPLED;
  return length == 5 && first == 0x66 ? Sampling.NOT_SAMPLED : Sampling.OPEN;
}

/**
 * Reads the trace's id out of a `sw8` of `length` bytes at `p` into `context`; false, and nothing read, if
 * it is none.
 *
 * SkyWalking's ids are texts. The agents' begin with a UUID of 32 hexadecimal digits, which is taken for
 * the trace's id; of another text there is no telling.
 */
export function readSw8(p: usize, length: u32, context: TraceContext): bool {
  // Sample flag, dash, and the base64 of 32 digits: 42 characters and two bits of the next one.
  if (length < 2 + 43 || load<u8>(p, 1) != DASH) return false;
  const flag = load<u8>(p);
  if (flag != 0x30 && flag != 0x31) return false;
  if (!readBase64Hex(p + 2, 0)) return false;
  const high = hex;
  if (!readBase64Hex(p + 2, SPAN_DIGITS)) return false;
  if ((high | hex) == 0) return false;
  context.form = ContextForm.SW8;
  context.sampling = flag == 0x31 ? Sampling.SAMPLED : Sampling.NOT_SAMPLED;
  context.traceHigh = high;
  context.traceLow = hex;
  context.spanId = 0;
  return true;
}

/** Appends a `traceparent` of version 00, `TRACEPARENT_LENGTH` characters. */
export function writeTraceparent(
  out: Output,
  traceHigh: u64,
  traceLow: u64,
  spanId: u64,
  isSampled: bool,
): void {
  out.writeU8(0x30);
  out.writeU8(0x30);
  out.writeU8(DASH);
  writeHex64(out, traceHigh);
  writeHex64(out, traceLow);
  out.writeU8(DASH);
  writeHex64(out, spanId);
  out.writeU8(DASH);
  out.writeU8(0x30);
  out.writeU8(isSampled ? 0x31 : 0x30);
}

/** Appends a `b3` of a call that is recorded, at most 51 characters. */
export function writeB3(
  out: Output,
  traceHigh: u64,
  traceLow: u64,
  spanId: u64,
  isDebug: bool,
): void {
  writeB3TraceId(out, traceHigh, traceLow);
  out.writeU8(DASH);
  writeHex64(out, spanId);
  out.writeU8(DASH);
  out.writeU8(isDebug ? DEBUG : 0x31);
}

/** Appends a trace's id as B3 has it: 16 digits for one of 64 bits, as it came, else 32. */
export function writeB3TraceId(out: Output, traceHigh: u64, traceLow: u64): void {
  if (traceHigh != 0) writeHex64(out, traceHigh);
  writeHex64(out, traceLow);
}

/** Appends `number` as 16 hexadecimal digits in lower case. */
export function writeHex64(out: Output, number: u64): void {
  out.reserve(SPAN_DIGITS);
  let p = out.start + out.length;
  for (let shift = 60; shift >= 0; shift -= 4) {
    const digit = (<u32>(number >> shift)) & 15;
    store<u8>(p++, <u8>(digit < 10 ? 0x30 + digit : 0x57 + digit));
  }
  out.length += SPAN_DIGITS;
}

function b3Sampling(character: u8): Sampling {
  if (character == 0x31 || character == DEBUG) return Sampling.SAMPLED;
  return character == 0x30 ? Sampling.NOT_SAMPLED : Sampling.OPEN;
}

/** Reads `digits` hexadecimal digits at `p` into `hex`; W3C's are in lower case only. */
function readHex(p: usize, digits: u32, upperToo: bool): bool {
  let number: u64 = 0;
  for (let i: u32 = 0; i < digits; i++) {
    const digit = digitOf(load<u8>(p + i), upperToo);
    if (digit > 15) return false;
    number = (number << 4) | digit;
  }
  hex = number;
  return true;
}

/** The number that the hexadecimal digit `character` stands for; more than 15 if it is none. */
function digitOf(character: u32, upperToo: bool): u32 {
  if (character - 0x30 <= 9) return character - 0x30;
  const lower = upperToo ? character | 0x20 : character;
  return lower - 0x61 <= 5 ? lower - 0x57 : 16;
}

/** Reads 16 hexadecimal digits from character `from` of the text that stands in base64 at `p`. */
function readBase64Hex(p: usize, from: u32): bool {
  let number: u64 = 0;
  for (let i = from; i < from + SPAN_DIGITS; i++) {
    // Character i has bits 8i to 8i+7, which lie in two of the digits of six bits.
    const bit = i * 8;
    const at = p + bit / 6;
    const high = base64Digit(load<u8>(at));
    const low = base64Digit(load<u8>(at, 1));
    if (high > 63 || low > 63) return false;
    const character = (((high << 6) | low) >> (4 - (bit % 6))) & 0xff;
    const digit = digitOf(character, true);
    if (digit > 15) return false;
    number = (number << 4) | digit;
  }
  hex = number;
  return true;
}

function base64Digit(character: u32): u32 {
  if (character - 0x41 <= 25) return character - 0x41;
  if (character - 0x61 <= 25) return character - 0x61 + 26;
  if (character - 0x30 <= 9) return character - 0x30 + 52;
  if (character == 0x2b) return 62;
  return character == 0x2f ? 63 : 64;
}
