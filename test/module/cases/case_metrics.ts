// A `metrics` block of a case document: the exact series and values that must follow. Read,
// compared with what a VM has, and written again in the document's own notation.
// The grammar is told in test/cases/README.md.

import { Arguments, integer, text, tokens } from "./case_tokens.ts";
import { type Block, eachLine } from "./case_stream.ts";
import { renderSeries } from "../../emulator/labels.ts";
import type { Histogram } from "../../emulator/metrics.ts";

/** A counter's or gauge's value, or what must be known of a histogram. */
export type Expected = number | { count: number; sum?: number };

type Labels = ReadonlyMap<string, string>;

/** Labels that a document states once: those of every series, and named sets of them. */
export interface Shared {
  defaults: Labels;
  sets: ReadonlyMap<string, Labels>;
}

export const NOTHING_SHARED: Shared = { defaults: new Map(), sets: new Map() };

const LABEL = /^([a-z_]+)=("(?:[^"\\]|\\.)*")$/;

function parseLabels(words: readonly string[], shared: Shared): Map<string, string> {
  const labels = new Map<string, string>();
  const add = (label: string, value: string): void => {
    if (labels.has(label)) throw new Error(`${label} stated twice`);
    labels.set(label, value);
  };
  for (const word of words) {
    const match = LABEL.exec(word);
    const set = shared.sets.get(word);
    if (match !== null) add(match[1]!, text(match[2]!));
    else if (set !== undefined) for (const [label, value] of set) add(label, value);
    else throw new Error(`neither a label="value" nor a set: ${word}`);
  }
  return labels;
}

/** A sum of whole numbers, which a document may write out: `97 + 16`. */
function parseSum(words: readonly string[]): number {
  let sum = 0;
  words.forEach((word, i) => {
    if (i % 2 === 0) sum += integer(word);
    else if (word !== "+") throw new Error(`not a sum: ${words.join(" ")}`);
  });
  if (words.length % 2 === 0) throw new Error(`not a sum: ${words.join(" ")}`);
  return sum;
}

function parseExpected(words: readonly string[]): Expected {
  if (!words.some((word) => word.startsWith("count="))) return parseSum(words);
  const named = new Arguments(words);
  const count = named.get("count", integer)!;
  const sum = named.get("sum", integer);
  named.finish();
  return sum === undefined ? { count } : { count, sum };
}

/** Name, what stands in braces, and the value of a line. */
const SERIES = /^([a-z][a-z0-9_]*)(?:\{((?:[^"}]|"(?:[^"\\]|\\.)*")*)\})?\s+(.+)$/;

/** Reads `metrics` or `metrics shared`; a shared block states no series. */
export function parseMetrics(
  file: string,
  block: Block,
  outer: Shared,
): { shared: Shared; series: Map<string, Expected> } {
  const sets = new Map(outer.sets);
  const shared = { defaults: outer.defaults, sets };
  const series = new Map<string, Expected>();
  eachLine(file, block, (key, rest, line) => {
    if (key === "defaults") {
      shared.defaults = parseLabels(tokens(rest), shared);
    } else if (key.startsWith("set ")) {
      const name = key.slice(4);
      if (sets.has(name)) throw new Error(`set ${name} stated twice`);
      sets.set(name, parseLabels(tokens(rest), shared));
    } else {
      const match = SERIES.exec(line);
      if (match === null) throw new Error(`neither a series with a value nor labels: ${line}`);
      const own = parseLabels(tokens(match[2] ?? ""), shared);
      const rendered = renderSeries(match[1]!, new Map([...shared.defaults, ...own]));
      if (series.has(rendered)) throw new Error(`stated twice: ${rendered}`);
      series.set(rendered, parseExpected(tokens(match[3]!)));
    }
  });
  return { shared, series };
}

function show(value: Expected | Histogram): string {
  if (typeof value === "number") return String(value);
  return `count=${value.count}${value.sum === undefined ? "" : ` sum=${value.sum}`}`;
}

function matches(expected: Expected, actual: number | Histogram): boolean {
  if (typeof expected === "number" || typeof actual === "number") return expected === actual;
  if (expected.count !== actual.count) return false;
  return expected.sum === undefined || expected.sum === actual.sum;
}

/** What differs, a line each: `-` must be there and is not, `+` is there and must not be. */
export function compareMetrics(
  expected: ReadonlyMap<string, Expected>,
  actual: ReadonlyMap<string, number | Histogram>,
): string[] {
  const lines: string[] = [];
  for (const key of [...new Set([...expected.keys(), ...actual.keys()])].sort()) {
    const must = expected.get(key);
    const is = actual.get(key);
    if (must !== undefined && is !== undefined && matches(must, is)) continue;
    if (must !== undefined) lines.push(`- ${key} ${show(must)}`);
    if (is !== undefined) lines.push(`+ ${key} ${show(is)}`);
  }
  return lines;
}

/** A series in a document's notation: defaults left out, the largest set that fits by its name. */
function abbreviate(key: string, shared: Shared): string {
  const brace = key.indexOf("{");
  if (brace < 0) return key;
  const inner = key.slice(brace + 1, -1).match(/[a-z_]+="(?:[^"\\]|\\.)*"/g) ?? [];
  let words = inner.filter((word) => {
    const [, label, value] = LABEL.exec(word)!;
    return shared.defaults.get(label!) !== text(value!);
  });
  const bySize = [...shared.sets].sort(([, a], [, b]) => b.size - a.size);
  for (const [name, labels] of bySize) {
    const own = [...labels].map(([label, value]) => `${label}=${JSON.stringify(value)}`);
    if (own.length === 0 || !own.every((word) => words.includes(word))) continue;
    words = [name, ...words.filter((word) => !own.includes(word))];
    break;
  }
  return words.length === 0 ? key.slice(0, brace) : `${key.slice(0, brace)}{${words.join(" ")}}`;
}

/** A VM's metrics as a `metrics` block would state them, to compare by eye or to paste. */
export function writeMetrics(
  actual: ReadonlyMap<string, number | Histogram>,
  shared: Shared,
): string {
  const lines = [...actual].map(([key, value]) => `${abbreviate(key, shared)} ${show(value)}`);
  return lines.sort().join("\n");
}
