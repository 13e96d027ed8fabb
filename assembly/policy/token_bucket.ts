/**
 * Token buckets: how many calls may pass in a time.
 *
 *     tokens  ▁▂▃▄▅▆▇█████▇▆▅ … each call takes one; `tokensPerFill` come each `fillInterval`, up to `maxTokens`
 *
 * The words are those of Envoy's local rate limit (envoy/type/v3/token_bucket.proto).
 */
import { Kept } from "../wire/arena";

/** How a bucket fills; one for all buckets of a policy. */
@unmanaged
@final
export class BucketSettings extends Kept {
  maxTokens: u32 = 0;
  tokensPerFill: u32 = 0;
  /** In ns, at least 1 ms. */
  fillInterval: u64 = 0;
}

/** One bucket. */
@unmanaged
@final
export class TokenBucket {
  tokens: u32 = 0;
  /** When it was filled last, in ns since 1970. */
  filledAt: u64 = 0;

  /** Makes it full. */
  start(settings: BucketSettings, time: u64): void {
    this.tokens = settings.maxTokens;
    this.filledAt = time;
  }

  /** Adds what has come since it was filled last; what is left of an interval counts on. */
  fill(settings: BucketSettings, time: u64): void {
    // The clock may be set back: then time begins anew.
    if (time < this.filledAt) this.filledAt = time;
    const fills = (time - this.filledAt) / settings.fillInterval;
    if (fills == 0) return;
    this.filledAt += fills * settings.fillInterval;
    const room: u64 = settings.maxTokens - this.tokens;
    const perFill: u64 = settings.tokensPerFill;
    // Compared before it is multiplied: years without a call must not overflow.
    if (fills > room / perFill) this.tokens = settings.maxTokens;
    else this.tokens += <u32>(fills * perFill);
  }

  /** Takes a token; false if there is none. */
  take(settings: BucketSettings, time: u64): bool {
    this.fill(settings, time);
    if (this.tokens == 0) return false;
    this.tokens--;
    return true;
  }
}
