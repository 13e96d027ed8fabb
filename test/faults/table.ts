// What was seen, as the table of docs/faults.md, and that table's rows as they are written there.
//
//     | fault | chain | the caller sees | after | the metrics say | Envoy |
//
// How long it took differs from run to run; all else is what the tests hold the document to.

import { readFileSync, writeFileSync } from "node:fs";
import * as prettier from "prettier";
import { fromRoot } from "../../harness/repository.ts";
import type { Chain } from "./chains.ts";

/** One fault in one chain. */
export interface Row {
  fault: string;
  chain: Chain;
  sees: string;
  /** In ms. */
  took: number;
  metrics: string;
  envoy: string;
}

/** The document with the table. */
export const DOCUMENT = fromRoot("docs/faults.md");

const HEAD = "| fault | chain | the caller sees | after | the metrics say | Envoy |";
const RULE = "| --- | --- | --- | --- | --- | --- |";
const AFTER_COLUMN = 3;

/** The table. Chains in which the same was seen share a row, whose time is that of the first. */
export function table(rows: readonly Row[]): string {
  return [HEAD, RULE, ...merged(rows).map((cells) => `| ${cells.join(" | ")} |`)].join("\n");
}

/** The rows of the document, without how long it took. */
export function documented(): string[][] {
  const lines = readFileSync(DOCUMENT, "utf8").split("\n");
  const start = lines.findIndex((line) => cellsOf(line).join() === cellsOf(HEAD).join());
  const rows: string[][] = [];
  for (const line of lines.slice(start + 2)) {
    if (!line.startsWith("|")) break;
    rows.push(withoutTime(cellsOf(line)));
  }
  return start < 0 ? [] : rows;
}

/** What the rows of the document would have to be. */
export function expectedInDocument(rows: readonly Row[]): string[][] {
  return merged(rows).map(withoutTime);
}

/** Puts the table into the document, in the place of the old one. */
export async function updateDocument(rows: readonly Row[]): Promise<void> {
  const text = readFileSync(DOCUMENT, "utf8");
  const old = /\| fault +\|[^\n]*\n(\|[^\n]*\n)+/;
  const options = await prettier.resolveConfig(DOCUMENT);
  const changed = text.replace(old, () => `${table(rows)}\n`);
  writeFileSync(DOCUMENT, await prettier.format(changed, { ...options, filepath: DOCUMENT }));
}

function merged(rows: readonly Row[]): string[][] {
  const result = new Map<string, { chains: Chain[]; row: Row }>();
  for (const row of rows) {
    const key = [row.fault, row.sees, row.metrics, row.envoy].join("|");
    const same = result.get(key) ?? { chains: [], row };
    same.chains.push(row.chain);
    result.set(key, same);
  }
  return [...result.values()].map(({ chains, row }) => [
    row.fault,
    chains.join(", "),
    row.sees,
    magnitude(row.took),
    row.metrics,
    row.envoy,
  ]);
}

function cellsOf(line: string): string[] {
  return line
    .split("|")
    .slice(1, -1)
    .map((cell) => cell.trim());
}

function withoutTime(cells: string[]): string[] {
  return cells.filter((_, column) => column !== AFTER_COLUMN);
}

/** A time as its order of magnitude: the machines and their load differ. */
function magnitude(ms: number): string {
  if (ms < 200) return "at once";
  return ms < 1000 ? `${Math.round(ms / 100) / 10} s` : `${Math.round(ms / 1000)} s`;
}
