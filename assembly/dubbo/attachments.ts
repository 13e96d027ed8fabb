/**
 * The attachments that somebody asked for: keys in, values out.
 *
 * A body's attachments are a map with anything in it; almost all of it is nobody's business. The
 * configuration makes one query of the keys that it needs, and each body's reader fills in what it
 * finds under them.
 */
import { sameBytes } from "../wire/bytes";
import { Span } from "../wire/span";

/** One key that is asked for and the value found under it in the body read last. */
@unmanaged
@final
export class WantedAttachment {
  next: WantedAttachment | null = null;
  key: usize = 0;
  keyLength: u32 = 0;
  /** The value's bytes if it is a string; `start` 0 where the key is absent or no string. */
  value: Span = new Span();
}


@unmanaged
@final
export class AttachmentQuery {
  private first: WantedAttachment | null = null;

  /** Asks for `key` (ASCII); returns where its value will stand. */
  want(key: string): Span {
    const wanted = new WantedAttachment();
    const length = key.length;
    wanted.key = heap.alloc(length);
    wanted.keyLength = length;
    for (let i = 0; i < length; i++) store<u8>(wanted.key + i, <u8>key.charCodeAt(i));
    wanted.next = this.first;
    this.first = wanted;
    return wanted.value;
  }

  /** Forgets the values of the last body. */
  clear(): void {
    let wanted = this.first;
    while (wanted) {
      wanted.value.clear();
      wanted = wanted.next;
    }
  }

  /** Where the value of the key of `length` bytes at `key` belongs, or null if nobody asked. */
  find(key: usize, length: u32): Span | null {
    let wanted = this.first;
    while (wanted) {
      if (wanted.keyLength == length && sameBytes(wanted.key, key, length)) return wanted.value;
      wanted = wanted.next;
    }
    return null;
  }

  /** Gives everything back. */
  free(): void {
    let wanted = this.first;
    while (wanted) {
      const next = wanted.next;
      heap.free(wanted.key);
      heap.free(changetype<usize>(wanted.value));
      heap.free(changetype<usize>(wanted));
      wanted = next;
    }
    heap.free(changetype<usize>(this));
  }
}
