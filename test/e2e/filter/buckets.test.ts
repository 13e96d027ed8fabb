// Buckets of the duration: with those of envoy-local.yaml the p99 out of the histogram is near to what
// the caller measured of the same calls, and Envoy's own are too wide for that.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { readExposition } from "../../../observability/page/exposition.ts";
import { quantile } from "../../../observability/page/history.ts";
import { LIMIT, startLab, until } from "../envoy_setup.ts";
import { Upstream } from "../envoy_sockets.ts";
import { callsThatTake, quantileOf } from "./buckets.ts";

const BUCKET = "dubbo_request_duration_milliseconds_bucket";
/** How far off a p99 may be, of the true one. */
const NEAR = 0.1;

/** As parts of the caller's p99: how far above it that of the histogram is, and how wide the bucket is that it is in. */
async function p99(areOurs: boolean): Promise<{ off: number; width: number }> {
  const lab = await startLab({
    change: (config) => {
      if (!areOurs) delete config.stats_config.histogram_bucket_settings;
    },
  });
  const upstream = await Upstream.listen(lab.ports.user);
  try {
    const took = await callsThatTake(lab.ports.tcp, upstream);
    let shown: number | undefined;
    let bounds: number[] = [];
    await until("all durations are shown", async () => {
      const samples = readExposition(await lab.envoy.prometheus());
      const buckets = samples.filter(({ name }) => name === BUCKET);
      shown = quantile(0.99, buckets);
      bounds = buckets.map(({ labels }) => Number(labels.le === "+Inf" ? Infinity : labels.le));
      return buckets.at(-1)?.value === took.length;
    });
    const true99 = quantileOf(took, 0.99);
    const above = bounds.findIndex((bound) => bound >= true99);
    const width = (bounds[above]! - (bounds[above - 1] ?? 0)) / true99;
    return { off: shown! / true99 - 1, width };
  } finally {
    await upstream.close();
    await lab.stop();
  }
}

describe("the p99 of a histogram", LIMIT, () => {
  test("agrees with the caller's by our buckets", async (t) => {
    const { off } = await p99(true);
    t.diagnostic(`${(100 * off).toFixed(1)} % off`);
    assert.ok(Math.abs(off) <= NEAR, `${off}`);
  });

  // How far off it then is, is chance.
  test("is anywhere in a wide bucket by Envoy's own", async (t) => {
    const { off, width } = await p99(false);
    t.diagnostic(`${(100 * off).toFixed(1)} % off`);
    assert.ok(width > 2 * NEAR, `${width}`);
  });
});
