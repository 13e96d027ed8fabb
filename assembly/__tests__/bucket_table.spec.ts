import { BucketTable } from "../policy/bucket_table";
import { BucketSettings } from "../policy/token_bucket";

/** As many keys as a table has buckets for. */
const MOST_BUCKETS: u64 = 4096;
/** In ns. */
const INTERVAL: u64 = 1000;

/** Buckets of two tokens, of which one comes in each interval. */
function newTable(): BucketTable {
  const settings = new BucketSettings();
  settings.maxTokens = 2;
  settings.tokensPerFill = 1;
  settings.fillInterval = INTERVAL;
  return new BucketTable(settings);
}

/** Takes tokens for `keys`, one after the other: `+` for each that was there, `-` for each that was not. */
function take(table: BucketTable, keys: u64[], time: u64): string {
  let taken = "";
  for (let i = 0; i < keys.length; i++) taken += table.take(keys[i], time) ? "+" : "-";
  return taken;
}

/** Takes a token of every bucket that there is room for: of `early`'s at 0, of the others half an interval later. */
function takeOfAll(table: BucketTable, early: u64): void {
  for (let key: u64 = 0; key < MOST_BUCKETS; key++) {
    table.take(key, key == early ? 0 : INTERVAL / 2);
  }
}

describe("buckets by key", () => {
  test("are one for each key", () => {
    expect(take(newTable(), [1, 1, 1, 2, 2, 2], 0)).toBe("++-++-");
    const sameChain: u64[] = [7, 7, 7, 7 + ((<u64>1) << 32), 7 + ((<u64>1) << 32)];
    expect(take(newTable(), sameChain, 0)).toBe("++-++");
  });

  test("share one where there is no room", () => {
    const table = newTable();
    takeOfAll(table, 0);
    const time = INTERVAL / 2;
    expect(take(table, [10000, 10001, 10002, 10003], time)).toBe("++--");
    expect(take(table, [MOST_BUCKETS - 1, MOST_BUCKETS - 1], time)).toBe("+-", "its own bucket");
  });

  test("give their places away when they are full, of the next eight each time", () => {
    const table = newTable();
    takeOfAll(table, 16);
    const names: u64[] = [10000, 10001, 10002, 10002, 10002, 10003];
    // The first two are looked for among buckets 0 to 15, the third finds the one that is full.
    expect(take(table, names, INTERVAL)).toBe("++++--");
    // Two intervals later all are full, and the next keys get buckets of their own.
    expect(take(table, [10004, 10004, 10005, 10005, 10005], INTERVAL * 3)).toBe("++++-");
    table.free();
  });
});
