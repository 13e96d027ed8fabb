/**
 * The bodies of requests, responses and events, whatever serialization they are written in.
 *
 *     request ::= dubboVersion path serviceVersion method descriptor argument* attachments
 *
 * Dubbo's grammar stands here once; what a text, an argument or the attachments look like is the
 * serialization's matter (format.ts). dubbox 2.8 writes a number before the descriptor: -1, or the number of
 * arguments and then no descriptor (com.alibaba.dubbo.rpc.protocol.dubbo.DubboCodec of dubbox).
 */
import { AttachmentChange } from "../dubbo/attachment_change";
import { AttachmentQuery } from "../dubbo/attachments";
import {
  argumentCount,
  BAD_DESCRIPTOR,
  DESCRIPTOR_PART,
  HEAD_PARTS,
  Invocation,
} from "../dubbo/invocation";
import { EventKind } from "../dubbo/tables";
import { Output } from "../wire/output";
import { failed, INCOMPLETE, MALFORMED, UNSUPPORTED } from "../wire/position";
import { NO_KIND } from "./format";
import { formatOf } from "./formats";

export { NO_KIND };

/**
 * Reads the request body from `p` to `end`, written in `serialization`, into `out`.
 *
 * `out.headRead` and `out.attachmentsRead` say how far it came. A longer body never changes what was
 * read from a shorter one. Bytes after the attachments are borne.
 *
 * @returns an address, or INCOMPLETE, MALFORMED, or UNSUPPORTED for any other serialization
 */
export function readInvocation(serialization: u8, p: usize, end: usize, out: Invocation): usize {
  out.clear();
  const format = formatOf(serialization);
  if (!format) return UNSUPPORTED;
  p = format.begin(p, end);
  if (failed(p)) return p;
  for (let part: u32 = 0; part < HEAD_PARTS; part++) {
    if (part == DESCRIPTOR_PART) {
      p = format.readCount(p, end, out);
      if (failed(p)) return p;
      if (out.isCounted) break;
      out.descriptorAt = p;
    }
    p = format.readText(p, end, out.headPart(part));
    if (failed(p)) return p;
  }
  if (out.isGeneric) {
    const next = format.readArgument(p, end, out.genericMethod);
    if (next == INCOMPLETE) return INCOMPLETE;
    if (failed(next) || out.genericMethod.start == 0) {
      // Whatever else stands there, the call is then shown as `$invoke`; a peer may find a method in it.
      out.genericMethod.clear();
      out.areNamesDoubtful = true;
    } else {
      out.trimGenericMethod();
    }
  }
  out.headRead = true;
  const attachments = out.attachments;
  if (!attachments) return p;

  if (!out.isCounted) out.argumentCount = argumentCount(out.descriptor);
  if (out.argumentCount == BAD_DESCRIPTOR) return MALFORMED;
  p = format.skipArguments(p, end, out);
  if (failed(p)) return p;
  out.attachmentsStart = p;
  p = format.readAttachments(p, end, attachments, out);
  if (!failed(p)) out.setAttachmentsRead(p);
  return p;
}

/** Whether attachments can be read out of a body's tail alone. */
export function hasReadableTail(serialization: u8): bool {
  const format = formatOf(serialization);
  return format !== null && format.hasReadableTail;
}

/**
 * Reads what `attachments` asks for out of the tail of a request's body, which ends at `end`.
 *
 * A key in it counts if entries follow up to the body's last byte: that of a map among the arguments does not, because
 * the attachments stand after it. A text can pass for one, if it ends in control characters that read on into the
 * attachments: where those begin, a tail does not say.
 *
 * @returns whether anything that is asked for was found
 */
export function readTailOf(
  serialization: u8,
  p: usize,
  end: usize,
  attachments: AttachmentQuery,
): bool {
  const format = formatOf(serialization);
  return format !== null && format.readTail(p, end, attachments);
}

/**
 * Writes the attachments that lie from `start` to `end` in a body that was just read, changed.
 *
 * @returns whether they could be; if not, what was written to `out` means nothing
 */
export function rewriteAttachments(
  serialization: u8,
  start: usize,
  end: usize,
  change: AttachmentChange,
  out: Output,
): bool {
  const format = formatOf(serialization);
  return format !== null && format.rewrite(start, end, change, out);
}

/**
 * Length in bytes of a request's head that begins at `p`, told by its lengths alone; 0 where it does not
 * lie before `end`, or is unusual.
 *
 * Good for one question only: whether the same bytes were read before (connection/known_heads.ts). What
 * the strings hold is not looked at, so the answer is right only for strings of ASCII in one piece, and
 * whoever read the head before knows whether it was.
 */
export function headLength(serialization: u8, p: usize, end: usize): u32 {
  const format = formatOf(serialization);
  return format ? format.headLength(p, end) : 0;
}

/** `readResultKind`: no reader for this serialization. */
export const UNKNOWN_KIND: i32 = -2;

/**
 * Reads the first value of a response body with status OK, which needs at most 16 bytes.
 *
 * @returns a `ResultKind`, `NO_KIND` or `UNKNOWN_KIND`
 */
export function readResultKind(serialization: u8, p: usize, end: usize): i32 {
  const format = formatOf(serialization);
  return format ? format.readKind(p, end) : UNKNOWN_KIND;
}

const READONLY_TEXT: u8 = 0x52; // "R", HeaderExchangeServer's READONLY_EVENT
const WRITEABLE_TEXT: u8 = 0x57; // "W", WRITEABLE_EVENT

/**
 * Tells an event by its whole body of `length` bytes at `p`.
 *
 * In every serialization an event is null (a heartbeat) or a string of one character, which is the
 * body's last one (in fastjson followed by a quote and a line's end): so the end of the body tells it,
 * whatever the serialization. No event of Dubbo's is longer than 16 bytes.
 */
export function readEventKind(p: usize, length: u32): EventKind {
  if (length == 0) return EventKind.HEARTBEAT;
  let last = p + length - 1;
  while (last > p && isFastjsonEnd(load<u8>(last))) last--;
  switch (load<u8>(last)) {
    case READONLY_TEXT:
      return EventKind.READONLY;
    case WRITEABLE_TEXT:
      return EventKind.WRITEABLE;
    case 0x4e: // hessian2's null; dubbo-go sends two of them
    case 0xaf: // fastjson2's
    case 0x70: // Java's TC_NULL
    case 0x00: // JavaObjectOutput's, and kryo's
    case 0x6c: // the end of fastjson's "null"
      return EventKind.HEARTBEAT;
    default:
      return EventKind.OTHER;
  }
}

function isFastjsonEnd(byte: u8): bool {
  return byte == 0x0a || byte == 0x0d || byte == 0x22;
}
