/**
 * What a serialization can do: one row of capabilities. Each begins as "cannot"; formats.ts fills the rows.
 *
 *     body    ::= begin text{4} count? text? argument* attachments
 *     answers   an address, or INCOMPLETE, MALFORMED, UNSUPPORTED (wire/position.ts)
 */
import { AttachmentChange } from "../dubbo/attachment_change";
import { AttachmentQuery } from "../dubbo/attachments";
import { Invocation } from "../dubbo/invocation";
import { Output } from "../wire/output";
import { UNSUPPORTED } from "../wire/position";
import { Span } from "../wire/span";

/** `Format.readKind`: the first value is no kind. */
export const NO_KIND: i32 = -1;


@unmanaged
@final
export class Format {
  /** Begins a body; answers where its first text stands. */
  begin: (p: usize, end: usize) => usize = beginAtOnce;
  /** Reads one of the head's texts; a null clears the span. */
  readText: (p: usize, end: usize, span: Span) => usize = cannotReadText;
  /** Reads a generic call's first argument, which is a String. */
  readArgument: (p: usize, end: usize, span: Span) => usize = cannotReadText;
  /** Reads the number that dubbox writes before the descriptor, if there is one: see `Invocation.told`. */
  readCount: (p: usize, end: usize, out: Invocation) => usize = readNoCount;
  /** Passes the arguments: `out.argumentCount` of them. */
  skipArguments: (p: usize, end: usize, out: Invocation) => usize = cannotSkip;
  /** Fills in what is asked for; what it doubts, it says in the invocation. */
  readAttachments: (p: usize, end: usize, attachments: AttachmentQuery, out: Invocation) => usize =
    cannotReadAttachments;
  /**
   * Reads the last attachments out of a body's tail from `p` to `end`, from the first one on that is asked for; false
   * where there is none.
   */
  readTail: (p: usize, end: usize, attachments: AttachmentQuery) => bool = cannotReadTail;
  /** Whether it can. */
  hasReadableTail: bool = false;
  /** Writes the attachments from `p` to `end` changed; false: they cannot be. */
  rewrite: (p: usize, end: usize, change: AttachmentChange, out: Output) => bool = cannotRewrite;
  /** Reads the kind of a result with status OK: a `ResultKind` or `NO_KIND`. */
  readKind: (p: usize, end: usize) => i32 = readNoKind;
  /** Length of the head by its lengths alone, see bodies.ts; 0 where that is not to be told. */
  headLength: (p: usize, end: usize) => u32 = noHeadLength;
}

function beginAtOnce(p: usize, _end: usize): usize {
  return p;
}

function cannotReadText(_p: usize, _end: usize, _span: Span): usize {
  return UNSUPPORTED;
}

function readNoCount(p: usize, _end: usize, _out: Invocation): usize {
  return p;
}

function cannotSkip(_p: usize, _end: usize, _out: Invocation): usize {
  return UNSUPPORTED;
}

function cannotReadAttachments(
  _p: usize,
  _end: usize,
  _attachments: AttachmentQuery,
  _out: Invocation,
): usize {
  return UNSUPPORTED;
}

function cannotReadTail(_p: usize, _end: usize, _attachments: AttachmentQuery): bool {
  return false;
}

function cannotRewrite(_p: usize, _end: usize, _change: AttachmentChange, _out: Output): bool {
  return false;
}

function readNoKind(_p: usize, _end: usize): i32 {
  return NO_KIND;
}

function noHeadLength(_p: usize, _end: usize): u32 {
  return 0;
}
