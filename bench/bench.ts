// `npm run bench`: what a call costs Envoy in CPU time, our chains and others side by side.
//
//   npm run bench -- --shapes pipelined,serial --variants tcp_proxy,ours --rounds 9
//   npm run bench -- --variants ours --compare /tmp/other.wasm      two builds of ours
//   npm run bench -- --save                                         and write chart and pages (pages.ts)
//
// Results go to build/bench/results.json. The exit code is 1 where a run was void: where Envoy's
// counters, the provider's and the generator's do not agree on how many calls there were.

import { writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { parseArgs } from "node:util";
import { findEnvoy, versionOf } from "../harness/envoy_binary.ts";
import { fromRoot } from "../harness/repository.ts";
import { chart } from "./chart.ts";
import { runMain } from "./entry.ts";
import { modulesFor, saveResults } from "./modules.ts";
import type { Missing } from "./others.ts";
import { saveFigures } from "./pages.ts";
import { isVoid, run, type Results, type RunOptions } from "./run.ts";
import { SHAPES, type Shape } from "./shapes.ts";
import { spreadOf } from "./statistics.ts";
import { summarize, type Row } from "./summary.ts";
import { shown, table } from "./table.ts";
import { BASE, variants, type Variant } from "./variants.ts";

/** The most that may be asked for: a run ends. */
const MOST = { rounds: 100, turns: 100, seconds: 60 } as const;

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      shapes: { type: "string" },
      variants: { type: "string" },
      rounds: { type: "string", default: "5" },
      turns: { type: "string", default: "4" },
      seconds: { type: "string", default: "0.5" },
      module: { type: "string" },
      compare: { type: "string" },
      save: { type: "boolean", default: false },
      quiet: { type: "boolean", default: false },
    },
  });
  const missing: Missing = {};
  const modules = await modulesFor(values.module, values.compare, missing);
  const { own, all } = chains(variants(modules), values, missing);
  const options: RunOptions = {
    variants: all,
    shapes: chosen(SHAPES, values.shapes),
    rounds: Math.ceil(number(values, "rounds")),
    turns: Math.ceil(number(values, "turns")),
    ms: number(values, "seconds") * 1000,
    log: (line) => void (values.quiet || console.error(line)),
  };
  const title = await titleOf(options);
  const results = await run(options);
  const rows = summarize(results.measurements);

  console.log(title);
  const compared = values.compare !== undefined;
  for (const shape of options.shapes) console.log(`\n${section(shape, rows, all, compared)}`);
  console.log(`\n${startTimes(results)}`);
  for (const [name, why] of Object.entries(missing)) console.log(`${name} is left out: ${why}`);
  saveResults("results.json", { title, rows, ...results });
  if (values.save) {
    const saved = saveFigures({
      title,
      envoy: await envoyVersion(),
      rounds: options.rounds,
      turns: options.turns,
      waited: spreadOf(rows.flatMap(({ waited }) => waited?.median ?? [])).median,
      starts: startCpu(results),
      rows,
    });
    writeFileSync(fromRoot("bench/chart.svg"), chart(title, options.shapes, own, saved.rows));
  }
  return isVoid(results.measurements) ? 1 : 0;
}

function number(values: Record<keyof typeof MOST, string>, name: keyof typeof MOST): number {
  const value = Number(values[name]);
  if (value > 0 && value <= MOST[name]) return value;
  throw new Error(`--${name} is ${values[name]}, expected more than 0, ${MOST[name]} at most`);
}

/**
 * Those of the names in `list`, all where there is no list. Throws at a name that is neither there nor
 * `missing`.
 */
function chosen<T extends { name: string }>(
  all: readonly T[],
  list: string | undefined,
  missing: Missing = {},
): T[] {
  const names =
    list?.split(",").filter((name) => !(name in missing)) ?? all.map(({ name }) => name);
  const unknown = names.find((name) => !all.some((one) => one.name === name));
  if (unknown === undefined) return all.filter(({ name }) => names.includes(name));
  throw new Error(`no ${unknown}, only ${all.map(({ name }) => name).join(", ")}`);
}

/** The chains that were asked for, and with them those of the build that is compared with. */
function chains(
  found: Variant[],
  values: { variants?: string | undefined },
  missing: Missing,
): { own: Variant[]; all: Variant[] } {
  const ofBase = found.filter(({ name }) => name.startsWith(BASE));
  const rest = found.filter(({ name }) => !name.startsWith(BASE));
  const own = chosen(rest, values.variants, missing).filter(
    ({ isExtra }) => values.variants !== undefined || isExtra !== true,
  );
  const twins = ofBase.filter(({ name }) => own.some((one) => BASE + one.name === name));
  return { own, all: [...own, ...twins] };
}

async function titleOf({ rounds, turns, ms }: RunOptions): Promise<string> {
  const envoy = await envoyVersion();
  const machine = `${cpus().length} × ${cpus()[0]?.model.trim()}`;
  const load = `${rounds} rounds of ${turns} × ${ms / 1000} s`;
  return `Envoy ${envoy}, one worker; ${load}; ${machine}, Node ${process.version}`;
}

async function envoyVersion(): Promise<string> {
  return (await versionOf(await findEnvoy())) ?? "unknown";
}

function section(
  shape: Shape,
  rows: readonly Row[],
  variants: readonly Variant[],
  compared: boolean,
): string {
  const found = rows.filter((row) => row.shape === shape.name);
  const telling = variants.some(({ tells }) => tells === true);
  const lines = found.map((row) => [
    variants.find((one) => one.name === row.variant)?.title ?? "generator alone",
    shown(row.cpu, 2),
    shown(row.overTcpProxy, 2),
    shown(row.ofDubboProxy, 3),
    ...(telling ? [shown(row.ofCounting, 3)] : []),
    ...(compared ? [shown(row.ofBase, 3)] : []),
    Math.round(row.callsPerSecond.median).toString(),
    row.p50.median.toFixed(0),
    row.p99.median.toFixed(0),
    row.waited === undefined ? "" : `${(row.waited.median * 100).toFixed(0)} %`,
    row.voidTurns > 0 ? `${row.voidTurns} void` : "",
  ]);
  const cpu = ["CPU µs per call", "over tcp_proxy", "× dubbo_proxy"];
  const rest = ["calls/s", "p50 µs", "p99 µs", "waited", ""];
  const against = [...(telling ? ["× counting"] : []), ...(compared ? ["× base"] : [])];
  const head = ["", ...cpu, ...against, ...rest];
  return `${shape.name}: ${shape.title}\n${table([head, ...lines])}`;
}

/** The median CPU time of starting Envoy, by chain. */
function startCpu({ starts }: Results): Record<string, number> {
  const medians = Object.entries(starts).map(([name, all]) => {
    return [name, spreadOf(all.map(({ cpuMs }) => cpuMs)).median];
  });
  return Object.fromEntries(medians);
}

function startTimes({ starts }: Results): string {
  const lines = Object.entries(starts).map(([name, all]) => {
    const wall = all.flatMap(({ wallMs }) => (wallMs === undefined ? [] : [wallMs]));
    const cpu = spreadOf(all.map(({ cpuMs }) => cpuMs));
    return [name, shown(cpu, 0), wall.length === 0 ? "" : shown(spreadOf(wall), 0)];
  });
  return table([["start of Envoy until it takes connections", "CPU ms", "ms"], ...lines]);
}

await runMain(main);
