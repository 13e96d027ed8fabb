// Native histograms: the p99 that a real Prometheus has of them, by the query of docs/metrics.md, is near to
// what the caller measured of the same calls, whatever buckets there are: npm run test:promtool.

import assert from "node:assert/strict";
import { test } from "node:test";
import { startLab, until } from "../e2e/envoy_setup.ts";
import { Upstream } from "../e2e/envoy_sockets.ts";
import { callsThatTake, quantileOf } from "../e2e/filter/buckets.ts";
import { startPrometheus } from "./prometheus.ts";

const DURATION = "dubbo_request_duration_milliseconds";
/** How far off a p99 may be, of the true one. */
const NEAR = 0.05;
/** What mends Envoy's buckets, each of which is told as the one below; docs/metrics.md. */
const BUCKET = "* 2 ^ (1 / 16)";

test("the p99 of native histograms agrees with the caller's", { timeout: 60_000 }, async (t) => {
  const lab = await startLab();
  t.after(() => lab.stop());
  const upstream = await Upstream.listen(lab.ports.user);
  t.after(() => upstream.close());
  const address = new URL(lab.envoy.admin).host;
  const prometheus = await startPrometheus(
    { address, job: "envoy", labels: {}, isNative: true },
    [],
  );
  t.after(() => prometheus.stop());
  const took = await callsThatTake(lab.ports.tcp, upstream);
  await until("all durations are scraped", async () => {
    const [count] = await prometheus.query(`histogram_count(${DURATION})`);
    return count?.value === took.length;
  });
  const quantile = `histogram_quantile(0.99, ${DURATION})`;
  const [[told], [mended]] = await Promise.all([
    prometheus.query(quantile),
    prometheus.query(`${quantile} ${BUCKET}`),
  ]);
  const [off, left] = [told, mended].map((p99) => p99!.value / quantileOf(took, 0.99) - 1);
  t.diagnostic(`${(100 * off!).toFixed(1)} % off, ${(100 * left!).toFixed(1)} % mended`);
  assert.ok(Math.abs(left!) <= NEAR, `${left}`);
  assert.deepEqual(await prometheus.query(`${DURATION}_bucket`), []);
});
