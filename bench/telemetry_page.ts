// Writes the table of docs/telemetry.md out of what `npm run bench` measured last:
//
//   npm run bench -- --variants tcp_proxy,ours,spans,errors --shapes pipelined,serial,large,mixed
//   node --import tsx bench/telemetry_page.ts

import { readFileSync, writeFileSync } from "node:fs";
import { format, resolveConfig } from "prettier";
import { fromRoot } from "../harness/repository.ts";
import { runMain } from "./entry.ts";
import { spreadOf } from "./statistics.ts";
import type { Row } from "./summary.ts";
import { shown } from "./table.ts";

const PAGE = fromRoot("docs/telemetry.md");
const SHAPES = ["pipelined", "serial", "large", "mixed"];
/** How busy the machine was. */
const WAITED = /^In that run Envoy waited [0-9.]+ times/m;
/** The table's head, and all up to the empty line after it. */
const TABLE = /^\| load .*\n(\|.*\n)+/m;

async function main(): Promise<number> {
  const { rows } = JSON.parse(readFileSync(fromRoot("build/bench/results.json"), "utf8"));
  const rowOf = (shape: string, variant: string): Row => {
    const found = rows.find((row: Row) => row.shape === shape && row.variant === variant);
    if (found === undefined) throw new Error(`${variant} was not measured under ${shape}`);
    return found;
  };
  const lines = SHAPES.map((shape) => {
    const cpu = ["tcp_proxy", "ours", "spans"].map((name) =>
      rowOf(shape, name).cpu?.median.toFixed(2),
    );
    const times = ["spans", "errors"].map((name) => shown(rowOf(shape, name).ofCounting, 3));
    return [shape, ...cpu, ...times];
  });
  const head = ["load", "`tcp_proxy` alone", "counting", "spans of 1 %"];
  const all = [
    [...head, "spans, × counting", "log of errors, × counting"],
    Array(6).fill("-"),
    ...lines,
  ];
  const waited = spreadOf(rows.flatMap(({ waited: one }: Row) => one?.median ?? [])).median;
  const before = readFileSync(PAGE, "utf8");
  if (!TABLE.test(before) || !WAITED.test(before)) {
    throw new Error(
      "docs/telemetry.md has no table of loads, or does not say how long Envoy waited",
    );
  }
  const written = before
    .replace(TABLE, all.map((cells) => `| ${cells.join(" | ")} |\n`).join(""))
    .replace(WAITED, `In that run Envoy waited ${waited.toFixed(1)} times`);
  const style = await resolveConfig(PAGE);
  writeFileSync(PAGE, await format(written, { ...style, filepath: PAGE }));
  return 0;
}

await runMain(main);
