/**
 * Bodies in hessian2 (serialization id 2): the invocation of a request, the kind of a result.
 *
 * The head's strings follow each other; arguments and attachments are Hessian 2 values. See
 * hessian2_string.ts, hessian2_skip.ts and hessian2_attachments.ts for the grammar. Bytes after the
 * attachments are borne.
 */
import {
  argumentCount,
  BAD_DESCRIPTOR,
  HEAD_PARTS,
  Invocation,
  nextDescriptor,
} from "../dubbo/invocation";
import { failed, INCOMPLETE, MALFORMED } from "../wire/position";
import { readHessian2Attachments } from "./hessian2_attachments";
import { INT_ZERO, kindOf, LIST_SHORT, LIST_TYPED, NULL_CODE, REFERENCE } from "./hessian2_codes";
import { skipValues, startBody } from "./hessian2_skip";
import { isLengthDoubtful, readString, startStrings, wasCut } from "./hessian2_string";

/** Reads the body from `p` to `end` into `out`; answers an address or a failure. */
export function readHessian2Invocation(p: usize, end: usize, out: Invocation): usize {
  startStrings();
  for (let part: u32 = 0; part < HEAD_PARTS; part++) {
    p = readString(p, end, out.headPart(part));
    if (failed(p)) return p;
    // A part of a name is another name, and a part of a descriptor other arguments.
    if (wasCut()) return MALFORMED;
  }
  if (out.isGeneric) {
    const next = readString(p, end, out.genericMethod);
    if (next == INCOMPLETE) return INCOMPLETE;
    // Whatever else stands there, the call is then shown as `$invoke`.
    if (failed(next) || wasCut()) out.genericMethod.clear();
  }
  out.headRead = true;
  const attachments = out.attachments;
  if (!attachments) return p;

  const count = argumentCount(out.descriptor);
  if (count == BAD_DESCRIPTOR) return MALFORMED;
  startBody();
  let descriptor = out.descriptor.start;
  for (let i: u32 = 0; i < count; i++) {
    if (p < end && !isReadByCode(load<u8>(descriptor), load<u8>(descriptor, 1), load<u8>(p))) {
      out.isDoubtful = true;
    }
    descriptor = nextDescriptor(descriptor);
    p = skipValues(p, end, 1);
    if (failed(p)) return p;
  }
  out.attachmentsStart = p;
  p = readHessian2Attachments(p, end, attachments);
  if (isLengthDoubtful()) out.isDoubtful = true;
  if (!failed(p)) out.setAttachmentsRead(p);
  return p;
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
export function readHessian2ResultKind(p: usize, end: usize): i32 {
  if (p >= end) return -1;
  const kind = <i32>load<u8>(p) - INT_ZERO;
  return kind >= 0 && kind <= 5 ? kind : -1;
}
