/**
 * Growing a block of memory that bytes are appended to; who owns the block says how far it may grow.
 */

/** How large a block of `room` bytes must become to hold `needed`: doubled, and at least `first`. */
export function roomFor(needed: u32, room: u32, first: u32): u32 {
  let larger = max<u32>(room, first);
  while (larger < needed) larger *= 2;
  return larger;
}

/** Moves the `length` bytes at `block` (0: none yet) to a new block of `room` bytes; answers where. */
export function enlarge(block: usize, length: u32, room: u32): usize {
  const larger = heap.alloc(room);
  memory.copy(larger, block, length);
  if (block != 0) heap.free(block);
  return larger;
}
