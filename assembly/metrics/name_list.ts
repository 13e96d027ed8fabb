/**
 * Names of the configuration's own, by number: values of a label that are not in the module's lists.
 */
import { Span } from "../wire/span";

/** As many as one byte of a cell's key tells apart. */
export const MOST_NAMES: u32 = 255;

/** A list that grows at configuration. */
@unmanaged
@final
export class NameList {
  /** How many there are. */
  count: u32 = 0;
  private spans: usize = heap.alloc(MOST_NAMES << 2);

  /** Adds `name`, which becomes the list's own; answers its number. There must be room. */
  add(name: Span): u32 {
    store<usize>(this.spans + (this.count << 2), changetype<usize>(name));
    return this.count++;
  }

  /** The name with this number. */
  name(index: u32): Span {
    return changetype<Span>(load<usize>(this.spans + (index << 2)));
  }

  /** Gives everything back. */
  free(): void {
    for (let i: u32 = 0; i < this.count; i++) {
      const name = this.name(i);
      if (name.start != 0) heap.free(name.start);
      heap.free(changetype<usize>(name));
    }
    heap.free(this.spans);
    heap.free(changetype<usize>(this));
  }
}
