/**
 * Hessian 2 strings: reading one as a span, and passing one.
 *
 *     string ::= 00–1f utf8*            length in the code
 *            ::= 30–33 b0 utf8*         length in ten bits
 *            ::= 'R' b1 b0 utf8* string a piece, more follow
 *            ::= 'S' b1 b0 utf8*        the only or the last piece
 *
 * Lengths count UTF-16 units and not bytes, and characters are CESU-8 (a supplementary character is
 * two surrogates of three bytes each), so a string can only be passed by walking it. A sequence of
 * four bytes, which only foreign encoders write, counts as one unit, as in Envoy's decoder
 * (contrib/… hessian2-codec string_codec).
 */
import { loadU16 } from "../wire/bytes";
import { failed, INCOMPLETE, MALFORMED } from "../wire/position";
import { Span } from "../wire/span";
import {
  kindOf,
  NULL_CODE,
  STRING_CHUNK,
  STRING_FINAL,
  STRING_MEDIUM,
  STRING_SHORT,
} from "./hessian2_codes";

/**
 * Bytes of one string that are put together when it comes in pieces: a key of 200 characters, the longest
 * that a configuration may name, with four bytes for each.
 */
const JOIN_ROOM: u32 = 1024;
/** Strings in pieces that one head may hold: its five, an argument and some attachments. */
const JOIN_SLOTS: u32 = 16;
const JOINED = memory.data(<i32>(JOIN_ROOM * JOIN_SLOTS));
let joinSlot: u32 = 0;

/** Eight bytes below 0x80 have none of these bits. */
const NON_ASCII: u64 = 0x8080808080808080;

// Units of the chunk whose head `readChunkHead` just read, and whether it is the last one.
let chunkUnits: u32 = 0;
let chunkIsLast: bool = false;

/**
 * Reads the string or null at `p` into `span` (a null clears it).
 *
 * A string in one piece is a span of the input; one in several pieces is put together in a buffer of
 * this module, cut at 1024 bytes, and stays good until fifteen more of them were read.
 *
 * @returns the address behind the string, or a failure: MALFORMED where no string stands
 */
export function readString(p: usize, end: usize, span: Span): usize {
  if (p >= end) return INCOMPLETE;
  if (load<u8>(p) == NULL_CODE) {
    span.clear();
    return p + 1;
  }
  let text = readChunkHead(p, end);
  if (failed(text)) return text;
  let next = skipUnits(text, end, chunkUnits);
  if (failed(next)) return next;
  span.set(text, <u32>(next - text));
  if (chunkIsLast) return next;

  const joined = JOINED + (joinSlot++ % JOIN_SLOTS) * JOIN_ROOM;
  let length: u32 = 0;
  while (true) {
    const take = min<u32>(<u32>(next - text), JOIN_ROOM - length);
    memory.copy(joined + length, text, take);
    length += take;
    if (chunkIsLast) break;
    text = readChunkHead(next, end);
    if (failed(text)) return text;
    next = skipUnits(text, end, chunkUnits);
    if (failed(next)) return next;
  }
  span.set(joined, length);
  return next;
}

/** Passes the string at `p` (a null is none); answers the address behind it, or a failure. */
export function skipString(p: usize, end: usize): usize {
  do {
    p = readChunkHead(p, end);
    if (failed(p)) return p;
    p = skipUnits(p, end, chunkUnits);
    if (failed(p)) return p;
  } while (!chunkIsLast);
  return p;
}

/** Whether a string starts with `code`. */
export function isStringCode(code: u8): bool {
  const kind = kindOf(code);
  return kind >= STRING_SHORT && kind <= STRING_FINAL;
}

function readChunkHead(p: usize, end: usize): usize {
  if (p >= end) return INCOMPLETE;
  const code = load<u8>(p);
  switch (kindOf(code)) {
    case STRING_SHORT:
      chunkUnits = code;
      chunkIsLast = true;
      return p + 1;
    case STRING_MEDIUM:
      if (p + 2 > end) return INCOMPLETE;
      chunkUnits = loadU16(p) & 0x3ff;
      chunkIsLast = true;
      return p + 2;
    case STRING_CHUNK:
    case STRING_FINAL:
      if (p + 3 > end) return INCOMPLETE;
      chunkUnits = loadU16(p + 1);
      chunkIsLast = kindOf(code) == STRING_FINAL;
      return p + 3;
    default:
      return MALFORMED;
  }
}

/** Walks `units` UTF-16 units of CESU-8 from `p`; every load stands behind a comparison with `end`. */
function skipUnits(p: usize, end: usize, units: u32): usize {
  while (units != 0) {
    while (units >= 8 && p + 8 <= end && (load<u64>(p) & NON_ASCII) == 0) {
      p += 8;
      units -= 8;
    }
    if (units == 0) break;
    if (p >= end) return INCOMPLETE;
    const lead = load<u8>(p);
    if (lead < 0x80) p += 1;
    else if ((lead & 0xe0) == 0xc0) p += 2;
    else if ((lead & 0xf0) == 0xe0) p += 3;
    else if ((lead & 0xf8) == 0xf0) p += 4;
    else return MALFORMED;
    units--;
  }
  // The last character may reach behind the end.
  return p > end ? INCOMPLETE : p;
}
