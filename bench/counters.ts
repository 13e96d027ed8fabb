// Envoy's counters against what was sent: a run whose numbers differ has not measured what it says.

import { setTimeout as sleep } from "node:timers/promises";
import type { EnvoyProcess } from "../harness/envoy_process.ts";
import type { LoadReply } from "./client.ts";
import type { Counter } from "./variants.ts";

/** The filter tells its counters every 500 ms and when a connection ends; Envoy merges at once. */
const GROWN_MS = 10_000;
const POLL_MS = 100;

/** The sums of the counters' values, in their order. Rejects where Envoy does not answer. */
export async function readCounters(envoy: EnvoyProcess, counters: Counter[]): Promise<number[]> {
  const any = counters.map(({ names }) => names).join("|");
  const text = await envoy.get(`/stats?filter=${encodeURIComponent(`^(${any})$`)}`);
  const lines = text.split("\n").map((line) => {
    const at = line.lastIndexOf(": ");
    return { name: line.slice(0, at), value: Number(line.slice(at + 2)) };
  });
  return counters.map(({ names }) => {
    const regex = new RegExp(`^(${names})$`);
    return lines.reduce((sum, { name, value }) => (regex.test(name) ? sum + value : sum), 0);
  });
}

/**
 * What differs between a load and the growth of the counters since `before`, once ten seconds did not
 * make it right; empty where nothing does.
 */
export async function differences(
  envoy: EnvoyProcess,
  counters: Counter[],
  before: number[],
  load: Pick<LoadReply, Exclude<Counter["growth"], "nothing">>,
): Promise<string[]> {
  const end = Date.now() + GROWN_MS;
  for (;;) {
    const after = await readCounters(envoy, counters);
    const wrong = counters.flatMap(({ names, growth }, i) => {
      const expected = growth === "nothing" ? 0 : load[growth];
      const actual = after[i]! - before[i]!;
      return actual === expected ? [] : [`${names} grew by ${actual}, not ${expected}`];
    });
    if (wrong.length === 0 || Date.now() >= end) return wrong;
    await sleep(POLL_MS);
  }
}
