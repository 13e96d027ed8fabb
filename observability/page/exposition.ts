// Prometheus' text format into samples: `name{label="value",…} number`, one a line.
//
// https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
// Comments, timestamps and lines that are none of this are passed over: of what another program wrote,
// the page shows what it can read.

/** One line: a series' name and labels, and its number. */
export interface Sample {
  name: string;
  labels: Record<string, string>;
  value: number;
}

const NAME = /[a-zA-Z_:][a-zA-Z0-9_:]*/y;
const LABEL = /\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*=\s*"((?:[^"\\]|\\.)*)"\s*,?/y;
const ESCAPES: Record<string, string> = { "\\\\": "\\", '\\"': '"', "\\n": "\n" };

/** The samples of a text, in its order. */
export function readExposition(text: string): Sample[] {
  const samples: Sample[] = [];
  for (const line of text.split("\n")) {
    const sample = readLine(line.trim());
    if (sample !== undefined) samples.push(sample);
  }
  return samples;
}

function readLine(line: string): Sample | undefined {
  NAME.lastIndex = 0;
  const name = NAME.exec(line)?.[0];
  if (name === undefined) return undefined;
  // A name of the wire may be "__proto__": not a key of what has a prototype.
  const labels: Record<string, string> = Object.create(null);
  let at = NAME.lastIndex;
  if (line[at] === "{") {
    LABEL.lastIndex = at + 1;
    at++;
    for (let found = LABEL.exec(line); found !== null; found = LABEL.exec(line)) {
      labels[found[1]!] = found[2]!.replace(/\\[\\"n]/g, (escape) => ESCAPES[escape]!);
      at = LABEL.lastIndex;
    }
    const end = line.indexOf("}", at);
    if (end < 0 || line.slice(at, end).trim() !== "") return undefined;
    at = end + 1;
  }
  const [word] = line.slice(at).trim().split(/\s+/, 1);
  const value = readNumber(word!);
  return value === undefined ? undefined : { name, labels, value };
}

function readNumber(word: string): number | undefined {
  if (/^[+-]?Inf$/i.test(word)) return word.startsWith("-") ? -Infinity : Infinity;
  const value = Number(word);
  return word === "" || Number.isNaN(value) ? undefined : value;
}
