// Counts of what was met, and how far one may be off by chance alone.

import assert from "node:assert/strict";

/** A right split is called wrong in less than one test of 10,000, half of it on each side. */
const FALSE_ALARM = 1e-4;

/** The least and the most of so many independent calls that take a way of this probability. */
export function likely(calls: number, probability: number): { least: number; most: number } {
  const chances = binomial(calls, probability);
  const tail = FALSE_ALARM / 2;
  let least = 0;
  for (let sum = chances[0]!; sum < tail; sum += chances[least]!) least++;
  let most = calls;
  for (let sum = chances[calls]!; sum < tail; sum += chances[most]!) most--;
  return { least, most };
}

/** Throws where a count is not one of `likely`. */
export function assertLikely(count: number, calls: number, probability: number): void {
  const { least, most } = likely(calls, probability);
  assert.ok(count >= least && count <= most, `of ${calls} ${count} and not ${least} to ${most}`);
}

/** How often each name is there. */
export function counted(names: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}

// The chance of each count from 0 to all. Logarithms, since the chance of none at all may be less
// than what a number can be.
function binomial(calls: number, probability: number): number[] {
  const odds = Math.log(probability / (1 - probability));
  let log = calls * Math.log(1 - probability);
  const chances = [Math.exp(log)];
  for (let k = 1; k <= calls; k++) {
    log += Math.log((calls - k + 1) / k) + odds;
    chances.push(Math.exp(log));
  }
  return chances;
}
