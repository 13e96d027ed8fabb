/**
 * Bodies in Java serialization (ids 3 and 4): the head's strings, and the kind of a result.
 *
 *     body   ::= aced 0005 block* object …
 *     block  ::= 77 length(1) byte{length} | 7a length(4) byte{length}
 *     in blocks: string ::= ffffffff (null) | length(4) utflength(2) byte{utflength}
 *     then      objects ::= 01 (in a block) 74 utflength(2) byte{utflength}   a String
 *
 * Sources: Java Object Serialization Specification, chapter 6; Dubbo's JavaObjectOutput. Primitive
 * data lies in blocks, so the strings are read through a cursor that steps from block to block. The
 * objects after (arguments, attachments) are Java's object stream and not ours to walk, but for one
 * String as a generic call's first argument.
 */
import { HEAD_PARTS, Invocation } from "../dubbo/invocation";
import { loadU16, loadU32 } from "../wire/bytes";
import { bytesLeft, failed, INCOMPLETE, MALFORMED, UNSUPPORTED } from "../wire/position";
import { Span } from "../wire/span";

const STREAM_HEADER: u32 = 0xaced0005;
const STREAM_HEADER_LENGTH: u32 = 4;
const TC_STRING: u8 = 0x74;
const TC_BLOCKDATA: u8 = 0x77;
const TC_BLOCKDATALONG: u8 = 0x7a;
const NULL_LENGTH: u32 = 0xffffffff;

/** Strings that lie in two blocks are put together here, cut at this many bytes each. */
const JOIN_ROOM: u32 = 256;
/** A head's five strings. */
const JOIN_SLOTS: u32 = 5;
const JOINED = memory.data(<i32>(JOIN_ROOM * JOIN_SLOTS));

// The cursor: bytes of the current block that are left after the position.
let blockLeft: u32 = 0;
let joinSlot: u32 = 0;

/** Reads the body from `p` to `end` into `out`; attachments are UNSUPPORTED. */
export function readJavaInvocation(p: usize, end: usize, out: Invocation): usize {
  p = enterStream(p, end);
  if (failed(p)) return p;
  joinSlot = 0;
  for (let part: u32 = 0; part < HEAD_PARTS; part++) {
    p = readUtf(p, end, out.headPart(part));
    if (failed(p)) return p;
  }
  if (out.isGeneric) {
    const next = readStringObject(p, end, out.genericMethod);
    if (next == INCOMPLETE) return INCOMPLETE;
    if (failed(next)) out.genericMethod.clear();
  }
  out.headRead = true;
  return out.attachments ? UNSUPPORTED : p;
}

/**
 * Reads the result's kind at `p`: the first byte of the first block.
 *
 * @returns the `ResultKind`, or -1 where no kind stands
 */
export function readJavaResultKind(p: usize, end: usize): i32 {
  p = nextByte(enterStream(p, end), end);
  if (failed(p)) return -1;
  const kind = load<u8>(p);
  return kind <= 5 ? kind : -1;
}

function enterStream(p: usize, end: usize): usize {
  blockLeft = 0;
  if (p + STREAM_HEADER_LENGTH > end) return INCOMPLETE;
  return loadU32(p) == STREAM_HEADER ? p + STREAM_HEADER_LENGTH : MALFORMED;
}

/** Steps into the next block where the current one is used up; answers where its next byte lies. */
function nextByte(p: usize, end: usize): usize {
  if (failed(p)) return p;
  while (blockLeft == 0) {
    if (p >= end) return INCOMPLETE;
    const code = load<u8>(p);
    if (code == TC_BLOCKDATA) {
      if (p + 2 > end) return INCOMPLETE;
      blockLeft = load<u8>(p, 1);
      p += 2;
    } else if (code == TC_BLOCKDATALONG) {
      if (p + 5 > end) return INCOMPLETE;
      blockLeft = loadU32(p + 1);
      p += 5;
    } else {
      return MALFORMED;
    }
  }
  return p < end ? p : INCOMPLETE;
}

// The number that `readNumber` just read.
let number: u32 = 0;

function readNumber(p: usize, end: usize, size: u32): usize {
  number = 0;
  for (let i: u32 = 0; i < size; i++) {
    p = nextByte(p, end);
    if (failed(p)) return p;
    number = (number << 8) | load<u8>(p++);
    blockLeft--;
  }
  return p;
}

function readUtf(p: usize, end: usize, span: Span): usize {
  p = readNumber(p, end, 4);
  if (failed(p)) return p;
  if (number == NULL_LENGTH) {
    span.clear();
    return p;
  }
  p = readNumber(p, end, 2);
  if (failed(p)) return p;
  let left = number;
  if (left <= blockLeft) {
    if (left > bytesLeft(p, end)) return INCOMPLETE;
    span.set(p, left);
    blockLeft -= left;
    return p + left;
  }
  const joined = JOINED + (joinSlot++ % JOIN_SLOTS) * JOIN_ROOM;
  let length: u32 = 0;
  while (left != 0) {
    p = nextByte(p, end);
    if (failed(p)) return p;
    const take = min<u32>(left, blockLeft);
    if (take > bytesLeft(p, end)) return INCOMPLETE;
    const copy = min<u32>(take, JOIN_ROOM - length);
    memory.copy(joined + length, p, copy);
    length += copy;
    p += take;
    left -= take;
    blockLeft -= take;
  }
  span.set(joined, length);
  return p;
}

/** Reads `01` in a block and the String object after it: JavaObjectOutput.writeObject. */
function readStringObject(p: usize, end: usize, span: Span): usize {
  p = readNumber(p, end, 1);
  if (failed(p)) return p;
  if (number != 1 || blockLeft != 0) return MALFORMED;
  if (p >= end) return INCOMPLETE;
  if (load<u8>(p) != TC_STRING) return MALFORMED;
  if (p + 3 > end) return INCOMPLETE;
  const length = loadU16(p + 1);
  p += 3;
  if (length > bytesLeft(p, end)) return INCOMPLETE;
  span.set(p, length);
  return p + length;
}
