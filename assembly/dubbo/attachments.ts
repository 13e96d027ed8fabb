/**
 * The attachments that somebody asked for: keys in, values out.
 *
 * A body's attachments are a map with anything in it; almost all of it is nobody's business. The
 * configuration makes one query of the keys that it needs, and each body's reader fills in what it
 * finds under them.
 */
import { Kept, keptBytes, keptSpan } from "../wire/arena";
import { Span } from "../wire/span";
import { KeyEncoding, lower, spells, spellsExactly } from "./attachment_key";

/** One key that is asked for, and what was found under it in the body read last. */
@unmanaged
@final
export class WantedAttachment extends Kept {
  next: WantedAttachment | null = null;
  /** The key in lower case; ASCII. */
  key: usize = 0;
  keyLength: u32 = 0;
  /** How often the key was found, whatever its values. */
  found: u32 = 0;
  /** Whether nothing of a call is decided by it that its caller could not choose: its spelling is then no matter. */
  isStatement: bool = false;
  /** Whether a list of one string is taken for that string, as dubbo-go writes contexts of traces. */
  takesLists: bool = false;
  /** The last value's bytes if it is a string; `start` 0 where the key is absent or it is none. */
  value: Span = keptSpan();
  /** The same for the key in lower case only, as most peers read it. */
  exact: Span = keptSpan();
  private isExact: bool = false;
  /** Whether it was found in this case, and whether in another: peers differ in which one they then read. */
  private hasExact: bool = false;
  private hasOther: bool = false;

  /** The key was found, spelt as the `length` bytes at `key` are; its value follows. */
  meet(key: usize, length: u32, encoding: KeyEncoding): void {
    this.found++;
    this.isExact = spellsExactly(key, length, encoding, this.key, this.keyLength);
    if (this.isExact) this.hasExact = true;
    else this.hasOther = true;
    // A key that stands twice has its last value, as in the peers' maps.
    this.value.clear();
  }

  /** The value has been read, if it is a string. */
  keep(): void {
    if (this.isExact) this.exact.point(this.value);
  }

  /** Whether the body has the key in two cases. */
  get isAmbiguous(): bool {
    return this.hasExact && this.hasOther;
  }

  /** Forgets what was found in the last body. */
  clear(): void {
    this.found = 0;
    this.hasExact = false;
    this.hasOther = false;
    this.value.clear();
    this.exact.clear();
  }

  /** Whether this is the key of `length` bytes at `key`, whatever its case. */
  isKey(key: usize, length: u32): bool {
    return spells(key, length, KeyEncoding.BYTES, this.key, this.keyLength);
  }
}

/** The bit of keys that begin with `first`, in either case; another character may have the same. */
// @ts-ignore: decorator
@inline
function bitOf(first: u8): u64 {
  return (<u64>1) << (lower(first) & 63);
}

/** Everything that is asked for; one in each plugin. */
@unmanaged
@final
export class AttachmentQuery extends Kept {
  private first: WantedAttachment | null = null;
  /** A bit for the first character of each key, see `bitOf`. */
  private beginnings: u64 = 0;

  /** Asks for the ASCII key of `length` bytes at `key`; the same key twice is the same thing. */
  want(key: usize, length: u32): WantedAttachment {
    let known = this.first;
    while (known) {
      if (known.isKey(key, length)) return known;
      known = known.next;
    }
    const wanted = new WantedAttachment();
    wanted.key = keptBytes(length);
    wanted.keyLength = length;
    for (let i: u32 = 0; i < length; i++) {
      store<u8>(wanted.key + i, <u8>lower(load<u8>(key + i)));
    }
    wanted.next = this.first;
    this.first = wanted;
    if (length == 0) this.beginnings = U64.MAX_VALUE;
    else this.beginnings |= bitOf(load<u8>(wanted.key));
    return wanted;
  }

  /** Asks for `key`, which must be ASCII. */
  wantText(key: string): WantedAttachment {
    const bytes = String.UTF8.encode(key);
    return this.want(changetype<usize>(bytes), bytes.byteLength);
  }

  /** Forgets what was found in the last body. */
  clear(): void {
    let wanted = this.first;
    while (wanted) {
      wanted.clear();
      wanted = wanted.next;
    }
  }

  /** Whether any key that is asked for stands in the body in two cases. */
  get isAmbiguous(): bool {
    let wanted = this.first;
    while (wanted) {
      if (wanted.isAmbiguous) return true;
      wanted = wanted.next;
    }
    return false;
  }

  /** What was asked for under the key of `length` bytes at `key`, or null if nobody asked. */
  find(key: usize, length: u32, encoding: KeyEncoding): WantedAttachment | null {
    // Most keys begin like none that is asked for; one whose first character is not ASCII may spell any.
    if (encoding == KeyEncoding.BYTES && length != 0) {
      const first = load<u8>(key);
      if (first < 0x80 && (this.beginnings & bitOf(first)) == 0) return null;
    }
    let wanted = this.first;
    while (wanted) {
      if (spells(key, length, encoding, wanted.key, wanted.keyLength)) return wanted;
      wanted = wanted.next;
    }
    return null;
  }
}
