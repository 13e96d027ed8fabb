/**
 * Bodies in fastjson2 (serialization id 23): the invocation of a request, the kind of a result.
 *
 *     body  ::= field{5} field{arguments} field       head, arguments, attachments (an object)
 *     field ::= length(4, big endian) JSONB value     so that a field is passed without being read
 *
 * Source: org.apache.dubbo.common.serialize.fastjson2.FastJson2ObjectOutput, held against captured
 * frames. See value.ts for the values.
 */
import { AttachmentChange } from "../../dubbo/attachment_change";
import { KeyEncoding } from "../../dubbo/attachment_key";
import { AttachmentQuery } from "../../dubbo/attachments";
import { HEAD_PARTS, Invocation } from "../../dubbo/invocation";
import { loadU32 } from "../../wire/bytes";
import { bytesLeft, failed, INCOMPLETE, MALFORMED } from "../../wire/position";
import { Output } from "../../wire/output";
import { Span } from "../../wire/span";
import {
  isJsonbString,
  isJsonbTextDoubtful,
  jsonbEncoding,
  NULL,
  readJsonbText,
  startJsonbTexts,
} from "./value";
import { readJsonbAttachments, rewriteJsonbAttachments } from "./attachments";

const LENGTH_SIZE: u32 = 4;

export function beginFastjson2(p: usize, _end: usize): usize {
  startJsonbTexts();
  return p;
}

/** Passes the arguments, each one field. */
export function skipFastjson2Arguments(p: usize, end: usize, out: Invocation): usize {
  // The bytes of a descriptor in UTF-16 are not its characters: peers would find other arguments.
  const code = load<u8>(out.descriptorAt, LENGTH_SIZE);
  if (jsonbEncoding(code) != KeyEncoding.BYTES) return MALFORMED;
  for (let i: u32 = 0; i < out.argumentCount; i++) {
    p = skipField(p, end);
    if (failed(p)) return p;
  }
  return p;
}

/** Reads the field at `p`, an object, and fills in what is asked for. */
export function readFastjson2Attachments(
  p: usize,
  end: usize,
  attachments: AttachmentQuery,
  out: Invocation,
): usize {
  const fieldEnd = skipField(p, end);
  if (failed(fieldEnd)) return fieldEnd;
  const read = readJsonbAttachments(p + LENGTH_SIZE, fieldEnd, attachments);
  if (isJsonbTextDoubtful() || attachments.isAmbiguous) out.areNamesDoubtful = true;
  return failed(read) ? insideField(read) : fieldEnd;
}

/** Answers where the field at `p` ends. */
function skipField(p: usize, end: usize): usize {
  if (LENGTH_SIZE > bytesLeft(p, end)) return INCOMPLETE;
  const length = loadU32(p);
  p += LENGTH_SIZE;
  return length > bytesLeft(p, end) ? INCOMPLETE : p + length;
}

/** Reads a field that holds a string or null. */
export function readFastjson2Text(p: usize, end: usize, span: Span): usize {
  if (LENGTH_SIZE + 1 > bytesLeft(p, end)) return INCOMPLETE;
  const length = loadU32(p);
  p += LENGTH_SIZE;
  // What cannot be a string or null is told before its last byte has come, so that a length which
  // lies does not make us wait for it.
  if (length == 0 || (load<u8>(p) != NULL && !isJsonbString(load<u8>(p)))) return MALFORMED;
  if (length > bytesLeft(p, end)) return INCOMPLETE;
  const fieldEnd = p + length;
  const next = readJsonbText(p, fieldEnd, span);
  return failed(next) ? insideField(next) : fieldEnd;
}

/** A value that is longer than its own field lies about its length: more bytes will not mend it. */
function insideField(failure: usize): usize {
  return failure == INCOMPLETE ? MALFORMED : failure;
}

/**
 * Writes the attachments, a field that lies from `p` to `end`, into `out`, changed.
 *
 * @returns whether they could be; if not, what was written means nothing
 */
export function rewriteFastjson2Attachments(
  p: usize,
  end: usize,
  change: AttachmentChange,
  out: Output,
): bool {
  const lengthAt = out.length;
  out.writeU32(0);
  const value = min<usize>(p + LENGTH_SIZE, end);
  if (!rewriteJsonbAttachments(value, end, change, out)) return false;
  out.patchU32(lengthAt, out.length - lengthAt - LENGTH_SIZE);
  return true;
}

/**
 * Reads the result's kind at `p`: a field that holds an int8, or a small int.
 *
 * @returns the `ResultKind`, or -1 where no kind stands
 */
export function readFastjson2Kind(p: usize, end: usize): i32 {
  const fieldEnd = skipField(p, end);
  if (failed(fieldEnd)) return -1;
  const length = fieldEnd - p - LENGTH_SIZE;
  p += LENGTH_SIZE;
  let kind: i32 = -1;
  if (length == 2 && load<u8>(p) == 0xbd) kind = load<u8>(p, 1);
  else if (length == 1) kind = load<u8>(p);
  return kind <= 5 ? kind : -1;
}

/** See `headLength`. */
export function fastjson2HeadLength(start: usize, end: usize): u32 {
  let p = start;
  for (let part: u32 = 0; part < HEAD_PARTS; part++) {
    if (p + LENGTH_SIZE > end) return 0;
    const length = loadU32(p);
    p += LENGTH_SIZE;
    if (length > bytesLeft(p, end)) return 0;
    p += length;
  }
  return <u32>(p - start);
}
