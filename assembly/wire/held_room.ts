/**
 * The one budget for bytes of frames that are not whole yet, of all connections of a VM (each worker has
 * one): heads that wait to be read, requests and answers that are held back.
 */

/** All of them together, in bytes: what thousands of half-sent frames may cost at most. */
const HELD_BUDGET: u32 = 64 * 1024 * 1024;

/** What is taken of it, in bytes. */
let taken: u32 = 0;

/** Takes `room` bytes for a block in place of `before` that it had; false if the budget has no room. */
export function takeHeldRoom(before: u32, room: u32): bool {
  if (taken - before + room > HELD_BUDGET) return false;
  taken += room - before;
  return true;
}

/** Takes `room` bytes whatever is taken already; for the little without which nothing can be decided. */
export function takeLeastRoom(room: u32): void {
  taken += room;
}

/** Gives `room` bytes back. */
export function giveHeldRoom(room: u32): void {
  taken -= room;
}
