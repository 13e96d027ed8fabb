/**
 * Passing any Hessian 2 value without building it.
 *
 *     value ::= scalar | string | binary | list | map | C class-definition value | instance | ref
 *     list  ::= 55 type value* Z | V type int value* | 57 value* Z | 58 int value*
 *           ::= 70–77 type value* | 78–7f value*
 *     map   ::= M type (value value)* Z | H (value value)* Z
 *     class ::= string int string*          instance ::= O int value* | 60–6f value*
 *     type  ::= string | int
 *
 * The walk is a loop over a stack of "values still to come", of constant depth. Each turn uses at
 * least one byte, so the work is bounded by the input. Class definitions are numbered through one
 * body, arguments and attachments together: `startBody` begins that numbering. References need no
 * table, a reference is passed as the int it is.
 */
import { loadU16, loadU32 } from "../wire/bytes";
import { bytesLeft, failed, INCOMPLETE, MALFORMED, UNSUPPORTED } from "../wire/position";
import {
  BINARY_CHUNK,
  BINARY_FINAL,
  BINARY_MEDIUM,
  BINARY_SHORT,
  CLASS_DEFINITION,
  END,
  FIRST_KIND,
  INSTANCE,
  INSTANCE_SHORT,
  INT_ZERO,
  kindOf,
  LIST,
  LIST_FIXED,
  LIST_SHORT,
  LIST_TYPED,
  LIST_TYPED_FIXED,
  LIST_TYPED_SHORT,
  MAP,
  MAP_TYPED,
  REFERENCE,
  STRING_CHUNK,
  STRING_FINAL,
  STRING_MEDIUM,
  STRING_SHORT,
} from "./hessian2_codes";
import { isStringCode, skipString } from "./hessian2_string";

/** Open lists, maps and instances; Java's own decoder recurses and dies not far above this. */
const MAX_DEPTH: u32 = 1024;
/** Class definitions in one body; a body that needs more is answered with UNSUPPORTED. */
const MAX_CLASSES: u32 = 1024;
/** In place of a count: values up to an END. */
const UNTIL_END: u32 = 0xffffffff;

const STACK = memory.data(<i32>(MAX_DEPTH * 4));
const FIELD_COUNTS = memory.data(<i32>(MAX_CLASSES * 4));
let classCount: u32 = 0;

// The int that `readInt` just read.
let intValue: i32 = 0;

/** Begins a body: classes that were defined before are forgotten. */
export function startBody(): void {
  classCount = 0;
}

/**
 * Passes `count` values from `p` on.
 *
 * @returns the address after the last one, or INCOMPLETE, MALFORMED, or UNSUPPORTED where the value
 *   is deeper or has more classes than this reader holds
 */
export function skipValues(p: usize, end: usize, count: u32): usize {
  let depth: u32 = 0;
  let left = count;
  while (true) {
    // Closing a level before its last value is opened keeps a linked list flat.
    while (left == 0) {
      if (depth == 0) return p;
      left = load<u32>(STACK + (--depth << 2));
    }
    if (p >= end) return INCOMPLETE;
    const code = load<u8>(p);
    const kind = kindOf(code);

    if (kind < FIRST_KIND) {
      if (kind == 0) return MALFORMED;
      p += kind;
      if (p > end) return INCOMPLETE;
      if (left != UNTIL_END) left--;
      continue;
    }
    if (kind == END) {
      if (left != UNTIL_END) return MALFORMED;
      left = 0;
      p++;
      continue;
    }
    if (kind == CLASS_DEFINITION) {
      // A definition stands in front of a value and is none itself: nothing may end after it.
      p = readClassDefinition(p + 1, end);
      if (failed(p)) return p;
      if (p < end && kindOf(load<u8>(p)) == END) return MALFORMED;
      continue;
    }

    if (left != UNTIL_END) left--;
    let children: u32 = 0;
    switch (kind) {
      case STRING_SHORT:
      case STRING_MEDIUM:
      case STRING_CHUNK:
      case STRING_FINAL:
        p = skipString(p, end);
        break;
      case BINARY_SHORT:
      case BINARY_MEDIUM:
      case BINARY_CHUNK:
      case BINARY_FINAL:
        p = skipBinary(p, end);
        break;
      case REFERENCE:
        p = readInt(p + 1, end);
        break;
      case INSTANCE_SHORT:
        p++;
        intValue = code & 0x0f;
        if (<u32>intValue >= classCount) return MALFORMED;
        children = load<u32>(FIELD_COUNTS + (intValue << 2));
        break;
      case INSTANCE:
        p = readInt(p + 1, end);
        if (failed(p)) return p;
        if (<u32>intValue >= classCount) return MALFORMED;
        children = load<u32>(FIELD_COUNTS + (intValue << 2));
        break;
      case MAP:
      case LIST:
        p++;
        children = UNTIL_END;
        break;
      case MAP_TYPED:
      case LIST_TYPED:
        p = skipType(p + 1, end);
        children = UNTIL_END;
        break;
      case LIST_SHORT:
        p++;
        children = code & 0x07;
        break;
      case LIST_TYPED_SHORT:
        p = skipType(p + 1, end);
        children = code & 0x07;
        break;
      case LIST_FIXED:
        p = readCount(p + 1, end);
        children = intValue;
        break;
      case LIST_TYPED_FIXED:
        p = skipType(p + 1, end);
        if (failed(p)) return p;
        p = readCount(p, end);
        children = intValue;
        break;
      default:
        return MALFORMED;
    }
    if (failed(p)) return p;
    if (children == 0) continue;
    if (left != 0) {
      if (depth == MAX_DEPTH) return UNSUPPORTED;
      store<u32>(STACK + (depth++ << 2), left);
    }
    left = children;
  }
}

/** Reads the definition after a `C` at `p` and numbers it. */
function readClassDefinition(p: usize, end: usize): usize {
  p = skipString(p, end);
  if (failed(p)) return p;
  p = readCount(p, end);
  if (failed(p)) return p;
  const fields = intValue;
  for (let i = 0; i < fields; i++) {
    p = skipString(p, end);
    if (failed(p)) return p;
  }
  if (classCount == MAX_CLASSES) return UNSUPPORTED;
  store<u32>(FIELD_COUNTS + (classCount++ << 2), fields);
  return p;
}

/** Passes the type at `p`: its name, or the number of one that was named before. */
export function skipType(p: usize, end: usize): usize {
  if (p >= end) return INCOMPLETE;
  return isStringCode(load<u8>(p)) ? skipString(p, end) : readInt(p, end);
}

function skipBinary(p: usize, end: usize): usize {
  while (true) {
    if (p >= end) return INCOMPLETE;
    const code = load<u8>(p);
    const kind = kindOf(code);
    let length: u32 = 0;
    if (kind == BINARY_SHORT) {
      length = code & 0x0f;
      p += 1;
    } else if (kind == BINARY_MEDIUM) {
      if (p + 2 > end) return INCOMPLETE;
      length = loadU16(p) & 0x3ff;
      p += 2;
    } else if (kind == BINARY_CHUNK || kind == BINARY_FINAL) {
      if (p + 3 > end) return INCOMPLETE;
      length = loadU16(p + 1);
      p += 3;
    } else {
      return MALFORMED;
    }
    if (length > bytesLeft(p, end)) return INCOMPLETE;
    p += length;
    if (kind != BINARY_CHUNK) return p;
  }
}

/** An int that counts things: a negative one is MALFORMED. */
function readCount(p: usize, end: usize): usize {
  p = readInt(p, end);
  return !failed(p) && intValue < 0 ? MALFORMED : p;
}

/** Reads the int at `p` into `intValue`: `80`–`bf`, `c0`–`cf` b, `d0`–`d7` b b, `I` b b b b. */
function readInt(p: usize, end: usize): usize {
  if (p >= end) return INCOMPLETE;
  const code = load<u8>(p);
  if (code >= 0x80 && code <= 0xbf) {
    intValue = <i32>code - INT_ZERO;
    return p + 1;
  }
  if (code >= 0xc0 && code <= 0xcf) {
    if (p + 2 > end) return INCOMPLETE;
    intValue = ((<i32>code - 0xc8) << 8) | load<u8>(p, 1);
    return p + 2;
  }
  if (code >= 0xd0 && code <= 0xd7) {
    if (p + 3 > end) return INCOMPLETE;
    intValue = ((<i32>code - 0xd4) << 16) | (<i32>loadU16(p + 1));
    return p + 3;
  }
  if (code != 0x49) return MALFORMED;
  if (p + 5 > end) return INCOMPLETE;
  intValue = <i32>loadU32(p + 1);
  return p + 5;
}
