/**
 * Calls that fail on purpose.
 */
import { Kept } from "../wire/arena";

/** Percentages are told in hundredths. */
export const WHOLE: u32 = 10000;

/** `fault` of a policy. */
@unmanaged
@final
export class Fault extends Kept {
  /** Of `WHOLE` calls so many are refused. */
  abort: u32 = 0;

  /** Whether the random number `drawn` makes a call fail. */
  aborts(drawn: u64): bool {
    return <u32>(drawn % WHOLE) < this.abort;
  }
}
