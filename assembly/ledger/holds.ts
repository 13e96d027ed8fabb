/**
 * Places that calls in flight take: one counter for each limit of concurrency.
 *
 * A call in flight remembers the counters that it takes a place of as bits, so that its end, whichever it
 * is, gives them back.
 */
import { Kept, keptZeros } from "../wire/arena";

/** As many limits as a call has bits. */
export const MOST_HOLDS: u32 = 32;

/** One in each plugin. */
@unmanaged
@final
export class Holds extends Kept {
  private counts: usize = keptZeros(MOST_HOLDS << 2);

  /** Takes a place of counter `index` if fewer than `most` are taken; false if not. */
  take(index: u32, most: u32): bool {
    const count = this.counts + (index << 2);
    const taken = load<u32>(count);
    if (taken >= most) return false;
    store<u32>(count, taken + 1);
    return true;
  }

  /** Gives back a place of each counter that has a bit in `holds`. */
  release(holds: u32): void {
    for (let index: u32 = 0; holds >> index != 0; index++) {
      if (((holds >> index) & 1) == 0) continue;
      const count = this.counts + (index << 2);
      store<u32>(count, load<u32>(count) - 1);
    }
  }
}
