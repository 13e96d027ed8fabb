/**
 * Texts of a configuration as bytes.
 */
import { Span } from "../wire/span";

/** A span of its own with `text` in UTF-8; without bytes where the text is empty. */
export function copyText(text: string): Span {
  const span = new Span();
  if (text.length == 0) return span;
  const bytes = String.UTF8.encode(text);
  const copy = heap.alloc(bytes.byteLength);
  memory.copy(copy, changetype<usize>(bytes), bytes.byteLength);
  span.set(copy, bytes.byteLength);
  return span;
}

/** Gives such a span back. */
export function freeText(span: Span): void {
  if (span.start != 0) heap.free(span.start);
  heap.free(changetype<usize>(span));
}
