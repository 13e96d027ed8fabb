/**
 * Bodies in hessian2 (serialization id 2): what bodies.ts asks of a serialization.
 *
 * The head's strings follow each other; arguments and attachments are Hessian 2 values. See string.ts,
 * skip.ts and attachments.ts for the grammar.
 */
import { AttachmentQuery } from "../../dubbo/attachments";
import { HEAD_PARTS, Invocation, nextDescriptor } from "../../dubbo/invocation";
import { loadU16 } from "../../wire/bytes";
import { failed, INCOMPLETE, MALFORMED, UNSUPPORTED } from "../../wire/position";
import { Span } from "../../wire/span";
import { readAttachments } from "./attachments";
import {
  CLASS_DEFINITION,
  FIRST_KIND,
  INT_ZERO,
  isIntCode,
  kindOf,
  LIST_SHORT,
  LIST_TYPED,
  MAP,
  MAP_TYPED,
  NULL_CODE,
  REFERENCE,
  STRING_MEDIUM,
  STRING_SHORT,
} from "./codes";
import { lastInt, readInt, skipValues, startBody } from "./skip";
import {
  hasHalfPair,
  hasOverlong,
  isLengthDoubtful,
  readHalvesAsPairs,
  readString,
  startStrings,
  wasCut,
} from "./string";

export function beginHessian2(p: usize, _end: usize): usize {
  startStrings();
  startBody();
  return p;
}

/** Reads a string; one that is cut is none: a part of a name is another name. */
export function readHessian2Text(p: usize, end: usize, span: Span): usize {
  p = readString(p, end, span);
  return !failed(p) && wasCut() ? MALFORMED : p;
}

/** Reads the int that dubbox writes, if one stands at `p`. */
export function readHessian2Count(p: usize, end: usize, out: Invocation): usize {
  if (p >= end || !isIntCode(load<u8>(p))) return p;
  p = readInt(p, end);
  if (failed(p)) return p;
  return out.tell(lastInt()) ? p : MALFORMED;
}

/** Where the arguments of the body that is being read begin. */
let argumentsAt: usize = 0;

/** Passes the arguments, each one value. */
export function skipHessian2Arguments(p: usize, end: usize, out: Invocation): usize {
  argumentsAt = p;
  // What the head says must be the same to everyone.
  if (hasHalfPair()) out.isDoubtful = true;
  let descriptor = out.descriptor.start;
  for (let i: u32 = 0; i < out.argumentCount; i++) {
    if (!out.isCounted) {
      if (p < end && !isReadByCode(load<u8>(descriptor), load<u8>(descriptor, 1), load<u8>(p))) {
        out.isDoubtful = true;
      }
      descriptor = nextDescriptor(descriptor);
    }
    p = skipValues(p, end, 1);
    if (failed(p)) return p;
  }
  return p;
}

/** Reads the map at `p`, and says whether peers may have read anything up to there in another way. */
export function readHessian2Attachments(
  p: usize,
  end: usize,
  attachments: AttachmentQuery,
  out: Invocation,
): usize {
  p = readAttachments(p, end, attachments);
  if (hasOverlong() || attachments.isAmbiguous) out.areNamesDoubtful = true;
  if (isLengthDoubtful() || (hasHalfPair() && hasOtherReading(end, out))) out.isDoubtful = true;
  return p;
}

/**
 * Whether arguments and attachments make sense, too, to who takes half a surrogate pair for a whole one.
 *
 * Mostly they do not: such a peer then answers that it cannot read the request, and runs nothing.
 */
function hasOtherReading(end: usize, out: Invocation): bool {
  readHalvesAsPairs(true);
  startBody();
  let p = skipValues(argumentsAt, end, out.argumentCount);
  if (!failed(p) && p < end) p = isMapToOthers(load<u8>(p)) ? skipValues(p, end, 1) : MALFORMED;
  readHalvesAsPairs(false);
  // What follows counts on the classes of our own reading.
  startBody();
  skipValues(argumentsAt, end, out.argumentCount + 1);
  return !failed(p) || p == UNSUPPORTED;
}

/** Whether dubbo-go may take what begins with `code` for attachments (unpackRequestBody): else it fails. */
function isMapToOthers(code: u8): bool {
  const kind = kindOf(code);
  if (code == NULL_CODE || kind == REFERENCE || kind == CLASS_DEFINITION) return true;
  return kind == MAP || kind == MAP_TYPED;
}

const ARRAY: u8 = 0x5b;
const BYTES: u8 = 0x42;
const CHARACTERS: u8 = 0x43;

/**
 * Whether Java reads an argument by its first byte, `code`, as we do.
 *
 * Its decoder reads arrays of numbers and texts by the parameter's type and passes whatever code stands
 * there (hessian-lite, BasicDeserializer); only a null, a list or a reference is then what it seems.
 *
 * @param type, element the first two characters of the parameter's descriptor
 */
function isReadByCode(type: u8, element: u8, code: u8): bool {
  if (type != ARRAY || element == BYTES || element == CHARACTERS) return true;
  const kind = kindOf(code);
  return code == NULL_CODE || kind == REFERENCE || (kind >= LIST_TYPED && kind <= LIST_SHORT);
}

/**
 * Reads the result's kind at `p`: an int from 0 to 5 in its one-byte form, as every peer writes it.
 *
 * @returns the `ResultKind`, or -1 where no kind stands
 */
export function readHessian2Kind(p: usize, end: usize): i32 {
  if (p >= end) return -1;
  const kind = <i32>load<u8>(p) - INT_ZERO;
  return kind >= 0 && kind <= 5 ? kind : -1;
}

/** See `headLength`. */
export function hessian2HeadLength(start: usize, end: usize): u32 {
  let p = start;
  for (let part: u32 = 0; part < HEAD_PARTS; part++) {
    // A code and the byte after it, which is there: attachments follow, if only a null.
    if (p + 2 > end) return 0;
    const kind = kindOf(load<u8>(p));
    if (kind == STRING_SHORT) p += 1 + load<u8>(p);
    else if (kind == STRING_MEDIUM) p += 2 + (loadU16(p) & 0x3ff);
    else if (kind < FIRST_KIND) p += kind;
    else return 0;
  }
  return p > end ? 0 : <u32>(p - start);
}
