// Prometheus' text format, read strictly: what a scraper could not make sense of is an error here.
//
//   # TYPE dubbo_requests_total counter
//   dubbo_requests_total{dubbo_side="consumer"} 3
//
// A histogram is one series here, whose value is its count; its buckets are checked and then dropped.
// https://prometheus.io/docs/instrumenting/exposition_formats/

/** What is wrong, with the line where it is. */
export class ExpositionError extends Error {
  override readonly name = "ExpositionError";
}

/** A histogram's count and sum. */
export interface Histogram {
  count: number;
  sum: number;
}

/** All series of one scrape, each under its canonical key; see `seriesKey`. */
export interface Exposition {
  /** A counter's or gauge's value, a histogram's count. */
  values: Map<string, number>;
  histograms: Map<string, Histogram>;
}

interface Sample {
  name: string;
  labels: Map<string, string>;
  value: number;
}

interface Buckets {
  bounds: number[];
  counts: number[];
  sum?: number;
  count?: number;
}

const TYPE_LINE = /^# TYPE ([a-zA-Z_:][a-zA-Z0-9_:]*) (counter|gauge|histogram)$/;
const SAMPLE_LINE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/;
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\["\\n])*)"(,|$)/y;
const NUMBER = /^-?\d+(\.\d+)?(e[+-]?\d+)?$/;
// No bytes of a text that others sent: they are one line each, or the format is broken.
const CONTROL = /[\u0000-\u0009\u000b-\u001f\u007f\ufffd]/;

/** Name and labels in one form, labels in alphabetical order: the key of a series. */
export function seriesKey(
  name: string,
  labels: ReadonlyMap<string, string> | Record<string, string>,
): string {
  const pairs = labels instanceof Map ? [...labels] : Object.entries(labels);
  if (pairs.length === 0) return name;
  const shown = pairs
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([label, value]) => `${label}=${JSON.stringify(value)}`);
  return `${name}{${shown.join(",")}}`;
}

/**
 * Reads a scrape. Throws ExpositionError at a malformed line, a series or a family that comes twice,
 * a sample outside its family, a counter below zero, and a histogram whose buckets do not grow, do not
 * end with +Inf, or disagree with its count.
 */
export function parseExposition(text: string): Exposition {
  const values = new Map<string, number>();
  const histograms = new Map<string, Histogram>();
  const families = new Set<string>();
  let family = "";
  let type = "";
  let open = new Map<string, Buckets>();
  let number = 0;
  const fail = (why: string): never => {
    throw new ExpositionError(`line ${number}: ${why}`);
  };
  const set = (key: string, value: number): void => {
    if (values.has(key)) fail(`the series ${key} comes twice`);
    values.set(key, value);
  };
  const endFamily = (): void => {
    for (const [key, buckets] of open) {
      const histogram = closeHistogram(buckets);
      if (typeof histogram === "string") fail(`the histogram ${key} ${histogram}`);
      else histograms.set(key, histogram);
      set(key, buckets.count ?? 0);
    }
    open = new Map();
  };

  if (!text.endsWith("\n")) fail("the text does not end with a line's end");
  for (const line of text.split("\n")) {
    number++;
    if (CONTROL.test(line)) fail(`a control character in ${JSON.stringify(line)}`);
    if (line === "" || line.startsWith("# HELP ")) continue;
    const head = TYPE_LINE.exec(line);
    if (head !== null) {
      endFamily();
      [, family, type] = head as unknown as [string, string, string];
      if (families.has(family)) fail(`the family ${family} comes twice`);
      families.add(family);
      continue;
    }
    const sample = parseSample(line) ?? fail(`not a sample: ${line}`);
    if (type === "histogram") addToHistogram(open, family, sample, fail);
    else if (sample.name !== family) fail(`${sample.name} in the family ${family}`);
    else if (type === "counter" && sample.value < 0) fail(`a counter below zero: ${line}`);
    else set(seriesKey(sample.name, sample.labels), sample.value);
  }
  endFamily();
  return { values, histograms };
}

function parseSample(line: string): Sample | undefined {
  const match = SAMPLE_LINE.exec(line);
  if (match === null || !NUMBER.test(match[3]!)) return undefined;
  const labels = new Map<string, string>();
  const text = match[2] ?? "";
  LABEL.lastIndex = 0;
  while (LABEL.lastIndex < text.length) {
    const label = LABEL.exec(text);
    if (label === null || labels.has(label[1]!)) return undefined;
    // A comma has to have something behind it.
    if (label[3] === "," && LABEL.lastIndex === text.length) return undefined;
    labels.set(label[1]!, JSON.parse(`"${label[2]}"`));
  }
  return { name: match[1]!, labels, value: Number(match[3]) };
}

function addToHistogram(
  open: Map<string, Buckets>,
  family: string,
  sample: Sample,
  fail: (why: string) => never,
): void {
  const { name, labels, value } = sample;
  const part = name.startsWith(`${family}_`) ? name.slice(family.length + 1) : "";
  const bound = labels.get("le");
  labels.delete("le");
  const key = seriesKey(family, labels);
  const buckets = open.get(key) ?? { bounds: [], counts: [] };
  open.set(key, buckets);
  if (part === "bucket" && bound !== undefined) {
    buckets.bounds.push(bound === "+Inf" ? Infinity : Number(bound));
    buckets.counts.push(value);
  } else if ((part === "sum" || part === "count") && buckets[part] === undefined) {
    buckets[part] = value;
  } else {
    fail(`${name} in the histogram ${family}`);
  }
}

function closeHistogram({ bounds, counts, sum, count }: Buckets): Histogram | string {
  if (sum === undefined || count === undefined) return "has no sum or no count";
  if (!(sum >= 0)) return `has the sum ${sum}`;
  if (bounds.at(-1) !== Infinity) return "does not end with +Inf";
  if (counts.at(-1) !== count) return `counts ${count}, but its last bucket ${counts.at(-1)}`;
  for (let i = 1; i < bounds.length; i++) {
    if (!(bounds[i]! > bounds[i - 1]!)) return `has ${bounds[i]} after the bound ${bounds[i - 1]}`;
    if (counts[i]! < counts[i - 1]!) return `has a bucket of ${counts[i]} after ${counts[i - 1]}`;
  }
  return { count, sum };
}
