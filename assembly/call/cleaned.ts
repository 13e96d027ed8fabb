/**
 * Names from the wire, made fit to be shown: in labels, in logs, in spans.
 *
 * A byte outside `[A-Za-z0-9_.$:/-]` becomes `_`, so that no value can end its own label, begin another,
 * break a line of the exposition format or of a log, or be half a character.
 */
import { Span } from "../wire/span";

/** The longest name in bytes; the longest Java interfaces in the field have about 150. */
export const MAX_VALUE: u32 = 200;

/** Writes the `length` bytes at `from` cleaned to `to`; answers where they end. */
export function writeCleaned(to: usize, from: usize, length: u32): usize {
  const end = from + min<u32>(length, MAX_VALUE);
  while (from < end) {
    const byte = load<u8>(from++);
    store<u8>(to++, isPlain(byte) ? byte : 0x5f);
  }
  return to;
}

/** Room for one cleaned name: `MAX_VALUE` bytes. */
const CLEANED = memory.data(200);
const SPAN = memory.data(16);

/** The name cleaned, good until the next one is. */
export function cleaned(name: Span): Span {
  const span = changetype<Span>(SPAN);
  span.set(CLEANED, <u32>(writeCleaned(CLEANED, name.start, name.length) - CLEANED));
  return span;
}

/** Whether `byte` is one of `[A-Za-z0-9_.$:/-]`. */
export function isPlain(byte: u8): bool {
  const letter = byte | 0x20;
  if (letter >= 0x61 && letter <= 0x7a) return true; // A-Z a-z
  if (byte >= 0x2d && byte <= 0x3a) return true; // - . / 0-9 :
  return byte == 0x5f || byte == 0x24; // _ $
}
