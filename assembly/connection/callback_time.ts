/**
 * The time of the data callback that is running: the host is asked once, and only if it is wanted.
 */
import { now } from "../host/clock";

/** In ns since 1970; 0 while nobody has asked. */
let time: u64 = 0;

/** A data callback begins. */
export function beginCallback(): void {
  time = 0;
}

/** The time in ns since 1970. */
// @ts-ignore: decorator
@inline
export function callbackTime(): u64 {
  if (time == 0) time = now();
  return time;
}
