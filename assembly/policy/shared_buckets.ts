/**
 * The buckets of a rate limit that all workers of one Envoy share: one value of shared data for each.
 *
 *     key   id of the limit (8) │ slot (4)            value   tokens (4) │ filled at (8), ns since 1970
 *
 * Shared data is never freed, so keys fall into a fixed number of slots; those that meet in one share its
 * tokens. A worker reads a bucket, takes a token and puts it back unless another worker was faster; then it
 * tries again. So no token is taken twice, and a call costs two calls of the host.
 */
import { createShared, readShared, replaceShared, sharedLength } from "../host/shared_data";
import { BucketSettings, TokenBucket } from "./token_bucket";
import { Kept, keptZeros } from "../wire/arena";

/** Buckets of one limit, about 100 bytes each in Envoy. */
const SLOTS: u32 = 1024;
const KEY = memory.data(12);
const KEY_LENGTH: u32 = 12;
const VALUE = memory.data(12);
const VALUE_LENGTH: u32 = 12;
/** The slot that holds no tokens but the seed of all workers' hashes. */
const SEED_SLOT: u32 = SLOTS;
/** How often a worker tries before it gives up: each try that fails was another worker's success. */
const MOST_TRIES: u32 = 64;
/** How far apart workers may read the clock, in ns; further back means that it was set back. */
const SKEW: u64 = 1000000000;

/** All buckets of one limit. */
@unmanaged
@final
export class SharedBuckets extends Kept {
  private bucket: TokenBucket = changetype<TokenBucket>(keptZeros(offsetof<TokenBucket>()));
  private commonSeed: u64 = 0;

  /**
   * @param settings of all buckets; not its own
   * @param id the same for the same limit in all workers, and for no other
   * @param ownSeed what this worker proposes for the hashes of keys
   */
  constructor(
    private settings: BucketSettings,
    private id: u64,
    private ownSeed: u64,
  ) {
    super();
  }

  /** Where hashes of keys begin: the same in all workers. */
  get seed(): u64 {
    if (this.commonSeed == 0) this.commonSeed = this.agreeOnSeed();
    return this.commonSeed;
  }

  /** Takes a token for `key` at `time` (ns); false if there is none, or others were faster too often. */
  take(key: u64, time: u64): bool {
    const bucket = this.bucket;
    this.writeKey(<u32>(key % SLOTS));
    for (let tries: u32 = 0; tries < MOST_TRIES; tries++) {
      const value = readShared(KEY, KEY_LENGTH);
      const isNew = value == 0 || sharedLength() != VALUE_LENGTH;
      if (isNew) {
        bucket.start(this.settings, time);
      } else {
        bucket.tokens = load<u32>(value);
        bucket.filledAt = load<u64>(value, 4);
        const ahead = bucket.filledAt - time;
        if (bucket.filledAt > time && ahead < SKEW) time = bucket.filledAt;
      }
      if (!bucket.take(this.settings, time)) return false;
      store<u32>(VALUE, bucket.tokens);
      store<u64>(VALUE, bucket.filledAt, 4);
      const isTaken = isNew
        ? createShared(KEY, KEY_LENGTH, VALUE, VALUE_LENGTH)
        : replaceShared(KEY, KEY_LENGTH, VALUE, VALUE_LENGTH);
      if (isTaken) return true;
    }
    return false;
  }

  private agreeOnSeed(): u64 {
    this.writeKey(SEED_SLOT);
    store<u64>(VALUE, this.ownSeed | 1);
    createShared(KEY, KEY_LENGTH, VALUE, 8);
    const value = readShared(KEY, KEY_LENGTH);
    return value != 0 && sharedLength() == 8 ? load<u64>(value) : this.ownSeed | 1;
  }

  private writeKey(slot: u32): void {
    store<u64>(KEY, this.id);
    store<u32>(KEY, slot, 8);
  }
}
