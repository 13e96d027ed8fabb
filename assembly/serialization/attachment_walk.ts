/**
 * The walk that writes attachments anew, whatever serialization they are in.
 *
 * Entries that stay are copied byte for byte. A serialization numbers values through the whole body, and
 * later ones refer to earlier ones by number: an entry that takes part in the numbering can only be dropped
 * if nothing after it refers to a number.
 */
import { AttachmentChange } from "../dubbo/attachment_change";
import { KeyEncoding } from "../dubbo/attachment_key";
import { Output } from "../wire/output";
import { failed } from "../wire/position";
import { Span } from "../wire/span";

/** What was read of one entry. */
@unmanaged
@final
export class Entry {
  /** The key without its length; null where it is no text. */
  key: Span = new Span();
  encoding: KeyEncoding = KeyEncoding.BYTES;
  /** Whether neither key nor value takes part in the numbering. */
  isPlain: bool = false;
}

/** The entry that was read last; entries are read one at a time. */
export const ENTRY = new Entry();

/**
 * Writes the entries that lie from `p` up to the byte `endCode`, or to `end`, without those that `change`
 * drops, and after them what it sets.
 *
 * @param isNumberLost whether a number is already wanting, as the type of a map that is written without one
 * @param readEntry passes the entry at its first argument and fills `ENTRY`
 * @param writeText appends a text
 * @returns whether they could be; if not, what was written means nothing
 */
export function rewriteEntries(
  p: usize,
  end: usize,
  endCode: u8,
  isNumberLost: bool,
  change: AttachmentChange,
  out: Output,
  readEntry: (p: usize, end: usize) => usize,
  writeText: (out: Output, text: Span) => void,
): bool {
  const key = ENTRY.key;
  let keep = p;
  while (p < end && load<u8>(p) != endCode) {
    const entry = p;
    p = readEntry(p, end);
    if (failed(p)) return false;
    if (key.start != 0 && change.dropsKey(key.start, key.length, ENTRY.encoding)) {
      out.write(keep, <u32>(entry - keep));
      keep = p;
      if (!ENTRY.isPlain) isNumberLost = true;
    } else if (!ENTRY.isPlain && isNumberLost) {
      return false;
    }
  }
  out.write(keep, <u32>(p - keep));
  writeSets(change, out, writeText);
  return true;
}

/** Writes the entries that `change` and those that follow it set. */
export function writeSets(
  change: AttachmentChange,
  out: Output,
  writeText: (out: Output, text: Span) => void,
): void {
  let each: AttachmentChange | null = change;
  while (each) {
    let set = each.sets;
    while (set) {
      if (set.value.start != 0 && !each.isOverruled(set)) {
        writeText(out, set.key);
        writeText(out, set.value);
      }
      set = set.next;
    }
    each = each.next;
  }
}
