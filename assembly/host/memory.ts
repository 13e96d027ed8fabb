/**
 * Memory that the host asks for when it hands bytes to the module.
 *
 * The host calls our exported `malloc` inside each of its functions that answer with bytes, and no call
 * makes garbage: one block serves the bytes of connections and configurations, and grows to the longest
 * asked for, which is bounded by what we ask (a window or a read, see connection/framing.ts, or the plugin's
 * configuration). While the bytes of a connection are read from it the host may be asked for something
 * else; such answers are short and go to a place of their own, between `keepBlock` and `reuseBlock`.
 */

/** Room in bytes that most answers fit into: the window in which connections are read. */
const FIRST_ROOM: u32 = 32 * 1024;

let block: usize = 0;
let room: u32 = 0;

/** Room in bytes for an answer to the side: the longest that shared_data.ts keeps. */
export const ASIDE_ROOM: u32 = 512;
const ASIDE = memory.data(<i32>ASIDE_ROOM);
let isAside: bool = false;

/** The next answers leave the block as it is; they must be at most `ASIDE_ROOM` bytes long. */
export function keepBlock(): void {
  isAside = true;
}

/** The next answers go to the block again, in place of what it holds. */
export function reuseBlock(): void {
  isAside = false;
}

/** Answers the host's `malloc`: an address with `size` bytes, good until the next call. */
export function lend(size: u32): usize {
  if (isAside && size <= ASIDE_ROOM) return ASIDE;
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
