// What our filter's Prometheus series say of routing, beside what `series.ts` says of calls.

import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import type { EnvoyProcess } from "../../harness/envoy_process.ts";
import type { Report } from "./report.ts";
import { seriesIn, seriesOf } from "./series.ts";

const FLUSH_MS = 5000;
const ROUTED = /^dubbo_(routed|unrewritten|refused|misrouted|unrouted)_\w+_total\{(.*)\} (\d+)$/gm;

/** Calls per rule and everything else of routing: e.g. `{ routed_canary: 3, refused_too_large: 1 }`. */
export function routedIn(text: string): Record<string, number> {
  const found: Record<string, number> = {};
  for (const [, metric, labels, value] of text.matchAll(ROUTED)) {
    const label = /dubbo_(?:rule|reason)="([^"]*)"/.exec(labels!)?.[1] ?? "";
    const key = `${metric}_${label}`;
    found[key] = (found[key] ?? 0) + Number(value);
  }
  return found;
}

/** Waits until the series of calls are those of the report: the filter adds up and flushes. */
export async function awaitSeries(
  envoy: EnvoyProcess,
  report: Report,
  serialization: string = "hessian2",
): Promise<void> {
  const expected = seriesOf(report, serialization);
  const deadline = Date.now() + FLUSH_MS;
  for (;;) {
    const series = seriesIn(await envoy.prometheus());
    try {
      return assert.deepEqual(series, expected);
    } catch (error) {
      if (Date.now() > deadline) throw error;
    }
    await sleep(50);
  }
}
