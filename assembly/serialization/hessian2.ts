/**
 * Bodies in hessian2 (serialization id 2): the invocation of a request, the kind of a result.
 *
 * The head's strings follow each other; arguments and attachments are Hessian 2 values, the latter
 * an untyped map (typed, or null, from foreign encoders). See hessian2_string.ts and
 * hessian2_skip.ts for the grammar. Bytes behind the attachments are borne.
 */
import { argumentCount, BAD_DESCRIPTOR, Invocation } from "../dubbo/invocation";
import { AttachmentQuery } from "../dubbo/attachments";
import { failed, INCOMPLETE, MALFORMED } from "../wire/position";
import { Span } from "../wire/span";
import { END, INT_ZERO, kindOf, MAP, MAP_TYPED, NULL_CODE } from "./hessian2_codes";
import { skipType, skipValues, startBody } from "./hessian2_skip";
import { isStringCode, readString } from "./hessian2_string";

/** Reads the body from `p` to `end` into `out`; answers an address or a failure. */
export function readHessian2Invocation(p: usize, end: usize, out: Invocation): usize {
  p = readString(p, end, out.dubboVersion);
  if (failed(p)) return p;
  p = readString(p, end, out.path);
  if (failed(p)) return p;
  p = readString(p, end, out.serviceVersion);
  if (failed(p)) return p;
  p = readString(p, end, out.headMethod);
  if (failed(p)) return p;
  p = readString(p, end, out.descriptor);
  if (failed(p)) return p;
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
  p = readAttachments(p, end, attachments);
  if (!failed(p)) out.attachmentsRead = true;
  return p;
}

/** Reads the map at `p` and fills in what `attachments` asks for. */
function readAttachments(p: usize, end: usize, attachments: AttachmentQuery): usize {
  if (p >= end) return INCOMPLETE;
  const code = load<u8>(p);
  const kind = kindOf(code);
  if (code == NULL_CODE) return p + 1;
  if (kind == MAP) p += 1;
  else if (kind == MAP_TYPED) p = skipType(p + 1, end);
  else return MALFORMED;
  if (failed(p)) return p;
  while (true) {
    if (p >= end) return INCOMPLETE;
    if (kindOf(load<u8>(p)) == END) return p + 1;
    let wanted: Span | null = null;
    if (isStringCode(load<u8>(p))) {
      p = readString(p, end, key());
      if (failed(p)) return p;
      wanted = attachments.find(key().start, key().length);
    } else {
      p = skipValues(p, end, 1);
      if (failed(p)) return p;
    }
    if (p >= end) return INCOMPLETE;
    if (wanted && isStringCode(load<u8>(p))) {
      p = readString(p, end, wanted);
    } else {
      // A key that stands twice has its last value, as in the peers' maps.
      if (wanted) wanted.clear();
      p = skipValues(p, end, 1);
    }
    if (failed(p)) return p;
  }
}

const KEY_SPACE = memory.data(16);

/** The key of the attachment that is being read. */
function key(): Span {
  return changetype<Span>(KEY_SPACE);
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
