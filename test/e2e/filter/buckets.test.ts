// Buckets of the duration: with those of envoy-local.yaml the p99 out of the histogram is near to what
// the caller measured of the same calls, and with Envoy's own it is not.

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

/** By how much the p99 of the histogram is above the caller's, as a part of it. */
async function off(areOurs: boolean): Promise<number> {
  const lab = await startLab({
    change: (config) => {
      if (!areOurs) delete config.stats_config.histogram_bucket_settings;
    },
  });
  const upstream = await Upstream.listen(lab.ports.user);
  try {
    const took = await callsThatTake(lab.ports.tcp, upstream);
    let p99: number | undefined;
    await until("all durations are shown", async () => {
      const samples = readExposition(await lab.envoy.prometheus());
      const buckets = samples.filter(({ name }) => name === BUCKET);
      p99 = quantile(0.99, buckets);
      return buckets.at(-1)?.value === took.length;
    });
    return p99! / quantileOf(took, 0.99) - 1;
  } finally {
    await upstream.close();
    await lab.stop();
  }
}

describe("the p99 of a histogram", LIMIT, () => {
  test("agrees with the caller's by our buckets", async (t) => {
    const found = await off(true);
    t.diagnostic(`${(100 * found).toFixed(1)} % off`);
    assert.ok(Math.abs(found) <= NEAR, `${found}`);
  });

  test("does not by Envoy's own", async (t) => {
    const found = await off(false);
    t.diagnostic(`${(100 * found).toFixed(1)} % off`);
    assert.ok(Math.abs(found) > NEAR, `${found}`);
  });
});
