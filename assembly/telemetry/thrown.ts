/**
 * Classes of exceptions that answers carry, from an answer's head, where they stand, to its end, where they
 * are told.
 */
import { MAX_VALUE, writeCleaned } from "../call/cleaned";
import { Span } from "../wire/span";

/** Of a VM at once, 240 bytes each; those beyond are not told. */
const MOST_THROWN: u32 = 4096;

/** One class, cleaned. */
@unmanaged
@final
export class Thrown extends Span {
  /** The next of those that are not in use. */
  next: Thrown | null = null;
}

let unused: Thrown | null = null;
let made: u32 = 0;

/** The class with this name; null where there are too many, or it has none. */
export function takeThrown(name: Span): Thrown | null {
  let thrown = unused;
  if (name.length == 0) return null;
  if (thrown) unused = thrown.next;
  else if (made == MOST_THROWN) return null;
  else {
    made++;
    thrown = new Thrown();
    thrown.start = heap.alloc(MAX_VALUE);
  }
  thrown.length = <u32>(writeCleaned(thrown.start, name.start, name.length) - thrown.start);
  return thrown;
}

/** Gives one back. */
export function dropThrown(thrown: Thrown): void {
  thrown.next = unused;
  unused = thrown;
}
