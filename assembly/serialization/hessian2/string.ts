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
 *
 * Half a surrogate pair is three bytes and one unit to Java and to Envoy. dubbo-go takes any high surrogate
 * and the three bytes after it for a pair (dubbo-go-hessian2 1.12.5, decode2utf8): the same where another
 * character of three bytes follows, and else a reading of its own, see `readHalvesAsPairs`.
 */
import { loadU16 } from "../../wire/bytes";
import { bytesLeft, failed, INCOMPLETE, MALFORMED } from "../../wire/position";
import { Span } from "../../wire/span";
import {
  kindOf,
  NULL_CODE,
  STRING_CHUNK,
  STRING_FINAL,
  STRING_MEDIUM,
  STRING_SHORT,
} from "./codes";

/**
 * Bytes of one string that are put together when it comes in pieces: a key of 200 characters, the longest
 * that a configuration may name, with four bytes for each.
 */
const JOIN_ROOM: u32 = 1024;
/** Strings in pieces that one head may hold: its five, an argument and some attachments. */
const JOIN_SLOTS: u32 = 16;
const JOINED = memory.data(<i32>(JOIN_ROOM * JOIN_SLOTS));
const SHORT_LIVED = memory.data(<i32>JOIN_ROOM);
let joinSlot: u32 = 0;

/** From so many units on a text is walked in larger steps first: half the time for an argument of 16 KiB. */
const LONG_TEXT: u32 = 128;
/** Eight bytes below 0x80 have none of these bits. */
const NON_ASCII: u64 = 0x8080808080808080;

// Units of the chunk whose head `readChunkHead` just read, and whether it is the last one.
let chunkUnits: u32 = 0;
let chunkIsLast: bool = false;

let isCut: bool = false;
let isDoubtful: bool = false;
let isOverlong: bool = false;
let hasHalf: bool = false;
let halvesArePairs: bool = false;

/** Begins a body: strings in pieces that were read before are forgotten, and so are doubts. */
export function startStrings(): void {
  joinSlot = 0;
  isDoubtful = false;
  isOverlong = false;
  hasHalf = false;
}

/** Whether the string read last came in pieces and is longer than what was put together. */
export function wasCut(): bool {
  return isCut;
}

/** Whether a text of the body has a character in more bytes than it needs: not to all peers is it that one. */
export function hasOverlong(): bool {
  return isOverlong;
}

/** Whether a text of the body has a character of four bytes, which Java refuses and others count as one or two. */
export function isLengthDoubtful(): bool {
  return isDoubtful;
}

/** Whether a text of the body has half a surrogate pair after which dubbo-go reads on elsewhere than we do. */
export function hasHalfPair(): bool {
  return hasHalf;
}

/** From now on such a half takes the next three bytes with it, as dubbo-go reads it; or it stands alone again. */
export function readHalvesAsPairs(asPairs: bool): void {
  halvesArePairs = asPairs;
}

/**
 * Reads the string or null at `p` into `span` (a null clears it).
 *
 * A string in one piece is a span of the input; one in several pieces is put together in a buffer of
 * this module, cut at 1024 bytes, and stays good until the next `startStrings`. Of a seventeenth one
 * nothing is put together; `wasCut` tells of both.
 *
 * @returns the address after the string, or a failure: MALFORMED where no string stands
 */
export function readString(p: usize, end: usize, span: Span): usize {
  const hasRoom = joinSlot < JOIN_SLOTS;
  const next = readPieces(p, end, span, hasRoom ? JOINED + joinSlot * JOIN_ROOM : 0);
  // Only what came in pieces has taken its slot.
  if (hasRoom && span.start == JOINED + joinSlot * JOIN_ROOM) joinSlot++;
  return next;
}

/** The same for a string that is needed only until the next one is read with this function. */
export function readShortLived(p: usize, end: usize, span: Span): usize {
  return readPieces(p, end, span, SHORT_LIVED);
}

/** @param joined where pieces are put together; 0: nowhere */
function readPieces(p: usize, end: usize, span: Span, joined: usize): usize {
  isCut = false;
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

  const room = joined == 0 ? 0 : JOIN_ROOM;
  let length: u32 = 0;
  while (true) {
    const take = min<u32>(<u32>(next - text), room - length);
    if (take < <u32>(next - text)) isCut = true;
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

/** Passes the string at `p` (a null is none); answers the address after it, or a failure. */
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

/** Below it two bytes are one too many, and so are three with E0 in front. */
const SHORTEST_OF_TWO: u8 = 0xc2;
const SHORTEST_BEHIND_E0: u8 = 0xa0;
const SURROGATE_LEAD: u8 = 0xed;
/** Two bits of the byte after it tell a high surrogate; peers look at no more of its upper bits. */
const HIGH_MASK: u8 = 0x30;
const HIGH_BITS: u8 = 0x20;

/** Whether a character of three bytes follows the one at `p`, both among `units`. */
function isFollowedByThree(p: usize, end: usize, units: u32): bool {
  return units > 1 && p + 3 < end && (load<u8>(p, 3) & 0xf0) == 0xe0;
}

/** How many of the first `units` bytes at `p` are certainly ASCII: whole steps of four words. */
function countAscii(p: usize, end: usize, units: u32): u32 {
  const start = p;
  const last = p + min<u32>(units, bytesLeft(p, end));
  while (p + 32 <= last) {
    const bits = load<u64>(p) | load<u64>(p, 8) | load<u64>(p, 16) | load<u64>(p, 24);
    if ((bits & NON_ASCII) != 0) break;
    p += 32;
  }
  return <u32>(p - start);
}

/** Walks `units` UTF-16 units of CESU-8 from `p`; every load stands behind a comparison with `end`. */
function skipUnits(p: usize, end: usize, units: u32): usize {
  if (units >= LONG_TEXT) {
    const passed = countAscii(p, end, units);
    p += passed;
    units -= passed;
  }
  while (units != 0) {
    while (units >= 8 && p + 8 <= end && (load<u64>(p) & NON_ASCII) == 0) {
      p += 8;
      units -= 8;
    }
    if (units == 0) break;
    if (units < 8 && p + 8 <= end) {
      // The text's last bytes at once, whatever stands after them.
      const theirs = NON_ASCII & (((<u64>1) << (units << 3)) - 1);
      if ((load<u64>(p) & theirs) == 0) return p + units;
    }
    if (p >= end) return INCOMPLETE;
    const lead = load<u8>(p);
    if (lead < 0x80) p += 1;
    else if ((lead & 0xe0) == 0xc0) {
      if (lead < SHORTEST_OF_TWO) isOverlong = true;
      p += 2;
    } else if ((lead & 0xf0) == 0xe0) {
      if (lead == 0xe0 && p + 1 < end && load<u8>(p, 1) < SHORTEST_BEHIND_E0) isOverlong = true;
      if (lead == SURROGATE_LEAD && p + 1 < end && (load<u8>(p, 1) & HIGH_MASK) == HIGH_BITS) {
        if (isFollowedByThree(p, end, units)) {
          p += 3;
          units--;
        } else if (halvesArePairs) {
          p += 3;
          if (units > 1) units--;
        } else {
          hasHalf = true;
        }
      }
      p += 3;
    } else if ((lead & 0xf8) == 0xf0) {
      isDoubtful = true;
      p += 4;
    } else return MALFORMED;
    units--;
  }
  // The last character may reach after the end.
  return p > end ? INCOMPLETE : p;
}
