/**
 * A rate limit: tokens for all calls of a policy, or for each key that tells them apart; in each worker for
 * itself, or shared by all.
 */
import { Call } from "../call/call";
import { bitOf, NAME_COUNT } from "../call/names";
import { WantedAttachment } from "../dubbo/attachments";
import { Kept } from "../wire/arena";
import { hashBytes } from "../wire/hash";
import { BucketTable } from "./bucket_table";
import { SharedBuckets } from "./shared_buckets";
import { BucketSettings } from "./token_bucket";

/** `rate_limit` of a policy. */
@unmanaged
@final
export class RateLimit extends Kept {
  private settings: BucketSettings;
  private buckets: BucketTable;
  private shared: SharedBuckets | null = null;
  /** The names that tell calls apart: a bit for each. */
  names: u32 = 0;
  /** Whether the peer's certificate does. */
  perPrincipal: bool = false;
  /** An attachment that does, or null. */
  attachment: WantedAttachment | null = null;
  private seed: u64;

  /**
   * @param settings become its own
   * @param seed for the hashes of keys, which callers choose
   */
  constructor(settings: BucketSettings, seed: u64) {
    super();
    this.settings = settings;
    this.buckets = new BucketTable(settings);
    this.seed = seed;
  }

  /** All workers share the buckets; `id` is the same in all of them, and of no other limit. */
  share(id: u64): void {
    this.shared = new SharedBuckets(this.settings, id, this.seed);
  }

  /** Takes a token for `call` at `time` (ns); false if there is none. */
  take(call: Call, time: u64): bool {
    const shared = this.shared;
    if (shared) {
      // Keys are hashed alike in all workers.
      this.seed = shared.seed;
      return shared.take(this.keyOf(call), time);
    }
    return this.buckets.take(this.keyOf(call), time);
  }

  private keyOf(call: Call): u64 {
    let key = this.seed;
    for (let name: u32 = 0; name < NAME_COUNT; name++) {
      if (!(this.names & bitOf(name))) continue;
      const span = call.name(name);
      key = hashBytes(key, span.start, span.length);
    }
    if (this.perPrincipal) key = hashBytes(key, call.principal.start, call.principal.length);
    const attachment = this.attachment;
    if (attachment) key = hashBytes(key, attachment.value.start, attachment.value.length);
    return key;
  }

  /** Gives back what grew with traffic. */
  free(): void {
    this.buckets.free();
  }
}
