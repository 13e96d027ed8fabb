/**
 * What a connection holds because a fault delays some of its calls.
 *
 *     the client's bytes:   … call │ delayed │ call │ delayed │ call, the beginning of one …
 *                           ───────┴─────────┴──────┴─────────┴─────────────────────────────
 *      goes on               at once │ a part         │ a part
 *
 * Each part begins with a delayed call and goes on when that call's time is over, but never before the part in
 * front of it: so the order stays. What rules and policies say is said when bytes come. Bytes are kept here
 * and not in Envoy's buffer, because what came before them has to go on; they are put into it when their time
 * has come, which Envoy allows as long as the connection is stopped (Envoy 1.36 to 1.40: its buffer stays known
 * to the filter after StopIteration).
 */
import { appendEnd, BufferType, replaceStart } from "../host/buffers";
import { letGoOn } from "../host/stream";
import { Delay } from "../policy/delay";
import { callbackTime } from "./callback_time";
import { HeldFrame } from "./held_frame";
import { Splice } from "./splice";

/** The most bytes that one connection holds: what Envoy keeps of a connection by default. */
const MOST_HELD: u32 = 1024 * 1024;
const TYPE: BufferType = BufferType.DOWNSTREAM_DATA;

/** Bytes that go on together. */
@unmanaged
@final
class Part extends HeldFrame {
  next: Part | null = null;

  constructor(
    public since: u64,
    public wait: u64,
  ) {
    super();
  }
}

/** One connection's, from its first delayed call until nothing is held. */
@unmanaged
@final
export class Delayed extends Delay {
  private first: Part;
  private last: Part;
  /** Bytes of all parts. */
  private length: u32 = 0;
  /** How many bytes of the read that is being put together go on at once. */
  private ahead: u32;
  /** Where in it the last part goes on. */
  private from: u32;
  /** Whether the client sends no more: then what is held goes on at once at the end, with the end. */
  isEnd: bool;

  /**
   * A call is delayed.
   *
   * @param contextId the host's number of the connection
   * @param wait how long, in ns
   * @param from how many bytes of the read that is being put together go on before it
   * @param isEnd whether the client sends no more
   */
  constructor(contextId: u32, wait: u64, from: u32, isEnd: bool) {
    super(contextId, callbackTime(), wait);
    const part = new Part(callbackTime(), wait);
    this.first = part;
    this.last = part;
    this.isEnd = isEnd;
    // The end must not overtake anything.
    this.ahead = isEnd ? 0 : from;
    this.from = this.ahead;
  }

  /** A further call is delayed, before which `place` bytes of the read are to go on. */
  add(wait: u64, place: u32, splice: Splice): void {
    if (!this.keep(splice, place)) return;
    const part = new Part(callbackTime(), wait);
    this.last.next = part;
    this.last = part;
  }

  /**
   * Holds what the read that is put together in `splice` has behind the first delayed call.
   *
   * @param size of the read in bytes
   * @returns whether anything is held: not where there is no room, then all goes on
   */
  hold(splice: Splice, size: u32, isEnd: bool): bool {
    if (isEnd) this.isEnd = true;
    splice.keep(splice.left);
    const out = splice.open();
    const ahead = this.ahead;
    replaceStart(TYPE, size, out.start, ahead);
    if (this.keep(splice, out.length)) {
      this.ahead = 0;
      this.from = 0;
      if (ahead != 0) letGoOn();
      splice.forget();
      return true;
    }
    const rest = this.from;
    while (this.length != 0) this.letGoFirst();
    appendEnd(TYPE, out.start + rest, out.length - rest);
    splice.forget();
    return false;
  }

  /**
   * Lets go what has waited long enough; call it in the connection's context.
   *
   * @returns whether anything is held still
   */
  letGo(time: u64): bool {
    if (this.isEnd) {
      let part: Part | null = this.first;
      while (part) {
        if (time - part.since < part.wait) return true;
        part = part.next;
      }
    }
    do {
      this.letGoFirst();
    } while (this.length != 0 && this.isOver(time));
    letGoOn();
    return this.length != 0;
  }

  /** Gives everything back; what was held is gone. */
  free(): void {
    let part: Part | null = this.first;
    while (part) {
      const next = part.next;
      part.free();
      part = next;
    }
    this.leave();
    heap.free(changetype<usize>(this));
  }

  /** Takes what was put together up to `end` to the last part; false if there is no room for it. */
  private keep(splice: Splice, end: u32): bool {
    const from = this.from;
    const length = end - from;
    if (this.length + length > MOST_HELD) return false;
    if (!this.last.append(splice.out.start + from, length, 0)) return false;
    this.length += length;
    this.from = end;
    return true;
  }

  private letGoFirst(): void {
    const part = this.first;
    appendEnd(TYPE, part.start, part.length);
    this.length -= part.length;
    const next = part.next;
    if (!next) return part.clear();
    this.first = next;
    this.since = next.since;
    this.wait = next.wait;
    part.free();
  }
}
