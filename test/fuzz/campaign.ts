// Case after case until time, frames or cases are used up; each kind of failure is made small and told
// once.

import { readFileSync } from "node:fs";
import { readCorpus } from "./corpus.ts";
import { makeCase, type FuzzCase } from "./fuzz_case.ts";
import { meter } from "./metering.ts";
import { describeCase } from "./report.ts";
import { shrink } from "./shrink.ts";
import { runInAllWays, type Subjects } from "./ways.ts";

/** What to run, and for how long: whatever is reached first. */
export interface Plan {
  /** Of all cases; 32 bits count. */
  seed: number;
  /** Only this case. */
  only?: number;
  /** Number of the first case; 0 unless given. */
  first?: number;
  seconds?: number;
  /** Mutated frames. */
  frames?: number;
  cases?: number;
  /** Ends with the first failure, which is not made small. */
  untilFailure?: boolean;
  /** Hears the number of each case that begins, also of those that are made small. */
  begins?: (caseNumber: number) => void;
  /** Hears of progress about once a minute, and of each failure. */
  log?: (line: string) => void;
}

export interface Failure {
  /** Number of the case. */
  number: number;
  message: string;
  /** How many more cases failed in about the same way. */
  more: number;
  /** The smallest case that was found, and how it fails. */
  report: string;
}

export interface Campaign {
  cases: number;
  frames: number;
  mutated: number;
  bytes: number;
  rewritten: number;
  refused: number;
  refusedCalls: number;
  /** Most memory of a VM in bytes, and highest share of the work that was allowed. */
  memory: number;
  work: number;
  failures: Failure[];
}

const LOG_MS = 60_000;
/** How many characters of a failure are told at once. */
const LOGGED = 200;
/** Where a reader stopped stands in this part of a failure; what follows are names. */
const LONGEST_KIND = 80;
/** Different failures that are looked into; after so many something is wrong at large. */
const MOST_FAILURES = 10;

/** The module in the file, with and without a meter. */
export function loadSubjects(file: string): Subjects {
  return subjectsOf(new Uint8Array(readFileSync(file)));
}

/** A module, with and without a meter. */
export function subjectsOf(wasm: Uint8Array): Subjects {
  const compiled = (bytes: Uint8Array): WebAssembly.Module =>
    new WebAssembly.Module(new Uint8Array(bytes));
  return {
    metered: { module: compiled(meter(wasm)), isMetered: true },
    released: { module: compiled(wasm), isMetered: false },
  };
}

/** Failures that differ in numbers, bytes and odd characters only are one kind. */
function kindOf(message: string): string {
  const [line] = message.split("\n") as [string];
  return line.replace(/0x[0-9a-f]+|\d+|[^ -~]+/g, "#").slice(0, LONGEST_KIND);
}

/** Runs the plan. */
export function fuzz(plan: Plan, subjects: Subjects): Campaign {
  const corpus = readCorpus();
  const result: Campaign = {
    ...{ cases: 0, frames: 0, mutated: 0, bytes: 0, rewritten: 0, refused: 0, refusedCalls: 0 },
    ...{ memory: 0, work: 0 },
    failures: [],
  };
  const messageOf = (run: () => void): string => {
    try {
      run();
      return "";
    } catch (error) {
      return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    }
  };
  const known = new Map<string, Failure>();
  const started = Date.now();
  let logged = started;
  const isOver = (): boolean =>
    Date.now() - started >= (plan.seconds ?? Infinity) * 1000 ||
    result.mutated >= (plan.frames ?? Infinity) ||
    result.cases >= (plan.only === undefined ? (plan.cases ?? Infinity) : 1) ||
    result.failures.length >= (plan.untilFailure ? 1 : MOST_FAILURES);

  for (let number = plan.only ?? plan.first ?? 0; !isOver(); number++) {
    const one = makeCase(plan.seed, number, corpus);
    result.cases++;
    plan.begins?.(number);
    const message = messageOf(() => {
      const outcome = runInAllWays(one, subjects);
      for (const key of [
        "frames",
        "mutated",
        "bytes",
        "rewritten",
        "refused",
        "refusedCalls",
      ] as const) {
        result[key] += outcome[key];
      }
      result.memory = Math.max(result.memory, outcome.memory);
      result.work = Math.max(result.work, outcome.work);
    });
    if (message !== "") {
      const kind = kindOf(message);
      const failure = known.get(kind);
      if (failure !== undefined) {
        failure.more++;
        continue;
      }
      const fails = (each: FuzzCase): boolean => {
        plan.begins?.(number);
        return kindOf(messageOf(() => runInAllWays(each, subjects))) === kind;
      };
      const small = plan.untilFailure ? one : shrink(one, fails);
      plan.log?.(`case ${number}: ${message.slice(0, LOGGED)}`);
      const report = `${describeCase(small)}\n${messageOf(() => runInAllWays(small, subjects))}`;
      const made = { number, message, more: 0, report };
      known.set(kind, made);
      result.failures.push(made);
    }
    if (Date.now() - logged >= LOG_MS) {
      logged = Date.now();
      plan.log?.(`${result.cases} cases, ${result.mutated} mutated of ${result.frames} frames`);
    }
  }
  return result;
}
