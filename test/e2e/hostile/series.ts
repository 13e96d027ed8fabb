// What must hold of the filter's series after a storm, whatever came in it.

import assert from "node:assert/strict";
import { DUBBO_LABELS } from "../../emulator/labels.ts";

/** A series' name and labels, from its key; see `seriesKey` in envoy_exposition.ts. */
function parseKey(key: string): { name: string; labels: Map<string, string> } {
  const at = key.indexOf("{");
  if (at < 0) return { name: key, labels: new Map() };
  const labels = new Map<string, string>();
  for (const [, label, value] of key.slice(at).matchAll(/([a-z_]+)=("(?:[^"\\]|\\.)*")/g)) {
    labels.set(label!, JSON.parse(value!) as string);
  }
  return { name: key.slice(0, at), labels };
}

/** For every set of names: requests = responses + unanswered + untracked + active + one-way ones. */
export function holdSums(series: ReadonlyMap<string, number>): void {
  const sums = new Map<string, { requests: number; ended: number }>();
  for (const [key, value] of series) {
    const { name, labels } = parseKey(key);
    const names = ["dubbo_interface", "dubbo_method", "dubbo_side"].map((label) =>
      labels.get(label),
    );
    const of = sums.get(names.join(" ")) ?? { requests: 0, ended: 0 };
    sums.set(names.join(" "), of);
    if (name === "dubbo_requests_total") of.requests += value;
    const isOneway = name === "dubbo_requests_total" && labels.get("dubbo_call") === "oneway";
    const isEnd =
      /^dubbo_(responses|unanswered_requests|untracked_requests)_total$|^dubbo_requests_active$/;
    if (isOneway || isEnd.test(name)) of.ended += value;
  }
  const wrong = [...sums].filter(([, { requests, ended }]) => requests !== ended);
  assert.deepEqual(wrong, []);
  const all = [...sums.values()].reduce((sum, { requests }) => sum + requests, 0);
  assert.ok(all > 1000, `${all} requests`);
}

/** Metrics of one set of names, with all values of their labels that a storm can bring. */
const SERIES_OF_NAMES = 60;
/** Series without names: events, errors, connections. */
const SERIES_WITHOUT = 100;

/** Every name and label is one of ours, every value clean, and there are not too many. */
export function holdNames(series: ReadonlyMap<string, number>, most: number): void {
  const names = new Set<string>();
  for (const key of series.keys()) {
    const { name, labels } = parseKey(key);
    assert.match(name, /^dubbo_[a-z_]+$/, key);
    for (const [label, value] of labels) {
      assert.ok(DUBBO_LABELS.includes(label), key);
      assert.match(value, /^[A-Za-z0-9_.$:/-]{1,200}$/, key);
    }
    const side = labels.get("dubbo_side") ?? "";
    assert.match(side, /^(consumer|provider)$/, key);
    const of = labels.get("dubbo_interface");
    if (of !== undefined) names.add(`${of} ${labels.get("dubbo_method")} ${side}`);
  }
  const own = [...names].filter((name) => !name.startsWith("_OTHER _OTHER"));
  assert.ok(own.length <= most, `${own.length} sets of names`);
  assert.ok(own.length >= most / 2, `only ${own.length} sets of names: a flood was too small`);
  assert.ok(series.size <= (most + 2) * SERIES_OF_NAMES + SERIES_WITHOUT, `${series.size} series`);
}
