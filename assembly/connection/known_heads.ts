/**
 * Heads of requests that were read before, byte for byte, and the series they stand for.
 *
 * A consumer sends the same few heads again and again: comparing a hundred bytes costs a fraction of
 * reading five strings and finding their series. Where a call's names stand in its head alone, that is
 * where no attachments are asked for, a known head says all that there is to count.
 *
 * Where attachments are read for callers' trace contexts and nothing else, the attachments of a call without one
 * are remembered beside its head: whoever calls a method sends mostly the same ones.
 *
 *     slot = hash of the head ─▶ one head, or none: a table without chains, so it needs no bound but its
 *     size. A head that was met since it was last in the way keeps its slot once more.
 */
import { Side } from "../call/vocabulary";
import { EVERY_PERIOD } from "../metrics/registry";
import { Series } from "../metrics/series";
import { sameWords } from "../wire/bytes";
import { hashWords } from "../wire/hash";
import { bytesLeft } from "../wire/position";

/** Slots for each set of names that may have series: methods have some descriptors each. */
const SLOTS_PER_SERIES: u32 = 4;
/** Slots, at least and at most: with the default `max_series` of 1,000 there are 4,096. */
const FEWEST_SLOTS: u32 = 512;
const MOST_SLOTS: u32 = 65536;
/** The longest head in bytes that is remembered. */
const LONGEST: u32 = 512;
/**
 * All heads of a VM and their tables together, in bytes: those of some ten thousand methods. Without it a
 * plugin with `max_series: 100000` could take 35 MiB.
 */
const HEADS_BUDGET: u32 = 8 * 1024 * 1024;

/** Bytes of all heads and tables together. */
let takenRoom: u32 = 0;
/** Where the length stands in a head's kind. */
const LENGTH_SHIFT: u32 = 16;
/** The longest attachments in bytes that are remembered: most are 150 to 600 bytes long. */
const LONGEST_ATTACHMENTS: u32 = 1024;
/** The shortest, because they are compared in words of eight bytes. */
const SHORTEST: u32 = 8;

/** One head, with its bytes after it. */
@unmanaged
@final
class KnownHead {
  series: Series;
  hash: u64 = 0;
  /** Length, serialization and side in one number. */
  kind: u32 = 0;
  /** The flush period in which it is right, or `EVERY_PERIOD`. */
  period: u32 = 0;
  wasMet: bool = false;
  /** How long the attachments are that are remembered, and how long they may be; 0: none are. */
  endLength: u32 = 0;
  endRoom: u32 = 0;
  // Its bytes lie after it, and then those of the attachments.

  constructor(series: Series) {
    this.series = series;
  }
}

/** The heads that one plugin remembers. */
@unmanaged
@final
export class KnownHeads {
  private slots: usize = 0;
  /** How many there are: a power of two. */
  private count: u32 = FEWEST_SLOTS;
  private seed: u64;
  /** What was found last. */
  private last: KnownHead | null = null;

  /**
   * @param seed for hashes: peers must not know which heads share a slot
   * @param maxSeries the most sets of names that have series of their own
   */
  constructor(seed: u64, maxSeries: u32) {
    this.seed = seed;
    while (this.count < MOST_SLOTS && this.count < maxSeries * SLOTS_PER_SERIES) this.count <<= 1;
  }

  /**
   * What the bytes from `p` to `end` begin with, if that is the head which was found last: mostly it is,
   * and then nobody needs to know where it ends or which slot is its. No head begins with another one.
   *
   * @param period the current flush period
   */
  findLast(side: Side, serialization: u8, p: usize, end: usize, period: u32): Series | null {
    const head = this.last;
    if (!head) return null;
    const length = head.kind >> LENGTH_SHIFT;
    if (length > bytesLeft(p, end) || head.kind != kindOf(side, serialization, length)) return null;
    return this.known(head, p, length, period);
  }

  /** How long the head is that was found last, in bytes. */
  @inline
  get lastLength(): u32 {
    return this.last!.kind >> LENGTH_SHIFT;
  }

  /**
   * What the head at `p`, `length` bytes long, stands for; null where that is not known.
   *
   * @param period the current flush period
   */
  find(side: Side, serialization: u8, p: usize, length: u32, period: u32): Series | null {
    if (this.slots == 0 || length < SHORTEST) return null;
    const hash = hashWords(this.seed, p, length);
    const head = changetype<KnownHead | null>(load<usize>(this.slotOf(hash)));
    if (!head || head.hash != hash || head.kind != kindOf(side, serialization, length)) return null;
    return this.known(head, p, length, period);
  }

  /** Whether attachments are remembered beside the head that was found last; calls with a context do not end that. */
  get lastHasEnd(): bool {
    return this.last!.endLength != 0;
  }

  /**
   * Whether the bytes from `p` to `end`, where a body ends, end with the attachments that are remembered beside the
   * head found last: then the body holds no trace context, whatever its head is. A body whose arguments end like
   * that is taken for one too, which no encoder's are.
   */
  endsAsKnown(p: usize, end: usize): bool {
    const head = this.last;
    if (!head) return false;
    const length = head.endLength;
    return (
      length != 0 && bytesLeft(p, end) >= length && sameWords(endOf(head), end - length, length)
    );
  }

  /**
   * Remembers that the head at `p` stands for `series`.
   *
   * @param period the flush period in which it does, or `EVERY_PERIOD`
   * @param attachments where those of its call begin, which hold no trace context, or 0
   * @param attachmentsLength up to the body's end
   */
  learn(
    side: Side,
    serialization: u8,
    p: usize,
    length: u32,
    series: Series,
    period: u32,
    attachments: usize,
    attachmentsLength: u32,
  ): void {
    if (length < SHORTEST || length > LONGEST) return;
    const keepsEnd =
      attachments != 0 && attachmentsLength >= SHORTEST && attachmentsLength <= LONGEST_ATTACHMENTS;
    const endLength: u32 = keepsEnd ? attachmentsLength : 0;
    if (this.slots == 0) {
      const size = this.count << 2;
      if (takenRoom + size > HEADS_BUDGET) return;
      takenRoom += size;
      this.slots = heap.alloc(size);
      memory.fill(this.slots, 0, size);
    }
    const hash = hashWords(this.seed, p, length);
    const slot = this.slotOf(hash);
    const before = changetype<KnownHead | null>(load<usize>(slot));
    const kind = kindOf(side, serialization, length);
    if (before) {
      const isSame =
        before.hash == hash && before.kind == kind && sameWords(bytesOf(before), p, length);
      if (isSame && endLength <= before.endRoom) {
        before.series = series;
        before.period = period;
        if (endLength != 0) keepEnd(before, attachments, endLength);
        return;
      }
      if (before.wasMet && !isSame) {
        before.wasMet = false;
        return;
      }
      store<usize>(slot, 0);
      this.last = null;
      freeHead(changetype<usize>(before));
    }
    const size = <u32>offsetof<KnownHead>() + length + endLength;
    if (takenRoom + size > HEADS_BUDGET) return;
    takenRoom += size;
    const head = changetype<KnownHead>(heap.alloc(size));
    head.series = series;
    head.hash = hash;
    head.kind = kind;
    head.period = period;
    head.wasMet = false;
    memory.copy(bytesOf(head), p, length);
    head.endRoom = endLength;
    head.endLength = 0;
    if (endLength != 0) keepEnd(head, attachments, endLength);
    store<usize>(slot, changetype<usize>(head));
  }

  /** Gives everything back. */
  free(): void {
    if (this.slots != 0) {
      for (let i: u32 = 0; i < this.count; i++) {
        const head = load<usize>(this.slots + ((<usize>i) << 2));
        if (head != 0) freeHead(head);
      }
      takenRoom -= this.count << 2;
      heap.free(this.slots);
    }
    heap.free(changetype<usize>(this));
  }

  /** The series of `head` if the `length` bytes at `p` are its bytes and it is still right, else null. */
  @inline
  private known(head: KnownHead, p: usize, length: u32, period: u32): Series | null {
    if (head.period != EVERY_PERIOD && head.period != period) return null;
    if (!sameWords(bytesOf(head), p, length)) return null;
    head.wasMet = true;
    this.last = head;
    return head.series;
  }

  /** The address of the slot of every head with this hash. */
  @inline
  private slotOf(hash: u64): usize {
    return this.slots + (((<usize>hash) & (this.count - 1)) << 2);
  }
}

function freeHead(head: usize): void {
  const length = changetype<KnownHead>(head).kind >> LENGTH_SHIFT;
  takenRoom -= <u32>offsetof<KnownHead>() + length + changetype<KnownHead>(head).endRoom;
  heap.free(head);
}

/** Keeps the `length` bytes at `attachments`, for which `head` has room. */
function keepEnd(head: KnownHead, attachments: usize, length: u32): void {
  memory.copy(endOf(head), attachments, length);
  head.endLength = length;
}

/** Where the attachments' bytes lie. */
// @ts-ignore: decorator
@inline
function endOf(head: KnownHead): usize {
  return bytesOf(head) + (head.kind >> LENGTH_SHIFT);
}

// @ts-ignore: decorator
@inline
function kindOf(side: Side, serialization: u8, length: u32): u32 {
  return (length << LENGTH_SHIFT) | ((<u32>serialization) << 8) | (side as u32);
}

// @ts-ignore: decorator
@inline
function bytesOf(head: KnownHead): usize {
  return changetype<usize>(head) + offsetof<KnownHead>();
}
