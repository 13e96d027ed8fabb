/**
 * JSONB values: reading a string, passing anything.
 *
 *     value ::= f0–2f | 30–3f b | 40–47 b b | 48 b{4}     int      | bd b | bc b{2} | be b{8} | bf b{4}
 *           ::= d8–ef | c8–d7 b | c0–c7 b b               long
 *           ::= 49–78 ascii{n} | (79–7e) int byte{n}      string   | 7f int | 7f string int   symbol
 *           ::= af | b0 | b1 | b2 | b3                    null, false, true, 0.0, 1.0
 *           ::= b4 value | b6 value | b8 value | ba value double, float, decimal, big integer as integer
 *           ::= b5 b{8} | b7 b{4} | b9 int value | bb int byte{n}
 *           ::= 90 int | 91 int byte{n} | 92 type value | 93 string     char, bytes, typed, reference
 *           ::= 94–a3 value{n} | a4 int value{n}          array
 *           ::= a6 (name value)* a5                       object; a name is any value
 *           ::= a7 b{3} int | a8 b{7} int | a9 b{4} | aa b{7} int string | ab b{8} | ac b{4} | ad b{4}
 *           ::= ae value int                              times
 *     type  ::= string int | int | 7f int                 a name and its number, or an earlier number
 *
 * Source: com.alibaba.fastjson2.JSONB.Constants and JSONReaderJSONB.skipValue, held against captured
 * frames. As with Hessian 2 the walk is a loop over a stack of constant depth, and each turn uses at
 * least one byte.
 */
import { loadU16, loadU32 } from "../../wire/bytes";
import { bytesLeft, failed, INCOMPLETE, MALFORMED, UNSUPPORTED } from "../../wire/position";
import { KeyEncoding } from "../../dubbo/attachment_key";
import { Output } from "../../wire/output";
import { Span } from "../../wire/span";

const CHAR: u8 = 0x90;
const BINARY: u8 = 0x91;
export const TYPED: u8 = 0x92;
export const REFERENCE: u8 = 0x93;
const ARRAY_FIX_MIN: u8 = 0x94;
const ARRAY: u8 = 0xa4;
export const OBJECT_END: u8 = 0xa5;
export const OBJECT: u8 = 0xa6;
const LOCAL_TIME: u8 = 0xa7;
const LOCAL_DATETIME: u8 = 0xa8;
const LOCAL_DATE: u8 = 0xa9;
const TIMESTAMP_WITH_TIMEZONE: u8 = 0xaa;
const TIMESTAMP_MILLIS: u8 = 0xab;
const TIMESTAMP_SECONDS: u8 = 0xac;
const TIMESTAMP_MINUTES: u8 = 0xad;
const TIMESTAMP: u8 = 0xae;
export const NULL: u8 = 0xaf;
const DOUBLE_ONE: u8 = 0xb3;
const DOUBLE_LONG: u8 = 0xb4;
const DOUBLE: u8 = 0xb5;
const FLOAT_INT: u8 = 0xb6;
const FLOAT: u8 = 0xb7;
const DECIMAL_LONG: u8 = 0xb8;
const DECIMAL: u8 = 0xb9;
const BIGINT_LONG: u8 = 0xba;
const BIGINT: u8 = 0xbb;
const INT16: u8 = 0xbc;
const INT8: u8 = 0xbd;
const INT64: u8 = 0xbe;
const INT64_INT: u8 = 0xbf;
const INT64_SHORT_MIN: u8 = 0xc0;
const INT64_BYTE_MIN: u8 = 0xc8;
const INT64_NUM_MIN: u8 = 0xd8;
const INT32_NUM_MIN: u8 = 0xf0;
const INT32_NUM_MAX: u8 = 0x2f;
const INT32_BYTE_ZERO: u8 = 0x38;
const INT32_BYTE_MAX: u8 = 0x3f;
const INT32_SHORT_MAX: u8 = 0x47;
const INT32: u8 = 0x48;
const STR_ASCII_FIX_MIN: u8 = 0x49;
const STR_ASCII_FIX_MAX: u8 = 0x78;
const STR_ASCII: u8 = 0x79;
const STR_UTF8: u8 = 0x7a;
const STR_UTF16: u8 = 0x7b;
const STR_UTF16LE: u8 = 0x7c;
const STR_UTF16BE: u8 = 0x7d;
const STR_GB18030: u8 = 0x7e;
export const SYMBOL: u8 = 0x7f;

/** Open arrays and objects; fastjson2's own reader stops at 2048 by default. */
const MAX_DEPTH: u32 = 1024;
const STACK = memory.data(<i32>(MAX_DEPTH * 4));
/** In place of a count: values up to an OBJECT_END. */
const UNTIL_END: u32 = 0xffffffff;

// The int that `readInt` just read.
let intValue: i32 = 0;

/**
 * Reads the string or null at `p` into `span` as the bytes on the wire, whatever their encoding (a
 * null clears it).
 *
 * @returns the address after it, or a failure: MALFORMED where neither stands
 */
export function readJsonbString(p: usize, end: usize, span: Span): usize {
  if (p >= end) return INCOMPLETE;
  if (load<u8>(p) == NULL) {
    span.clear();
    return p + 1;
  }
  p = readTextHead(p, end);
  if (failed(p)) return p;
  const length: u32 = intValue;
  if (length > bytesLeft(p, end)) return INCOMPLETE;
  span.set(p, length);
  return p + length;
}

let isDoubtful: bool = false;

/** Begins a body: doubts of earlier ones are forgotten. */
export function startJsonbTexts(): void {
  isDoubtful = false;
}

/**
 * Whether a text that `readJsonbText` has read of the body is not plain ASCII or UTF-8: it is compared byte by
 * byte, and so may be another one to peers.
 */
export function isJsonbTextDoubtful(): bool {
  return isDoubtful;
}

/** `readJsonbString`, of a text that something is decided by. */
export function readJsonbText(p: usize, end: usize, span: Span): usize {
  const code = p < end ? load<u8>(p) : NULL;
  p = readJsonbString(p, end, span);
  if (!failed(p) && code != NULL && !isPlainText(code, span)) isDoubtful = true;
  return p;
}

/** ASCII and UTF-8 in as few bytes as there may be; GB18030 spells ASCII as itself. */
function isPlainText(code: u8, text: Span): bool {
  if (code >= STR_UTF16 && code <= STR_UTF16BE) return false;
  let p = text.start;
  const end = p + text.length;
  while (p < end) {
    const lead = load<u8>(p++);
    if (lead < 0x80) continue;
    if (code != STR_UTF8 || lead == 0xc0 || lead == 0xc1) return false;
    if (lead == 0xe0 && p < end && load<u8>(p) < 0xa0) return false;
    if (lead == 0xf0 && p < end && load<u8>(p) < 0x90) return false;
  }
  return true;
}

/** How the text of a string that starts with `code` is to be read. */
export function jsonbEncoding(code: u8): KeyEncoding {
  if (code == STR_UTF16LE) return KeyEncoding.UTF16_LE;
  return code == STR_UTF16 || code == STR_UTF16BE ? KeyEncoding.UTF16_BE : KeyEncoding.BYTES;
}

/** Whether `text`, of a string that starts with `code`, begins with a mark that says its byte order. */
export function isUtf16WithMark(code: u8, text: Span): bool {
  if (code != STR_UTF16 || text.length < 2) return false;
  const mark = loadU16(text.start);
  return mark == 0xfeff || mark == 0xfffe;
}

/**
 * Whether a value that starts with `code` neither defines nor uses a number or a path: scalars,
 * strings and bytes, but no symbols, types, references, lists or objects.
 */
export function isJsonbPlain(code: u8): bool {
  if (code == SYMBOL || code == TYPED || code == REFERENCE || code == OBJECT) return false;
  return code < ARRAY_FIX_MIN || code > ARRAY;
}

/** Appends `text`, which is UTF-8, as a string. */
export function writeJsonbString(out: Output, text: Span): void {
  const length = text.length;
  if (!isAscii(text)) {
    out.writeU8(STR_UTF8);
    writeLength(out, length);
  } else if (length <= STR_ASCII_FIX_MAX - STR_ASCII_FIX_MIN) {
    out.writeU8(STR_ASCII_FIX_MIN + length);
  } else {
    out.writeU8(STR_ASCII);
    writeLength(out, length);
  }
  out.write(text.start, length);
}

function writeLength(out: Output, length: u32): void {
  if (length <= INT32_NUM_MAX) {
    out.writeU8(length);
  } else if (length < 0x800) {
    out.writeU8(INT32_BYTE_ZERO + (length >> 8));
    out.writeU8(length & 0xff);
  } else {
    out.writeU8(INT32);
    out.writeU32(length);
  }
}

function isAscii(text: Span): bool {
  for (let i: u32 = 0; i < text.length; i++) {
    if (load<u8>(text.start + i) >= 0x80) return false;
  }
  return true;
}

/** Whether a string that carries its text starts with `code`. */
export function isJsonbString(code: u8): bool {
  return code >= STR_ASCII_FIX_MIN && code <= STR_GB18030;
}

/**
 * Passes `count` values from `p` on.
 *
 * @returns the address after the last one, or INCOMPLETE, MALFORMED, or UNSUPPORTED where a value is
 *   deeper than this reader holds
 */
export function skipJsonb(p: usize, end: usize, count: u32): usize {
  let depth: u32 = 0;
  let left = count;
  while (true) {
    while (left == 0) {
      if (depth == 0) return p;
      left = load<u32>(STACK + (--depth << 2));
    }
    if (p >= end) return INCOMPLETE;
    const code = load<u8>(p++);
    if (code == OBJECT_END) {
      if (left != UNTIL_END) return MALFORMED;
      left = 0;
      continue;
    }
    if (left != UNTIL_END) left--;

    // Values of a fixed size, in the order in which they are met.
    let size: u32 = 0;
    let children: u32 = 0;
    if (code >= INT32_NUM_MIN || code <= INT32_NUM_MAX) continue;
    if (code <= INT32_BYTE_MAX) size = 1;
    else if (code <= INT32_SHORT_MAX) size = 2;
    else if (code == INT32) size = 4;
    else if (code <= STR_ASCII_FIX_MAX) size = code - STR_ASCII_FIX_MIN;
    else if (code <= STR_GB18030 || code == BINARY || code == BIGINT) {
      p = readLength(p, end);
      if (failed(p)) return p;
      size = intValue;
    } else if (code == SYMBOL || code == TYPED) {
      p = skipNumbered(p, end);
      if (failed(p)) return p;
      if (code == TYPED) children = 1;
    } else if (code >= INT64_NUM_MIN) continue;
    else if (code >= INT64_BYTE_MIN) size = 1;
    else if (code >= INT64_SHORT_MIN) size = 2;
    else if (code >= ARRAY_FIX_MIN && code < ARRAY) children = code - ARRAY_FIX_MIN;
    else if (code >= NULL && code <= DOUBLE_ONE) continue;
    else {
      switch (code) {
        case ARRAY:
          p = readLength(p, end);
          if (failed(p)) return p;
          children = intValue;
          break;
        case OBJECT:
          children = UNTIL_END;
          break;
        case CHAR:
        case REFERENCE:
        case DOUBLE_LONG:
        case FLOAT_INT:
        case DECIMAL_LONG:
        case BIGINT_LONG:
          children = 1;
          break;
        case DECIMAL:
        case TIMESTAMP:
          children = 2;
          break;
        case LOCAL_TIME:
          size = 3;
          children = 1;
          break;
        case LOCAL_DATETIME:
          size = 7;
          children = 1;
          break;
        case TIMESTAMP_WITH_TIMEZONE:
          size = 7;
          children = 2;
          break;
        case INT8:
          size = 1;
          break;
        case INT16:
          size = 2;
          break;
        case FLOAT:
        case INT64_INT:
        case LOCAL_DATE:
        case TIMESTAMP_SECONDS:
        case TIMESTAMP_MINUTES:
          size = 4;
          break;
        case DOUBLE:
        case INT64:
        case TIMESTAMP_MILLIS:
          size = 8;
          break;
        default:
          return MALFORMED;
      }
    }
    if (size > bytesLeft(p, end)) return INCOMPLETE;
    p += size;
    if (children == 0) continue;
    if (left != 0) {
      if (depth == MAX_DEPTH) return UNSUPPORTED;
      store<u32>(STACK + (depth++ << 2), left);
    }
    left = children;
  }
}

/** Passes what follows a SYMBOL or TYPED: an earlier number, or a name and the number it gets. */
function skipNumbered(p: usize, end: usize): usize {
  if (p >= end) return INCOMPLETE;
  const code = load<u8>(p);
  if (code == SYMBOL) return readInt(p + 1, end);
  if (!isJsonbString(code)) return readInt(p, end);
  p = readTextHead(p, end);
  if (failed(p)) return p;
  if (<u32>intValue > bytesLeft(p, end)) return INCOMPLETE;
  return readInt(p + intValue, end);
}

/** Passes the code and length of the string at `p`; `intValue` is then its length in bytes. */
function readTextHead(p: usize, end: usize): usize {
  const code = load<u8>(p);
  if (!isJsonbString(code)) return MALFORMED;
  if (code > STR_ASCII_FIX_MAX) return readLength(p + 1, end);
  intValue = code - STR_ASCII_FIX_MIN;
  return p + 1;
}

/** Reads a length at `p` into `intValue`; a negative one is MALFORMED. */
function readLength(p: usize, end: usize): usize {
  p = readInt(p, end);
  return !failed(p) && intValue < 0 ? MALFORMED : p;
}

/** Reads the int at `p` into `intValue`. */
function readInt(p: usize, end: usize): usize {
  if (p >= end) return INCOMPLETE;
  const code = load<u8>(p);
  if (code >= INT32_NUM_MIN || code <= INT32_NUM_MAX) {
    intValue = <i32>(<i8>code);
    return p + 1;
  }
  if (code <= INT32_BYTE_MAX) {
    if (p + 2 > end) return INCOMPLETE;
    intValue = ((<i32>code - 0x38) << 8) + load<u8>(p, 1);
    return p + 2;
  }
  if (code <= INT32_SHORT_MAX) {
    if (p + 3 > end) return INCOMPLETE;
    intValue = ((<i32>code - 0x44) << 16) + <i32>loadU16(p + 1);
    return p + 3;
  }
  if (code != INT32) return MALFORMED;
  if (p + 5 > end) return INCOMPLETE;
  intValue = <i32>loadU32(p + 1);
  return p + 5;
}
