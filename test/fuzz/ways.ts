// The ways in which a case is run: its frames at the edge of memory, and all of it as it is, again and
// again, and with its reads joined, of which the same must come.

import type { Histogram } from "../host/metrics.ts";
import { holdAtEdge } from "./edge.ts";
import { joined, type FuzzCase } from "./fuzz_case.ts";
import { repeatCase, runCase, type Outcome, type Subject } from "./run_case.ts";

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

function compare(cut: Outcome, whole: Outcome): void {
  const names = new Set([...cut.metrics.keys(), ...whole.metrics.keys()]);
  for (const name of names) {
    const [a, b] = [shown(cut.metrics.get(name)), shown(whole.metrics.get(name))];
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
function choosesCluster({ configs, steps }: FuzzCase): boolean {
  const all = [...configs, ...steps.flatMap((step) => (step.do === "reload" ? [step.config] : []))];
  return all.some(({ routing }) => routing?.rules?.some(({ cluster }) => cluster !== undefined));
}

/** Runs the case in all ways that its number says. Throws where anything does not hold. */
export function runInAllWays(one: FuzzCase, { metered, released }: Subjects): Outcome {
  // First with a meter: a loop that never ends is a trap there.
  const outcome = runCase(one, metered);
  for (const [i, { bytes, isGood }] of one.frames.entries()) {
    if (!isGood) holdAtEdge(bytes, one.number + 97 * i);
  }
  if (one.mayBeJoined && !choosesCluster(one)) compare(outcome, runCase(joined(one), released));
  if (one.number % REPEATED === 0) repeatCase(one, released);
  return outcome;
}
