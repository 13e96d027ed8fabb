/**
 * What changes in a request's attachments: keys to drop, and keys with values to set.
 *
 * A key that is set is dropped first, so that it never stands twice. One request may be changed by
 * several of these, one after the other: the protected keys', its rule's, its choice's.
 */
import { Kept, keptCopy, keptSpan } from "../wire/arena";
import { Span } from "../wire/span";
import { KeyEncoding, spells } from "./attachment_key";
import { WantedAttachment } from "./attachments";

/** A key to set, with where its value is taken from. */
@unmanaged
@final
export class SetAttachment extends Kept {
  next: SetAttachment | null = null;
  /** The query's own: the same for the same key in any case. */
  wanted: WantedAttachment;
  /** The key as it is written; ASCII. */
  key: Span = keptSpan();
  /** The value as UTF-8; `start` 0: nothing is set. */
  value: Span;
  /** Whether key and value can be a header's, where a request has those. */
  isHeader: bool = true;

  constructor(wanted: WantedAttachment, value: Span) {
    super();
    this.wanted = wanted;
    this.value = value;
  }
}

/** A key to drop. */
@unmanaged
@final
export class DroppedKey extends Kept {
  next: DroppedKey | null = null;
  /** The query's own, which says whether the key was found. */
  wanted: WantedAttachment;

  constructor(wanted: WantedAttachment) {
    super();
    this.wanted = wanted;
  }
}

/** What is set and dropped for one rule, one choice, or the protected keys. */
@unmanaged
@final
export class AttachmentChange extends Kept {
  /** The next change that holds for the same request. */
  next: AttachmentChange | null = null;
  /** The first key to set. */
  sets: SetAttachment | null = null;
  /** The first key to drop. */
  drops: DroppedKey | null = null;

  /** Whether there is nothing to drop or to set, whatever a request holds. */
  get isEmpty(): bool {
    return this.drops === null;
  }

  /** Drops the key of `wanted`, whatever its case and spelling. */
  drop(wanted: WantedAttachment): void {
    const dropped = new DroppedKey(wanted);
    dropped.next = this.drops;
    this.drops = dropped;
  }

  /** Sets the key of `length` ASCII bytes at `key`, which is that of `wanted`, to `value`; answers how. */
  set(wanted: WantedAttachment, key: usize, length: u32, value: Span): SetAttachment {
    this.drop(wanted);
    const made = new SetAttachment(wanted, value);
    made.key.set(keptCopy(key, length), length);
    made.next = this.sets;
    this.sets = made;
    return made;
  }

  /** Whether this change, or one that follows it, would change the request that was read last. */
  changesAnything(): bool {
    let set = this.sets;
    while (set) {
      if (set.value.start != 0) return true;
      set = set.next;
    }
    let dropped = this.drops;
    while (dropped) {
      if (dropped.wanted.found != 0) return true;
      dropped = dropped.next;
    }
    const next = this.next;
    return next ? next.changesAnything() : false;
  }

  /** Whether this change, or one that follows it, drops an attachment with this key. */
  dropsKey(key: usize, length: u32, encoding: KeyEncoding): bool {
    let dropped = this.drops;
    while (dropped) {
      const wanted = dropped.wanted;
      if (spells(key, length, encoding, wanted.key, wanted.keyLength)) return true;
      dropped = dropped.next;
    }
    const next = this.next;
    return next ? next.dropsKey(key, length, encoding) : false;
  }

  /** The same for the key of `wanted`, which is the query's own. */
  dropsWanted(wanted: WantedAttachment): bool {
    let dropped = this.drops;
    while (dropped) {
      if (dropped.wanted === wanted) return true;
      dropped = dropped.next;
    }
    const next = this.next;
    return next ? next.dropsWanted(wanted) : false;
  }

  /** Whether this change sets the same key later, or one that follows it does, which then counts. */
  isOverruled(set: SetAttachment): bool {
    // What was set last stands first.
    let other = this.sets;
    while (other && other !== set) {
      if (other.value.start != 0 && other.wanted === set.wanted) return true;
      other = other.next;
    }
    const next = this.next;
    return next ? next.isOverruled(set) : false;
  }
}
