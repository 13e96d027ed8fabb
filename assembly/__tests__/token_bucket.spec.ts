import { BucketSettings, TokenBucket } from "../policy/token_bucket";

const MS: u64 = 1_000_000;

function settings(maxTokens: u32, tokensPerFill: u32, fillInterval: u64): BucketSettings {
  const made = new BucketSettings();
  made.maxTokens = maxTokens;
  made.tokensPerFill = tokensPerFill;
  made.fillInterval = fillInterval;
  return made;
}

function takeUpTo(most: u32, bucket: TokenBucket, how: BucketSettings, time: u64): u32 {
  let taken: u32 = 0;
  while (taken < most && bucket.take(how, time)) taken++;
  return taken;
}

describe("a token bucket", () => {
  test("gives what it holds, and what comes", () => {
    const how = settings(10, 2, 100 * MS);
    const bucket = new TokenBucket();
    bucket.start(how, 1000 * MS);
    expect(takeUpTo(20, bucket, how, 1000 * MS)).toBe(10);
    expect(takeUpTo(20, bucket, how, 1099 * MS)).toBe(0);
    expect(takeUpTo(20, bucket, how, 1100 * MS)).toBe(2);
    expect(takeUpTo(20, bucket, how, 1399 * MS)).toBe(4);
    expect(takeUpTo(20, bucket, how, 1400 * MS)).toBe(2, "the rest of an interval counts on");
  });

  test("holds no more than its most, however long it waits", () => {
    const how = settings(3, 0xffffffff, MS);
    const bucket = new TokenBucket();
    bucket.start(how, 0);
    expect(takeUpTo(9, bucket, how, 0)).toBe(3);
    expect(takeUpTo(9, bucket, how, U64.MAX_VALUE)).toBe(3);
  });

  test("goes on when the clock is set back", () => {
    const how = settings(1, 1, 1000 * MS);
    const bucket = new TokenBucket();
    bucket.start(how, 50_000 * MS);
    expect(takeUpTo(9, bucket, how, 50_000 * MS)).toBe(1);
    expect(takeUpTo(9, bucket, how, 10_000 * MS)).toBe(0);
    expect(takeUpTo(9, bucket, how, 11_000 * MS)).toBe(1);
  });
});
