// `npm run fuzz`: hostile frames through the release module in the emulator; see README.md here.
//
//   npm run fuzz -- [--seconds N] [--frames N] [--cases N] [--seed S] [--first CASE] [--only CASE]
//                   [--module FILE]
//
// Ends with 1 where anything failed. `--seed S --only CASE` runs one case of an earlier run again.

import { parseArgs } from "node:util";
import { fromRoot } from "../../harness/repository.ts";
import { fuzz, loadSubjects } from "./campaign.ts";
import { watch } from "./watchdog.ts";

const DEFAULT_SECONDS = 60;

const { values } = parseArgs({
  options: {
    seconds: { type: "string" },
    frames: { type: "string" },
    cases: { type: "string" },
    seed: { type: "string" },
    first: { type: "string" },
    only: { type: "string" },
    module: { type: "string", default: fromRoot("build/dubbo.wasm") },
  },
});

function whole(
  name: "seconds" | "frames" | "cases" | "seed" | "first" | "only",
): number | undefined {
  const text = values[name];
  if (text === undefined) return undefined;
  if (!/^\d{1,15}$/.test(text)) throw new Error(`--${name} is no whole number: ${text}`);
  return Number(text);
}

const isBounded = ["seconds", "frames", "cases", "only"].some((name) => name in values);
const seed = (whole("seed") ?? Date.now()) >>> 0;
const seconds = whole("seconds") ?? (isBounded ? undefined : DEFAULT_SECONDS);
console.log(`seed ${seed}`);
const started = Date.now();
const result = fuzz(
  {
    ...{ seed, seconds, frames: whole("frames"), cases: whole("cases") },
    ...{ first: whole("first"), only: whole("only"), log: console.log, begins: watch(seed) },
  },
  loadSubjects(values.module),
);
const took = (Date.now() - started) / 1000;
for (const { number, message, more, report } of result.failures) {
  console.log(
    `\nFAILED: npm run fuzz -- --seed ${seed} --only ${number}   (and ${more} more cases)`,
  );
  console.log(`${message.slice(0, 2000)}\nmade small:\n${report}\n`);
}
const failures = result.failures.length === 0 ? "no" : String(result.failures.length);
console.log(
  `${result.cases} cases, ${result.frames} frames, ${result.mutated} of them mutated, ` +
    `${(result.bytes / 1e6).toFixed(0)} MB in ${took.toFixed(0)} s; ` +
    `${result.rewritten} rewritten, ${result.refusedCalls} calls and ${result.refused} connections ` +
    `refused, at most ` +
    `${result.memory} bytes of memory and ${Math.round(result.work * 100)} % of the work allowed; ` +
    `${failures} failures`,
);
process.exitCode = result.failures.length === 0 ? 0 : 1;
