// `npm run bench:names`: whether a call gets dearer with the number of names, or of rules.
//
//   1 to 10,000 interfaces × methods, all with series of their own, and the same where only 100 sets of
//   names may have any; then 1 and 100 rules. Results go to build/bench/names.json.

import { parseArgs } from "node:util";
import { runMain } from "./entry.ts";
import { modulesFor, saveResults } from "./modules.ts";
import { isVoid, run } from "./run.ts";
import { SHAPES, type Shape } from "./shapes.ts";
import { summarize, type Row } from "./summary.ts";
import { shown, table } from "./table.ts";
import { ourVariant, rules, variants } from "./variants.ts";

const MOST_ROUNDS = 100;
/** Interfaces and methods of each. */
const NAMES = [
  [1, 1],
  [10, 10],
  [100, 10],
  [1000, 10],
] as const;
/** `max_series`: more than there are names, and so few that most have no series of their own. */
const SERIES = [20_000, 100];
const RULES = [1, 100];
const TURNS = 4;
/** Two of the filter's flushes: what they cost belongs to the calls. */
const MS = 1000;
const HEAD = ["", "CPU µs per call", "over tcp_proxy", "× the first"];

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: { rounds: { type: "string", default: "5" }, module: { type: "string" } },
  });
  const rounds = Number(values.rounds);
  if (!(rounds > 0 && rounds <= MOST_ROUNDS)) {
    throw new Error(`--rounds is ${values.rounds}, expected 1 to ${MOST_ROUNDS}`);
  }
  const modules = await modulesFor(values.module);
  const tcpProxy = variants(modules)[0]!;
  const pipelined = SHAPES[0]!;
  const options = { rounds, turns: TURNS, ms: MS, log: (line: string) => console.error(line) };

  const byNames = NAMES.map(([interfaces, methods]): Shape => {
    return { ...pipelined, name: `${interfaces * methods} names`, interfaces, methods };
  });
  const bySeries = SERIES.map((max_series) => {
    const config = { metrics: { max_series } };
    return ourVariant(`max_series ${max_series}`, modules.ours, config, "tcp_proxy");
  });
  const byRules = RULES.map((count) => {
    return ourVariant(`${count} rules`, modules.ours, { routing: rules(count) }, "tcp_proxy");
  });
  const named = await run({ ...options, variants: [tcpProxy, ...bySeries], shapes: byNames });
  const ruled = await run({ ...options, variants: [tcpProxy, ...byRules], shapes: [pipelined] });

  const measurements = [...named.measurements, ...ruled.measurements];
  const rows = summarize(measurements);
  console.log(`${pipelined.title}; ${rounds} rounds of ${TURNS} × ${MS / 1000} s`);
  for (const { name } of [tcpProxy, ...bySeries]) {
    const found = byNames.map((shape) => rowOf(rows, name, shape.name));
    const lines = found.map((row) => line(row.shape, row, found[0]!));
    console.log(`\n${name}\n${table([HEAD, ...lines])}`);
  }
  const found = byRules.map(({ name }) => rowOf(rows, name, pipelined.name));
  const lines = found.map((row) => line(row.variant, row, found[0]!));
  console.log(`\n${table([HEAD, ...lines])}`);
  saveResults("names.json", { rows, measurements });
  return isVoid(measurements) ? 1 : 0;
}

function line(name: string, row: Row, first: Row): string[] {
  const ratio = row.cpu!.median / first.cpu!.median;
  return [name, shown(row.cpu, 2), shown(row.overTcpProxy, 2), ratio.toFixed(2)];
}

function rowOf(rows: readonly Row[], variant: string, shape: string): Row {
  const row = rows.find((one) => one.variant === variant && one.shape === shape);
  if (row === undefined) throw new Error(`no result that counts for ${variant}, ${shape}`);
  return row;
}

await runMain(main);
