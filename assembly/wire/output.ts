/**
 * A buffer that bytes are appended to; one is used again and again, and grows to what was needed most.
 */
import { bswapU16, bswapU32 } from "./bytes";
import { enlarge, roomFor } from "./room";

/** Room in bytes that most rewritten reads fit into. */
const FIRST_ROOM: u32 = 4096;

/** Bytes that grow at their end. */
@unmanaged
@final
export class Output {
  /** Where the bytes lie; appending may move them. */
  start: usize = 0;
  /** Number of bytes. */
  length: u32 = 0;
  private room: u32 = 0;

  /** Makes it empty. */
  clear(): void {
    this.length = 0;
  }

  /** Takes back all that was appended since there were `length` bytes. */
  cut(length: u32): void {
    this.length = length;
  }

  /** Makes sure that `more` bytes fit without moving. */
  reserve(more: u32): void {
    const needed = this.length + more;
    if (needed <= this.room) return;
    this.room = roomFor(needed, this.room, FIRST_ROOM);
    this.start = enlarge(this.start, this.length, this.room);
  }

  /** Appends the `length` bytes at `bytes`. */
  write(bytes: usize, length: u32): void {
    // Copying is a call out of the module, even of nothing.
    if (length == 0) return;
    this.reserve(length);
    memory.copy(this.start + this.length, bytes, length);
    this.length += length;
  }

  writeU8(byte: u32): void {
    this.reserve(1);
    store<u8>(this.start + this.length++, <u8>byte);
  }

  /** Appends a 16-bit number, big endian. */
  writeU16(number: u32): void {
    this.reserve(2);
    store<u16>(this.start + this.length, bswapU16(number));
    this.length += 2;
  }

  /** Appends a 32-bit number, big endian. */
  writeU32(number: u32): void {
    this.reserve(4);
    store<u32>(this.start + this.length, bswapU32(number));
    this.length += 4;
  }

  /** Overwrites the 32-bit number at `offset`, which must lie inside what was written. */
  patchU32(offset: u32, number: u32): void {
    store<u32>(this.start + offset, bswapU32(number));
  }

  /** Gives back a block that has grown past `most` bytes; call it when it is empty. */
  shrink(most: u32): void {
    if (this.room <= most) return;
    heap.free(this.start);
    this.start = 0;
    this.room = 0;
  }

  /** Gives everything back. */
  free(): void {
    if (this.start != 0) heap.free(this.start);
    heap.free(changetype<usize>(this));
  }
}
