// What was seen, as the list of docs/faults.md, and what is written there:
//
//     - **fault**
//       - `chain`, `chain` (or all chains): what the caller sees · after what time · what the metrics say · Envoy lives
//
// How long it took differs from run to run; all else is what the tests hold the document to.

import { readFileSync, writeFileSync } from "node:fs";
import * as prettier from "prettier";
import { fromRoot } from "../../harness/repository.ts";
import { CHAINS, type Chain } from "./chains.ts";

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

/** The document with the list. */
export const DOCUMENT = fromRoot("docs/faults.md");

const AFTER = 3;
const FAULT = /^- \*\*(.+)\*\*$/;
const SIGHT = /^  - (.+?): (.+) · (.+) · (.+) · Envoy (.+)$/;

/** The list. Chains in which the same was seen share a line, whose time is that of the first. */
export function listed(rows: readonly Row[]): string {
  let last = "";
  return merged(rows)
    .flatMap(([fault, chains, sees, after, metrics, envoy]) => {
      const line = `  - ${chains}: ${sees} · ${after} · ${metrics} · Envoy ${envoy}`;
      if (fault === last) return [line];
      last = fault!;
      return [`- **${fault}**`, line];
    })
    .join("\n");
}

/** What the document says of each fault and chain, without how long it took. */
export function documented(): string[][] {
  let fault = "";
  return readFileSync(DOCUMENT, "utf8")
    .split("\n")
    .flatMap((line) => {
      fault = FAULT.exec(line)?.[1] ?? fault;
      const sight = SIGHT.exec(line)?.slice(1);
      return sight === undefined ? [] : [withoutTime([fault, ...sight])];
    });
}

/** What the document would have to say. */
export function expectedInDocument(rows: readonly Row[]): string[][] {
  return merged(rows).map(withoutTime);
}

/** Puts the list into the document, in the place of the old one. */
export async function updateDocument(rows: readonly Row[]): Promise<void> {
  const text = readFileSync(DOCUMENT, "utf8");
  const old = /(?:^- \*\*.*\*\*\n(?:  - .*\n)+)+/m;
  const options = await prettier.resolveConfig(DOCUMENT);
  const changed = text.replace(old, () => `${listed(rows)}\n`);
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
    chains.length === CHAINS.length
      ? "all chains"
      : chains.map((chain) => `\`${chain}\``).join(", "),
    row.sees,
    magnitude(row.took),
    row.metrics,
    row.envoy,
  ]);
}

function withoutTime(cells: string[]): string[] {
  return cells.filter((_, column) => column !== AFTER);
}

/** A time as its order of magnitude: the machines and their load differ. */
function magnitude(ms: number): string {
  if (ms < 200) return "at once";
  return ms < 1000 ? `${Math.round(ms / 100) / 10} s` : `${Math.round(ms / 1000)} s`;
}
