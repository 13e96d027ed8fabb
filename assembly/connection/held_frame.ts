/**
 * Bytes of a frame that is not whole yet, taken away from Envoy until it is.
 *
 * A request can only be rewritten when all of it is there, and an answer that has not begun can be
 * replaced when it never ends. But Envoy's own buffer must not be made to wait: what came before it has
 * to go on, and a full buffer would deadlock. So the bytes are kept here.
 */
import { BufferType, replaceStart } from "../host/buffers";
import { giveHeldRoom, takeHeldRoom, takeLeastRoom } from "../wire/held_room";
import { enlarge, roomFor } from "../wire/room";

/**
 * The first block in bytes; it is given whatever is held already, because a header must be whole before
 * anything is decided.
 */
const FIRST_ROOM: u32 = 512;

/** The bytes that are held of one direction of one connection. */
@unmanaged
export class HeldFrame {
  start: usize = 0;
  length: u32 = 0;
  private room: u32 = 0;

  /**
   * Appends the `length` bytes at `bytes`; false if there is no room for them, as there always is for
   * the first ones up to a header's end.
   *
   * @param least the largest block that is given whatever is held already
   */
  append(bytes: usize, length: u32, least: u32 = FIRST_ROOM): bool {
    const needed = this.length + length;
    if (needed > this.room) {
      const room = roomFor(needed, this.room, FIRST_ROOM);
      if (room <= least) takeLeastRoom(room);
      else if (!takeHeldRoom(this.room, room)) return false;
      this.start = enlarge(this.start, this.length, room);
      this.room = room;
    }
    memory.copy(this.start + this.length, bytes, length);
    this.length = needed;
    return true;
  }

  /** What is held goes on before the bytes that are shown as `type`, and is held no longer. */
  letGo(type: BufferType): void {
    if (this.length != 0) replaceStart(type, 0, this.start, this.length);
    this.clear();
  }

  /** Gives the memory back; what was held is gone. */
  clear(): void {
    if (this.start == 0) return;
    heap.free(this.start);
    giveHeldRoom(this.room);
    this.start = 0;
    this.length = 0;
    this.room = 0;
  }

  /** Gives everything back. */
  free(): void {
    this.clear();
    heap.free(changetype<usize>(this));
  }
}
