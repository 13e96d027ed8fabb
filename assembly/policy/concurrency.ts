/**
 * A bulkhead: at most so many calls in flight, per worker.
 */
import { Holds } from "../ledger/holds";
import { Kept } from "../wire/arena";

/** `concurrency` of a policy. */
@unmanaged
@final
export class Concurrency extends Kept {
  maxInFlight: u32 = 0;
  /** The counter of its calls. */
  hold: u32 = 0;

  /** Takes a place; false if there is none. */
  take(holds: Holds): bool {
    return holds.take(this.hold, this.maxInFlight);
  }
}
