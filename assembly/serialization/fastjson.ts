/**
 * Bodies in fastjson (serialization id 6): the head's strings, and the kind of a result. Two forms:
 *
 *     lines    body ::= line{5} line{arguments} line          line  ::= JSON '\n'
 *     fields   body ::= field{5} field{arguments} field       field ::= length(4, big endian) JSON
 *
 * Sources: org.apache.dubbo.common.serialize.fastjson.FastJsonObjectOutput of Dubbo up to 3.1 for the lines,
 * of dubbo-spi-extensions 1.0.2 and newer for the fields. A line begins with a quote or a letter, a field
 * with a zero: no name is 16 MiB long. No frame of either was captured; these readers are held against
 * frames that our tests write. Names come without escapes; one with an escape is read up to its end as it
 * stands, and cleaned where it is shown.
 */
import { Invocation } from "../dubbo/invocation";
import { loadU32, sameAscii } from "../wire/bytes";
import { bytesLeft, failed, INCOMPLETE, MALFORMED } from "../wire/position";
import { Span } from "../wire/span";

const QUOTE: u8 = 0x22;
const BACKSLASH: u8 = 0x5c;
const NEWLINE: u8 = 0x0a;
const CARRIAGE_RETURN: u8 = 0x0d;
const MINUS: u8 = 0x2d;
/** fastjson writes the class of a byte after it: `1B`. */
const BYTE_CLASS: u8 = 0x42;
const LENGTH_SIZE: u32 = 4;
/** Digits of a number of arguments. */
const MOST_DIGITS: u32 = 3;

/** Whether the body that is being read is made of fields. */
let hasFields: bool = false;

/** Tells lines from fields. */
export function beginFastjson(p: usize, end: usize): usize {
  if (p >= end) return INCOMPLETE;
  hasFields = load<u8>(p) == 0;
  return p;
}

/** Reads a line or field that holds a string or null, without its quotes. */
export function readFastjsonText(p: usize, end: usize, span: Span): usize {
  if (!hasFields) {
    p = readJson(p, end, span);
    return failed(p) ? p : readLineEnd(p, end);
  }
  if (LENGTH_SIZE + 1 > bytesLeft(p, end)) return INCOMPLETE;
  const length = loadU32(p);
  p += LENGTH_SIZE;
  // What cannot be a string or null is told before its last byte has come.
  if (length == 0 || (load<u8>(p) != QUOTE && load<u8>(p) != 0x6e)) return MALFORMED;
  if (length > bytesLeft(p, end)) return INCOMPLETE;
  return readJson(p, p + length, span) == p + length ? p + length : MALFORMED;
}

/** Reads the number that dubbox writes on a line of its own, if one stands at `p`. */
export function readFastjsonCount(p: usize, end: usize, out: Invocation): usize {
  if (hasFields || p >= end) return p;
  const isNegative = load<u8>(p) == MINUS;
  if (!isNegative && !isDigit(load<u8>(p))) return p;
  if (isNegative) p++;
  let count: i32 = 0;
  for (let digits: u32 = 0; p < end && isDigit(load<u8>(p)); digits++) {
    if (digits == MOST_DIGITS) return MALFORMED;
    count = count * 10 + <i32>(load<u8>(p++) - 0x30);
  }
  p = readLineEnd(p, end);
  if (failed(p)) return p;
  return out.tell(isNegative ? -count : count) ? p : MALFORMED;
}

/**
 * Reads the result's kind at `p`: one digit, in a line or a field.
 *
 * @returns the `ResultKind`, or -1 where no kind stands
 */
export function readFastjsonKind(p: usize, end: usize): i32 {
  if (p + 2 > end) return -1;
  if (load<u8>(p) == 0) {
    if (p + LENGTH_SIZE + 1 > end) return -1;
    const length = loadU32(p);
    p += LENGTH_SIZE;
    const isByte = length == 2 && p + 2 <= end && load<u8>(p, 1) == BYTE_CLASS;
    if (length != 1 && !isByte) return -1;
  } else if (!isLineEnd(load<u8>(p, 1))) {
    return -1;
  }
  const kind = <i32>load<u8>(p) - 0x30;
  return kind >= 0 && kind <= 5 ? kind : -1;
}

/** Reads a JSON string or null into `span`, without its quotes. */
function readJson(p: usize, end: usize, span: Span): usize {
  if (p >= end) return INCOMPLETE;
  if (load<u8>(p) != QUOTE) {
    if (p + 4 > end) return INCOMPLETE;
    if (!sameAscii(p, 4, "null")) return MALFORMED;
    span.clear();
    return p + 4;
  }
  const start = ++p;
  while (p < end && load<u8>(p) != QUOTE) {
    if (load<u8>(p) == NEWLINE) return MALFORMED;
    p += load<u8>(p) == BACKSLASH ? 2 : 1;
  }
  if (p >= end) return INCOMPLETE;
  span.set(start, <u32>(p - start));
  return p + 1;
}

function isDigit(byte: u8): bool {
  return byte >= 0x30 && byte <= 0x39;
}

/** Java's println ends lines as its platform does: `\n`, or `\r\n`. */
function readLineEnd(p: usize, end: usize): usize {
  if (p < end && load<u8>(p) == CARRIAGE_RETURN) p++;
  if (p >= end) return INCOMPLETE;
  return load<u8>(p) == NEWLINE ? p + 1 : MALFORMED;
}

function isLineEnd(byte: u8): bool {
  return byte == NEWLINE || byte == CARRIAGE_RETURN;
}
