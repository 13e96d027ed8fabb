/**
 * Spans as they were written before, to be written again with other ids and times.
 *
 * To put a span together takes some forty small pieces; calls of one method that end alike differ in their ids,
 * times and lengths only.
 *
 *     slot ::= series rule policy length kinds span-of-`length`-bytes        by the series' address, no chains
 *
 * Series, rules and policies live as long as their plugin, so their addresses tell them apart.
 */
import { Output } from "../wire/output";
import { EndedCall } from "./ended_call";
import { NotedCall } from "./noted_call";

/** A power of two. */
const SLOTS: u32 = 32;
/** Most spans are 300 to 450 bytes long; a longer one is not remembered. */
const SLOT_BYTES: u32 = 768;
const RULE: usize = 4;
const POLICY: usize = 8;
const LENGTH: usize = 12;
const KINDS: usize = 16;
const BYTES: u32 = 24;
/** Series are further apart than this many bits. */
const SERIES_SHIFT: u32 = 6;

/** What the spans of one plugin looked like last. */
@unmanaged
@final
export class SpanTemplates {
  private slots: usize = heap.alloc(SLOTS * SLOT_BYTES);

  constructor() {
    memory.fill(this.slots, 0, SLOTS * SLOT_BYTES);
  }

  /**
   * Appends the span of a call like `call`, with that one's ids and times.
   *
   * @returns whether there was one
   */
  write(out: Output, call: EndedCall, noted: NotedCall): bool {
    const slot = this.slotOf(call);
    // A class of an exception is its call's own.
    if (load<usize>(slot) != changetype<usize>(call.series) || call.thrown !== null) return false;
    if (load<usize>(slot, RULE) != changetype<usize>(noted.rule)) return false;
    if (load<usize>(slot, POLICY) != changetype<usize>(noted.policy)) return false;
    if (load<u64>(slot, KINDS) != kindsOf(call)) return false;
    out.write(slot + BYTES, load<u32>(slot, LENGTH));
    return true;
  }

  /** Remembers what was appended to `out` since there were `from` bytes: the span of `call`. */
  learn(out: Output, from: u32, call: EndedCall, noted: NotedCall): void {
    const length = out.length - from;
    if (call.thrown !== null || length > SLOT_BYTES - BYTES) return;
    const slot = this.slotOf(call);
    store<usize>(slot, changetype<usize>(call.series));
    store<usize>(slot, changetype<usize>(noted.rule), RULE);
    store<usize>(slot, changetype<usize>(noted.policy), POLICY);
    store<u32>(slot, length, LENGTH);
    store<u64>(slot, kindsOf(call), KINDS);
    memory.copy(slot + BYTES, out.start + from, length);
  }

  private slotOf(call: EndedCall): usize {
    const place = ((changetype<usize>(call.series) >> SERIES_SHIFT) as u32) & (SLOTS - 1);
    return this.slots + place * SLOT_BYTES;
  }

  /** Gives everything back. */
  free(): void {
    heap.free(this.slots);
    heap.free(changetype<usize>(this));
  }
}

/** All that a span tells in words of ours, a byte each. */
function kindsOf(call: EndedCall): u64 {
  return (
    ((call.side as u64) << 56) |
    ((call.protocol as u64) << 48) |
    ((call.kind as u64) << 40) |
    ((<u64>call.serialization) << 32) |
    ((<u64>call.status) << 24) |
    ((<u64>call.outcome) << 16) |
    ((call.closedBy as u64) << 8) |
    (<u64>call.isAnswered)
  );
}
