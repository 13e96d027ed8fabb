/**
 * Bodies in fastjson (serialization id 6): the head's strings, and the kind of a result.
 *
 *     body ::= line{5} line{arguments} line        each a JSON document
 *     line ::= JSON '\n'
 *
 * Source: org.apache.dubbo.common.serialize.fastjson.FastJsonObjectOutput (Dubbo up to 3.1). No frame
 * of it was captured; these readers are held against frames that our tests write. Names come without
 * escapes; one with an escape is read up to its end as it stands, and cleaned where it is shown.
 */
import { HEAD_PARTS, Invocation } from "../dubbo/invocation";
import { sameAscii } from "../wire/bytes";
import { bytesLeft, failed, INCOMPLETE, MALFORMED, UNSUPPORTED } from "../wire/position";
import { Span } from "../wire/span";

const QUOTE: u8 = 0x22;
const BACKSLASH: u8 = 0x5c;
const NEWLINE: u8 = 0x0a;
const CARRIAGE_RETURN: u8 = 0x0d;

/** Reads the body from `p` to `end` into `out`; attachments are UNSUPPORTED. */
export function readFastjsonInvocation(p: usize, end: usize, out: Invocation): usize {
  for (let part: u32 = 0; part < HEAD_PARTS; part++) {
    p = readLine(p, end, out.headPart(part));
    if (failed(p)) return p;
  }
  if (out.isGeneric) {
    const next = readLine(p, end, out.genericMethod);
    if (next == INCOMPLETE) return INCOMPLETE;
    if (failed(next)) out.genericMethod.clear();
  }
  out.headRead = true;
  return out.attachments ? UNSUPPORTED : p;
}

/**
 * Reads the result's kind at `p`: one digit and the line's end.
 *
 * @returns the `ResultKind`, or -1 where no kind stands
 */
export function readFastjsonResultKind(p: usize, end: usize): i32 {
  if (p + 2 > end || !isLineEnd(load<u8>(p, 1))) return -1;
  const kind = <i32>load<u8>(p) - 0x30;
  return kind >= 0 && kind <= 5 ? kind : -1;
}

/** Reads a line that holds a string or null into `span`, without its quotes. */
function readLine(p: usize, end: usize, span: Span): usize {
  if (p >= end) return INCOMPLETE;
  if (load<u8>(p) != QUOTE) {
    if (p + 4 > end) return INCOMPLETE;
    if (!sameAscii(p, 4, "null")) return MALFORMED;
    span.clear();
    return readLineEnd(p + 4, end);
  }
  const start = ++p;
  while (p < end && load<u8>(p) != QUOTE) {
    if (load<u8>(p) == NEWLINE) return MALFORMED;
    p += load<u8>(p) == BACKSLASH ? 2 : 1;
  }
  if (p >= end) return INCOMPLETE;
  span.set(start, <u32>(p - start));
  return readLineEnd(p + 1, end);
}

/** Java's println ends lines as its platform does: `\n`, or `\r\n`. */
function readLineEnd(p: usize, end: usize): usize {
  if (p < end && load<u8>(p) == CARRIAGE_RETURN) p++;
  if (p >= end) return INCOMPLETE;
  return load<u8>(p) == NEWLINE ? p + 1 : MALFORMED;
}

function isLineEnd(byte: u8): bool {
  return byte == NEWLINE || byte == CARRIAGE_RETURN;
}
