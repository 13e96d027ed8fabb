/**
 * What goes on of the bytes of one read, put together.
 */
import { Output } from "../wire/output";
import { Span } from "../wire/span";

/** One in each plugin: reads are taken in one after the other. */
@unmanaged
@final
export class Splice {
  /** What goes on, changed frames among it. */
  out: Output = new Output();
  /** What goes on as it is before the frame that is being decided on, and is not in `out` yet. */
  before: Span = new Span();

  /** Gives everything back. */
  free(): void {
    this.out.free();
    heap.free(changetype<usize>(this.before));
    heap.free(changetype<usize>(this));
  }
}
