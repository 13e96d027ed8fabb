// The module's tables of metrics, labels and names, read off its sources: what the manual, Envoy's tags
// and the emulator are checked against.

import { readFileSync } from "node:fs";
import { fromRoot } from "../../harness/repository.ts";

/** One metric, with what its labels are called. */
export interface Definition {
  /** Without its unit, if it is a histogram. */
  name: string;
  type: "counter" | "gauge" | "histogram";
  labels: string[];
}

const definitions = source("metrics/definitions.ts");
const LABELS = new Map(
  rows(definitions, "LABELS").map(([label, word]) => [label!, `dubbo_${word}`]),
);

/** All metrics in the order in which the module has them. */
export const METRICS: readonly Definition[] = rows(definitions, "METRICS").map((row) => {
  const [name, type, ...labels] = row as [string, Definition["type"], ...string[]];
  const known = labels.filter((label) => label !== "-");
  return { name: `dubbo_${name}`, type, labels: known.map((label) => LABELS.get(label)!) };
});

/** What a call's names are called in the configuration. */
export const NAMES: readonly string[] = words(source("call/names.ts"), "NAME_WORDS");

/** The labels of series: a call's names, a rule's name, side and protocol. */
export const SERIES_LABELS: readonly string[] = [
  ...NAMES,
  ...words(source("metrics/recorder.ts"), "SERIES_WORDS"),
].map((word) => `dubbo_${word}`);

/** Every label that a metric of the module can have, once. */
export const ALL_LABELS: readonly string[] = [...new Set([...SERIES_LABELS, ...LABELS.values()])];

function source(file: string): string {
  return readFileSync(fromRoot("assembly", file), "utf8");
}

/** The lines of the table `name`, cut into words. Throws where there is none. */
function rows(text: string, name: string): string[][] {
  const table = new RegExp(`const ${name} = \`\\n([^\`]*)\`;`).exec(text);
  if (table === null) throw new Error(`no table ${name}`);
  return table[1]!
    .trimEnd()
    .split("\n")
    .map((line) => line.trim().split(/ +/));
}

function words(text: string, name: string): string[] {
  const list = new RegExp(`const ${name} =\\s*"([^"]*)";`).exec(text);
  if (list === null) throw new Error(`no list ${name}`);
  return list[1]!.split(" ");
}
