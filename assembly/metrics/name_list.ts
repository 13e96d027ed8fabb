/**
 * Names of the configuration's own, by number: values of a label that are not in the module's lists.
 */
import { Kept, keptBytes } from "../wire/arena";
import { Span } from "../wire/span";

/** As many as one byte of a cell's key tells apart. */
export const MOST_NAMES: u32 = 255;

/** A list that grows at configuration. */
@unmanaged
@final
export class NameList extends Kept {
  /** How many there are. */
  count: u32 = 0;
  private spans: usize = keptBytes(MOST_NAMES << 2);

  /** Adds `name`, which becomes the list's own; answers its number. There must be room. */
  add(name: Span): u32 {
    store<usize>(this.spans + (this.count << 2), changetype<usize>(name));
    return this.count++;
  }

  /** The name with this number. */
  name(index: u32): Span {
    return changetype<Span>(load<usize>(this.spans + (index << 2)));
  }
}
