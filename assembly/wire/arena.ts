/**
 * What a configuration is made into, and goes with it all at once.
 *
 * Between `open` and `close` everything of a class that extends `Kept` belongs to the arena, and so do the bytes
 * and spans that it is asked for. Nobody gives these back one by one. What grows with traffic stays its owner's.
 */
import { enlarge, roomFor } from "./room";
import { Span } from "./span";

/** Addresses that a small configuration needs room for: 64. */
const FIRST_ROOM: u32 = 64 << 2;

/** The arena that is open; null: what is made belongs to nobody. */
let current: Arena | null = null;

/** Blocks that are given back together. */
@unmanaged
@final
export class Arena {
  private blocks: usize = 0;
  private length: u32 = 0;
  private room: u32 = 0;

  /** What is made from now on is this arena's. */
  open(): void {
    current = this;
  }

  /** It is complete. */
  close(): void {
    current = null;
  }

  /** Takes the block of the heap at `block`. */
  take(block: usize): void {
    const length = this.length;
    if (length == this.room) {
      this.room = roomFor(length + 4, length, FIRST_ROOM);
      this.blocks = enlarge(this.blocks, length, this.room);
    }
    store<usize>(this.blocks + length, block);
    this.length = length + 4;
  }

  /** Gives everything back, itself too. */
  free(): void {
    for (let i: u32 = 0; i < this.length; i += 4) heap.free(load<usize>(this.blocks + i));
    if (this.blocks != 0) heap.free(this.blocks);
    heap.free(changetype<usize>(this));
  }
}

/** Something that belongs to the arena that is open. */
@unmanaged
export class Kept {
  constructor() {
    keep(changetype<usize>(this));
  }
}

/** Room for `length` bytes that belongs to the arena that is open; what is in it is anything. */
export function keptBytes(length: u32): usize {
  const bytes = heap.alloc(length);
  keep(bytes);
  return bytes;
}

/** The same with zeros in it. */
export function keptZeros(length: u32): usize {
  const bytes = keptBytes(length);
  memory.fill(bytes, 0, length);
  return bytes;
}

/** A copy of the `length` bytes at `bytes` that belongs to the arena that is open. */
export function keptCopy(bytes: usize, length: u32): usize {
  const copy = keptBytes(length);
  memory.copy(copy, bytes, length);
  return copy;
}

/** A span without bytes that belongs to the arena that is open. */
export function keptSpan(): Span {
  const span = new Span();
  keep(changetype<usize>(span));
  return span;
}

function keep(block: usize): void {
  const arena = current;
  if (arena) arena.take(block);
}
