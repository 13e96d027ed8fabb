/**
 * Texts of a configuration as bytes.
 */
import { keptCopy, keptSpan } from "../wire/arena";
import { Span } from "../wire/span";

/** A span of the arena that is open, with `text` in UTF-8; without bytes where the text is empty. */
export function copyText(text: string): Span {
  const span = keptSpan();
  if (text.length == 0) return span;
  const bytes = String.UTF8.encode(text);
  span.set(keptCopy(changetype<usize>(bytes), bytes.byteLength), bytes.byteLength);
  return span;
}
