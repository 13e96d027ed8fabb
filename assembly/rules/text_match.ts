/**
 * Conditions on one text: that it is, begins or ends with something. There are no regular expressions.
 */
import { Kept, keptCopy } from "../wire/arena";
import { sameBytes } from "../wire/bytes";
import { Span } from "../wire/span";

/** What a condition asks of its text. */
export const enum MatchKind {
  EXACT,
  PREFIX,
  SUFFIX,
}

/** No signature: of a text of less than four bytes, or a condition that more than one text meets. */
export const NO_SIGNATURE: u32 = 0;

/** A number that texts hardly ever share: their length and last four bytes, in which names differ most. */
export function signatureOf(text: usize, length: u32): u32 {
  return length < 4 ? NO_SIGNATURE : load<u32>(text + length - 4) ^ (length << 24);
}

/** One condition on one text. */
@unmanaged
@final
export class TextMatch extends Kept {
  private kind: MatchKind;
  private bytes: usize;
  private length: u32;

  /** @param text in UTF-8; it is copied */
  constructor(kind: MatchKind, text: usize, length: u32) {
    super();
    this.kind = kind;
    this.bytes = keptCopy(text, length);
    this.length = length;
  }

  /** The signature of all texts that meet the condition, or `NO_SIGNATURE`. */
  get signature(): u32 {
    return this.kind == MatchKind.EXACT ? signatureOf(this.bytes, this.length) : NO_SIGNATURE;
  }

  /** Whether the condition holds for `text`; a null is an empty text. */
  matches(text: Span): bool {
    const length = this.length;
    if (text.length < length) return false;
    switch (this.kind) {
      case MatchKind.EXACT:
        return text.length == length && sameBytes(text.start, this.bytes, length);
      case MatchKind.PREFIX:
        return sameBytes(text.start, this.bytes, length);
      default:
        return sameBytes(text.start + text.length - length, this.bytes, length);
    }
  }
}
