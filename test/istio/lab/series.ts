// The filter's series in a pod's sidecar, all of them, held against what follows from the calls.

import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { parseExposition } from "../../e2e/envoy_exposition.ts";
import { difference, type Expected } from "../../e2e/envoy_series.ts";
import { ours } from "../../e2e/envoy_setup.ts";
import type { Pod } from "./pod.ts";

/** The filter flushes each 500 ms, Envoy shows histograms each 5 s, and the machine may be busy. */
const SHOWN_MS = 30_000;
const POLL_MS = 250;

/** The filter's series in a pod's sidecar and their values; a histogram's is its count. */
export async function seriesOf(pod: Pod): Promise<Map<string, number>> {
  return ours(parseExposition(await pod.prometheus()));
}

/**
 * Resolved once the series of a pod's sidecar are exactly these. Of bytes only that there are some:
 * in `expected` they count as 1. Rejects with the differences where that does not come true in time.
 */
export async function awaitSeries(pod: Pod, expected: Expected): Promise<void> {
  const end = Date.now() + SHOWN_MS;
  for (;;) {
    const wrong = difference(someBytes(await seriesOf(pod)), someBytes(expected.values));
    if (wrong.length === 0) return;
    if (Date.now() >= end) {
      const name = pod.object.metadata.name;
      assert.fail(`series of ${name}, expected and actual:\n${wrong.join("\n")}`);
    }
    await sleep(POLL_MS);
  }
}

function someBytes(series: ReadonlyMap<string, number>): Map<string, number> {
  return new Map(
    [...series].map(([key, value]) => {
      const bytes = /^dubbo_(request|response)_bytes_total/.test(key);
      return [key, bytes && value > 0 ? 1 : value];
    }),
  );
}
