// The ways in which a case is run: its frames at the edge of memory, and all of it as it is, again and
// again, and with its reads joined, of which the same must come.

import type { Histogram } from "../emulator/metrics.ts";
import type { PluginConfig } from "./configurations.ts";
import type { Metrics } from "./consistency.ts";
import { holdAtEdge } from "./edge.ts";
import { joined, type FuzzCase } from "./fuzz_case.ts";
import { repeatCase, runCase, type Outcome, type Subject } from "./run_case.ts";
import { propagates } from "./telemetry.ts";

/** Cutting the stream into other reads has changed what came of it. */
export class WrongSplit extends Error {
  override name = "WrongSplit";
}

/** One case in so many is repeated. */
const REPEATED = 100;

/** The modules that a case is run in. */
export interface Subjects {
  /** With a meter; see metering.ts. */
  metered: Subject;
  /** As it is released. */
  released: Subject;
}

function shown(value: number | Histogram | undefined): string {
  if (typeof value !== "object") return String(value);
  return `count=${value.count} sum=${value.sum}`;
}

/** All configurations of a case. */
function configsOf({ configs, steps }: FuzzCase): PluginConfig[] {
  return [...configs, ...steps.flatMap((step) => (step.do === "reload" ? [step.config] : []))];
}

/**
 * Metrics of which the same must come. Which names are the first `max_series` is decided when a head is
 * read; one that has not come to its end is read sooner in one read than in many. So where there is such
 * a limit only sums over all names are looked at.
 */
function comparable({ metrics }: Outcome, hasLimit: boolean): Metrics {
  if (!hasLimit) return metrics;
  const sums = new Map<string, number | Histogram>();
  for (const [name, value] of metrics) {
    const nameless = name.replace(CALL_NAMES, "");
    const before = sums.get(nameless);
    if (before === undefined) sums.set(nameless, value);
    else sums.set(nameless, sum(before, value));
  }
  return sums;
}

/** Labels whose values are a call's names, as the filter writes them. */
const CALL_NAMES = /dubbo_(interface|method|version|group)=\.=.*?;\.;/g;

function sum(a: number | Histogram, b: number | Histogram): number | Histogram {
  if (typeof a === "number" && typeof b === "number") return a + b;
  if (typeof a === "number" || typeof b === "number") throw new Error("not of one kind");
  return { count: a.count + b.count, sum: a.sum + b.sum, values: [] };
}

function compare(cut: Outcome, whole: Outcome, hasLimit: boolean): void {
  const [one, other] = [comparable(cut, hasLimit), comparable(whole, hasLimit)];
  for (const name of new Set([...one.keys(), ...other.keys()])) {
    const [a, b] = [shown(one.get(name)), shown(other.get(name))];
    if (a !== b) throw new WrongSplit(`${name}: ${a} cut, ${b} in one read`);
  }
  for (const [i, { bytes, back, refused }] of cut.went.entries()) {
    const other = whole.went[i]!;
    if (refused !== other.refused) throw new WrongSplit("refused, but not in one read");
    if (Buffer.compare(back, other.back) !== 0) {
      throw new WrongSplit("other bytes went back than in one read");
    }
    // What came in the read of a refused request is lost with it.
    const length = refused ? Math.min(bytes.length, other.bytes.length) : Infinity;
    if (Buffer.compare(bytes.subarray(0, length), other.bytes.subarray(0, length)) !== 0) {
      throw new WrongSplit("other bytes went on than in one read");
    }
  }
}

/** A cluster may be chosen later where looks at a first request double. */
function choosesCluster(one: FuzzCase): boolean {
  return configsOf(one).some(({ routing }) =>
    routing?.rules?.some(({ cluster }) => cluster !== undefined),
  );
}

/** The ids of spans are drawn, so that other reads write other ones. */
function writesContexts(one: FuzzCase): boolean {
  return configsOf(one).some(({ telemetry }) => propagates(telemetry));
}

/** Runs the case in all ways that its number says. Throws where anything does not hold. */
export function runInAllWays(one: FuzzCase, { metered, released }: Subjects): Outcome {
  // First with a meter: a loop that never ends is a trap there.
  const outcome = runCase(one, metered);
  for (const [i, { bytes, isGood }] of one.frames.entries()) {
    if (!isGood) holdAtEdge(bytes, one.number + 97 * i);
  }
  if (one.mayBeJoined && !choosesCluster(one) && !writesContexts(one)) {
    const hasLimit = configsOf(one).some(({ metrics }) => metrics.max_series !== undefined);
    compare(outcome, runCase(joined(one), released), hasLimit);
  }
  if (one.number % REPEATED === 0) repeatCase(one, released);
  return outcome;
}
