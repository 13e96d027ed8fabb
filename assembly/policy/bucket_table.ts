/**
 * The buckets of one rate limit, one for each key: a hash of what calls are told apart by.
 *
 * Keys come from callers, so the number of buckets is bounded: calls whose key finds no room share one.
 * A bucket that is full again says no more than a new one would, and gives its place away.
 */
import { HashTable } from "../wire/hash_table";
import { BucketSettings, TokenBucket } from "./token_bucket";

/** Buckets of one policy: 32 bytes each, and more callers than one worker tells apart at a glance. */
const MOST_BUCKETS: u32 = 4096;
/** Buckets that are looked at for a place when there is no room. */
const LOOKS: u32 = 8;

/** One key's bucket. */
@unmanaged
@final
class KeyedBucket {
  hash: u32 = 0;
  hashNext: KeyedBucket | null = null;
  key: u64 = 0;
  /** The bucket that was made after it, round in a ring. */
  nextMade: KeyedBucket | null = null;
  tokens: TokenBucket = new TokenBucket();
}

/** All buckets of one policy. */
@unmanaged
@final
export class BucketTable {
  private table: HashTable<KeyedBucket> = new HashTable<KeyedBucket>();
  private shared: TokenBucket = new TokenBucket();
  private settings: BucketSettings;
  private isStarted: bool = false;
  /** Where the next look for a place begins. */
  private hand: KeyedBucket | null = null;

  /** @param settings of all buckets; not the table's own */
  constructor(settings: BucketSettings) {
    this.settings = settings;
  }

  /** Takes a token for `key` at `time` (ns); false if there is none. */
  take(key: u64, time: u64): bool {
    const bucket = this.find(key);
    if (bucket) return bucket.tokens.take(this.settings, time);
    const made = this.make(key, time);
    if (made) return made.tokens.take(this.settings, time);
    if (!this.isStarted) {
      this.isStarted = true;
      this.shared.start(this.settings, time);
    }
    return this.shared.take(this.settings, time);
  }

  private find(key: u64): KeyedBucket | null {
    let bucket = this.table.first(<u32>key);
    while (bucket) {
      if (bucket.key == key) return bucket;
      bucket = bucket.hashNext;
    }
    return null;
  }

  private make(key: u64, time: u64): KeyedBucket | null {
    let bucket: KeyedBucket | null = null;
    if (this.table.count < MOST_BUCKETS) {
      bucket = new KeyedBucket();
      const hand = this.hand;
      if (hand) {
        bucket.nextMade = hand.nextMade;
        hand.nextMade = bucket;
      } else {
        bucket.nextMade = bucket;
      }
      this.hand = bucket;
    } else {
      bucket = this.takePlace(time);
      if (!bucket) return null;
      this.table.remove(bucket);
    }
    bucket.key = key;
    bucket.hash = <u32>key;
    bucket.tokens.start(this.settings, time);
    this.table.insert(bucket);
    return bucket;
  }

  /** A bucket that is full, of the next few. */
  private takePlace(time: u64): KeyedBucket | null {
    let bucket = this.hand!;
    for (let i: u32 = 0; i < LOOKS; i++) {
      bucket = bucket.nextMade!;
      bucket.tokens.fill(this.settings, time);
      if (bucket.tokens.tokens == this.settings.maxTokens) {
        this.hand = bucket;
        return bucket;
      }
    }
    this.hand = bucket;
    return null;
  }

  /** Gives everything back. */
  free(): void {
    const first = this.hand;
    let bucket = first;
    let left = this.table.count;
    while (bucket && left-- != 0) {
      const next = bucket.nextMade;
      heap.free(changetype<usize>(bucket.tokens));
      heap.free(changetype<usize>(bucket));
      bucket = next;
    }
    this.table.free();
    heap.free(changetype<usize>(this.shared));
    heap.free(changetype<usize>(this));
  }
}
