/**
 * Bodies in hessian2 (serialization id 2): the invocation of a request, the kind of a result.
 *
 * The head's strings follow each other; arguments and attachments are Hessian 2 values. See
 * hessian2_string.ts, hessian2_skip.ts and hessian2_attachments.ts for the grammar. Bytes behind the
 * attachments are borne.
 */
import { argumentCount, BAD_DESCRIPTOR, HEAD_PARTS, Invocation } from "../dubbo/invocation";
import { failed, INCOMPLETE, MALFORMED } from "../wire/position";
import { readHessian2Attachments } from "./hessian2_attachments";
import { INT_ZERO } from "./hessian2_codes";
import { skipValues, startBody } from "./hessian2_skip";
import { readString } from "./hessian2_string";

/** Reads the body from `p` to `end` into `out`; answers an address or a failure. */
export function readHessian2Invocation(p: usize, end: usize, out: Invocation): usize {
  for (let part: u32 = 0; part < HEAD_PARTS; part++) {
    p = readString(p, end, out.headPart(part));
    if (failed(p)) return p;
  }
  if (out.isGeneric) {
    const next = readString(p, end, out.genericMethod);
    if (next == INCOMPLETE) return INCOMPLETE;
    // Whatever else stands there, the call is then shown as `$invoke`.
    if (failed(next)) out.genericMethod.clear();
  }
  out.headRead = true;
  const attachments = out.attachments;
  if (!attachments) return p;

  const count = argumentCount(out.descriptor);
  if (count == BAD_DESCRIPTOR) return MALFORMED;
  startBody();
  p = skipValues(p, end, count);
  if (failed(p)) return p;
  out.attachmentsStart = p;
  p = readHessian2Attachments(p, end, attachments);
  if (!failed(p)) out.setAttachmentsRead(p);
  return p;
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
