/**
 * Memory that the host asks for when it hands bytes to the module.
 *
 * The host calls our exported `malloc` inside each of its functions that answer with bytes; those
 * answers are used up before the next such call, so one block serves them all and no call makes
 * garbage. The block grows to the longest answer asked for, which is bounded by what we ask: the
 * window of stream/connection.ts, or the plugin's configuration.
 */

/** Room in bytes that most answers fit into: the window in which connections are read. */
const FIRST_ROOM: u32 = 32 * 1024;

let block: usize = 0;
let room: u32 = 0;

/** Answers the host's `malloc`: an address with `size` bytes, good until the next call. */
export function lend(size: u32): usize {
  if (size > room) {
    if (block != 0) heap.free(block);
    room = max<u32>(size, FIRST_ROOM);
    block = heap.alloc(room);
  }
  return block;
}

// Where host functions put a pointer and a size, or a number.
const ANSWER = memory.data(16);
const SECOND: usize = 8;

/** An address with eight writable bytes, for one answer of a host function. */
export function firstAnswer(): usize {
  return ANSWER;
}

/** A second such address, for functions that answer twice. */
export function secondAnswer(): usize {
  return ANSWER + SECOND;
}
