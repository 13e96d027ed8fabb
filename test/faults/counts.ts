// The filter's metrics of one interface as a few numbers, as words for docs/faults.md, and the sums that
// must hold whatever happened.

import { sumOf } from "../e2e/envoy_series.ts";

/** What the filter counted. */
export interface Counts {
  requests: number;
  /** Answers by status and outcome, e.g. `{ "OK success": 3 }`. */
  responses: Record<string, number>;
  /** Calls without an answer, by who closed. */
  unanswered: Record<string, number>;
  untracked: number;
  active: number;
  /** Of all interfaces: answers that nobody waits for, decoding errors by reason. */
  unmatched: number;
  errors: Record<string, number>;
}

/** The counts of an interface in a scrape. */
export function countsOf(values: ReadonlyMap<string, number>, of: string): Counts {
  const names = { interface: of };
  return {
    requests: sumOf(values, "requests_total", names),
    responses: sumsBy(values, "responses_total", ["status", "outcome"], names),
    unanswered: sumsBy(values, "unanswered_requests_total", ["closed_by"], names),
    untracked: sumOf(values, "untracked_requests_total", names),
    active: sumOf(values, "requests_active", names),
    unmatched: sumOf(values, "unmatched_responses_total"),
    errors: sumsBy(values, "decode_errors_total", ["reason"], {}),
  };
}

/** By how many the requests are more than what became of them; 0 wherever all is well. */
export function imbalance(counts: Counts): number {
  const { requests, responses, unanswered, untracked, active } = counts;
  return requests - total(responses) - total(unanswered) - untracked - active;
}

/** The sum of a record's numbers. */
export function total(of: Record<string, number>): number {
  return Object.values(of).reduce((sum, value) => sum + value, 0);
}

/** The counts in words; what is 0 is left out. */
export function inWords(counts: Counts): string {
  const words = [`${counts.requests} requests`];
  for (const [kind, count] of Object.entries(counts.responses)) words.push(`${count} ${kind}`);
  for (const [by, count] of Object.entries(counts.unanswered)) {
    words.push(`${count} unanswered (${by})`);
  }
  if (counts.untracked > 0) words.push(`${counts.untracked} untracked`);
  if (counts.active !== 0) words.push(`${counts.active} active`);
  if (counts.unmatched > 0) words.push(`${counts.unmatched} unmatched`);
  for (const [reason, count] of Object.entries(counts.errors)) words.push(`${count} ${reason}`);
  return words.join(", ");
}

/** Sums by the values of these labels, in alphabetical order; without those that are 0. */
function sumsBy(
  values: ReadonlyMap<string, number>,
  metric: string,
  labels: string[],
  where: Record<string, string>,
): Record<string, number> {
  const sums: Record<string, number> = {};
  const keys = [...values.keys()].filter((key) => key.startsWith(`dubbo_${metric}{`)).sort();
  for (const key of keys) {
    const of = Object.fromEntries(labels.map((label) => [label, labelOf(key, label)]));
    const name = Object.values(of).join(" ");
    const sum = sumOf(values, metric, { ...where, ...of });
    if (sum !== 0) sums[name] = sum;
  }
  return sums;
}

function labelOf(key: string, label: string): string {
  return new RegExp(`dubbo_${label}="([^"]*)"`).exec(key)?.[1] ?? "";
}
