/**
 * Which names get series of their own, agreed on by all workers of an Envoy.
 *
 * Each worker has a VM and a registry of its own, but metrics are Envoy's and are never freed: so
 * `max_series` must hold for all workers together, and for all plugins with the same names and limit,
 * one after the other too. The names that were admitted stand in shared data, with their number.
 *
 *     key of a name     's' scope(8) side(1) length(1){8} names
 *     key of the number 'n' scope(8)
 *     the number        count(4) hash(8){32}     with the hashes of the names admitted last
 *
 * Two workers may meet a name at the same time. Who is second to replace the number finds the name's
 * hash beside it, so no name is counted twice.
 */
import { NAME_COUNT } from "../call/names";
import { readShared, replaceShared, writeShared } from "../host/shared_data";
import { hashBytes } from "../wire/hash";
import { Series } from "./series";

const NAME_KEY: u8 = 0x73;
const COUNT_KEY: u8 = 0x6e;
const SCOPE: usize = 1;
const SIDE: usize = 9;
const LENGTHS: usize = 10;
const NAMES: usize = 18;
/** `NAMES` and eight names of `MAX_VALUE` (200) bytes. */
const KEY = memory.data(18 + 1600);
const COUNT_KEY_LENGTH: u32 = 9;

/** Hashes beside the number: more than workers that meet new names at the same time. */
const RECENT: u32 = 32;
const RECENT_AT: usize = 4;
const COUNT_LENGTH: u32 = 4 + RECENT * 8;
const COUNT = memory.data(4 + 32 * 8);

/** More than workers of any Envoy that would all count at once, again and again. */
const MOST_ATTEMPTS: i32 = 64;
/** Names that were refused for good and are remembered, by the low bits of their hash. */
const REMEMBERED: u32 = 256;
/** Names that are still asked for in one flush period once the limit is reached. */
const ASKS: u32 = 64;

/** One plugin's part in what all workers admit together. */
@unmanaged
@final
export class Admission {
  private scope: u64;
  private limit: u32;
  /** Whether the limit is reached: nobody is admitted any more, but others may have been before. */
  isFull: bool = false;
  private asksLeft: u32 = ASKS;
  /** Hashes of refused names; a flood of names must not cost host calls. */
  private refused: usize = 0;

  /**
   * @param scope a number of the configuration, the same in every worker
   * @param limit the most names in this scope
   */
  constructor(scope: u64, limit: u32) {
    this.scope = scope;
    this.limit = limit;
    // Envoy configures a first VM before those of its workers, so nobody counts yet.
    this.writeCountKey();
    if (readShared(KEY, COUNT_KEY_LENGTH) == 0) {
      memory.fill(COUNT, 0, COUNT_LENGTH);
      writeShared(KEY, COUNT_KEY_LENGTH, COUNT, COUNT_LENGTH);
    }
  }

  /** Whether the names with this hash need not be asked for now: they are refused. */
  refuses(hash: u32): bool {
    if (!this.isFull) return false;
    return this.asksLeft == 0 || load<u32>(this.refusedAt(hash)) == hash;
  }

  /** Whether `series`, whose names have `hash`, may have metrics under its own names. */
  admit(series: Series, hash: u32): bool {
    if (this.isFull) this.asksLeft--;
    const length = this.writeNameKey(series);
    const name = hashBytes(this.scope, KEY, length);
    for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt++) {
      // The number is read last: nobody else can then be admitted unseen.
      this.writeNameKey(series);
      if (readShared(KEY, length) != 0) return true;
      this.writeCountKey();
      const count = readShared(KEY, COUNT_KEY_LENGTH);
      if (count == 0) return false;
      memory.copy(COUNT, count, COUNT_LENGTH);
      const admitted = load<u32>(COUNT);
      if (wasRecent(name)) return true;
      if (admitted >= this.limit) {
        this.remember(hash);
        return false;
      }
      store<u64>(COUNT + RECENT_AT + ((admitted % RECENT) << 3), name);
      store<u32>(COUNT, admitted + 1);
      if (!replaceShared(KEY, COUNT_KEY_LENGTH, COUNT, COUNT_LENGTH)) continue;
      this.writeNameKey(series);
      writeShared(KEY, length, COUNT, 1);
      return true;
    }
    return false;
  }

  /** A flush period has passed: some names may be asked for again. */
  renew(): void {
    this.asksLeft = ASKS;
  }

  /** Gives the memory back; what was admitted stays so. */
  free(): void {
    if (this.refused != 0) heap.free(this.refused);
    heap.free(changetype<usize>(this));
  }

  private remember(hash: u32): void {
    if (this.refused == 0) {
      this.refused = heap.alloc(REMEMBERED << 2);
      memory.fill(this.refused, 0, REMEMBERED << 2);
    }
    this.isFull = true;
    store<u32>(this.refusedAt(hash), hash);
  }

  private refusedAt(hash: u32): usize {
    return this.refused + ((hash & (REMEMBERED - 1)) << 2);
  }

  private writeCountKey(): void {
    store<u8>(KEY, COUNT_KEY);
    store<u64>(KEY + SCOPE, this.scope);
  }

  /** Writes the key of the series' names; answers its length. */
  private writeNameKey(series: Series): u32 {
    store<u8>(KEY, NAME_KEY);
    store<u64>(KEY + SCOPE, this.scope);
    store<u8>(KEY + SIDE, <u8>(series.side as u32));
    store<u64>(KEY + LENGTHS, series.lengths);
    let length: u32 = 0;
    for (let name: u32 = 0; name < NAME_COUNT; name++) length += series.lengthOf(name);
    memory.copy(KEY + NAMES, series.names, length);
    return <u32>NAMES + length;
  }
}

/** Whether the name with this hash is among those that were admitted last. */
function wasRecent(name: u64): bool {
  for (let i: u32 = 0; i < RECENT; i++) {
    if (load<u64>(COUNT + RECENT_AT + (i << 3)) == name) return true;
  }
  return false;
}
