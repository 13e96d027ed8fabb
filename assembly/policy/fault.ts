/**
 * Calls that fail or wait on purpose.
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
  /** Of `WHOLE` calls so many wait, and how long, in ns. */
  delay: u32 = 0;
  wait: u64 = 0;
}

/** Whether the random number `drawn` means a call, if it means `share` of `WHOLE`. */
export function isMeant(share: u32, drawn: u64): bool {
  return <u32>(drawn % WHOLE) < share;
}
