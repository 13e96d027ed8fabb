// docs/architecture.svg: the folders of assembly/ in the order that .dependency-cruiser.cjs holds, what each is, and which
// others its files import, as dependency-cruiser finds them.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { cruise, type ICruiseResult } from "dependency-cruiser";
import { fromRoot } from "../../harness/repository.ts";

const RULES = fromRoot(".dependency-cruiser.cjs");
/** Files at the root of assembly/ that are drawn in one row above all folders. */
const ROOT_ROW = "index";

// All in pixels.
const WIDTH = 860;
const MARGIN = 12;
const NAME_WIDTH = 96;
const ROW = 24;
const CELL = 24;
const HEAD = 84;
const RADIUS = 5;

const STYLE = `<style>
.page { fill: #ffffff } text { fill: #24292f } .name { font-weight: bold } .known { fill: #0969da }
.row { fill: #f6f8fa } .self { fill: #d0d7de }
@media (prefers-color-scheme: dark) {
.page { fill: #0d1117 } text { fill: #e6edf3 } .known { fill: #388bfd } .row { fill: #161b22 } .self { fill: #484f58 }
}
</style>`;

/** One row of the picture. */
export interface Layer {
  name: string;
  what: string;
  /** Names of the rows whose files are imported here. */
  knows: string[];
}

/** The rows from the top down, as the rules name them and the sources have them. */
export async function layers(): Promise<Layer[]> {
  const names = [ROOT_ROW, ...order().reverse()];
  const words = descriptions();
  const knows = await imports();
  return names.map((name) => ({
    name,
    what: words.get(name) ?? "",
    knows: names.filter((other) => other !== name && knows.get(name)?.has(other)),
  }));
}

/** The folders from the bottom up: the first rule names the lowest one and all above it. */
function order(): string[] {
  const { forbidden } = createRequire(import.meta.url)(RULES) as { forbidden: { name: string }[] };
  for (const { name } of forbidden) {
    const [, lowest, above] = /^(\w+) knows no \((.*)\)$/.exec(name) ?? [];
    if (lowest !== undefined) return [lowest, ...above!.split("|")];
  }
  throw new Error("no rule names the folders above the lowest one");
}

/** What the rules' file says of each folder: lines "//   names   words". */
function descriptions(): Map<string, string> {
  const lines = readFileSync(RULES, "utf8").matchAll(/^\/\/ {3}(\w+(?:, \w+)*) {2,}(.*)$/gm);
  const all = new Map<string, string>();
  for (const [, names, words] of lines) {
    for (const name of names!.split(", ")) all.set(name, words!);
  }
  return all;
}

async function imports(): Promise<Map<string, Set<string>>> {
  const { output } = await cruise(["assembly"], {
    exclude: { path: "__tests__|node_modules" },
    tsPreCompilationDeps: true,
  });
  const knows = new Map<string, Set<string>>();
  for (const { source, dependencies } of (output as ICruiseResult).modules) {
    const row = rowOf(source);
    if (row === undefined) continue;
    const known = knows.get(row) ?? new Set();
    knows.set(row, known);
    for (const { resolved } of dependencies) known.add(rowOf(resolved) ?? "");
  }
  return knows;
}

/** Which row a file belongs to; none for the module of the tests. */
function rowOf(file: string): string | undefined {
  if (file === "assembly/probe.ts") return undefined;
  if (!file.startsWith("assembly/")) return undefined;
  return /^assembly\/(\w+)\//.exec(file)?.[1] ?? ROOT_ROW;
}

/** The whole picture: each row's dots stand under the rows that it knows. */
export function draw(rows: readonly Layer[]): string {
  const height = HEAD + rows.length * ROW + MARGIN;
  const left = WIDTH - MARGIN - rows.length * CELL;
  const parts: string[] = [];
  const column = (place: number): number => left + place * CELL + CELL / 2;
  for (const [place, { name }] of rows.entries()) {
    const x = column(place) + 4;
    parts.push(`<text transform="translate(${x} ${HEAD - 6}) rotate(-60)">${name}</text>`);
  }
  for (const [place, { name, what, knows }] of rows.entries()) {
    const y = HEAD + place * ROW;
    const middle = y + ROW / 2;
    if (place % 2 === 0) {
      parts.push(
        `<rect class="row" x="${MARGIN}" y="${y}" width="${WIDTH - 2 * MARGIN}" height="${ROW}"/>`,
      );
    }
    parts.push(
      `<text class="name" x="${MARGIN + 4}" y="${middle + 4}">${name}</text>`,
      `<text x="${MARGIN + NAME_WIDTH}" y="${middle + 4}">${what}</text>`,
      `<rect class="self" x="${column(place) - RADIUS}" y="${middle - RADIUS}" width="${2 * RADIUS}" height="${2 * RADIUS}"/>`,
    );
    for (const other of knows) {
      const x = column(rows.findIndex((row) => row.name === other));
      parts.push(`<circle class="known" cx="${x}" cy="${middle}" r="${RADIUS}"/>`);
    }
  }
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="12">`,
    STYLE,
    `<rect class="page" width="${WIDTH}" height="${height}"/>`,
    ...parts,
    "</svg>",
    "",
  ].join("\n");
}
