// A case document (Markdown) to its cases. The format is told in test/cases/README.md.

import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { parse as parseYaml } from "yaml";
import { type Expected, NOTHING_SHARED, parseMetrics, type Shared } from "./case_metrics.ts";
import { type Block, parseOut, parseStream, type Side, type Step } from "./case_stream.ts";
import { CaseError } from "./case_tokens.ts";
import { propertyPath, type PropertyValues } from "../../emulator/properties.ts";

export interface Case {
  name: string;
  file: string;
  /** Line of the case's heading. */
  line: number;
  /** The plugin's configuration as JSON text; empty where the case has none. */
  config: string;
  properties: PropertyValues;
  steps: Step[];
  metrics: ReadonlyMap<string, Expected>;
  shared: Shared;
  /** Bytes that must leave towards a side, where they are not those that came. */
  out: Partial<Record<Side, Uint8Array>>;
}

export interface CaseDocument {
  title: string;
  file: string;
  cases: Case[];
}

/** What a fenced block may be called; others are prose. */
const BLOCKS = ["yaml config", "yaml properties", "stream", "metrics", "metrics shared", "out"];

/** The filter's plugin is on a consumer's outbound listener unless a case says otherwise. */
const OUTBOUND: PropertyValues = { [propertyPath("xds", "listener_direction")]: 2 };

interface Section {
  heading: string;
  line: number;
  blocks: Map<string, Block>;
}

function readSections(file: string, text: string): Section[] {
  const sections: Section[] = [];
  let block: Block | undefined;
  let fence = "";
  text.split("\n").forEach((line, i) => {
    const section = sections.at(-1);
    const opening = /^(```+)(.*)$/.exec(line);
    if (block !== undefined || fence !== "") {
      if (line.trim() === fence) [block, fence] = [undefined, ""];
      else block?.lines.push(line);
    } else if (opening !== null) {
      fence = opening[1]!;
      const name = opening[2]!.trim();
      if (!BLOCKS.includes(name)) return;
      if (section === undefined) throw new CaseError(file, i + 1, `${name} before the title`);
      if (section.blocks.has(name)) throw new CaseError(file, i + 1, `a second ${name} block`);
      block = { lines: [], line: i + 2 };
      section.blocks.set(name, block);
    } else if (/^##? /.test(line)) {
      const heading = line.replace(/^#+\s+/, "").trim();
      sections.push({ heading, line: i + 1, blocks: new Map() });
    }
  });
  if (fence !== "") throw new CaseError(file, text.split("\n").length, "a block that does not end");
  return sections;
}

function yamlOf(file: string, block: Block | undefined): unknown {
  if (block === undefined) return undefined;
  try {
    return parseYaml(block.lines.join("\n"));
  } catch (error) {
    throw new CaseError(file, block.line, (error as Error).message);
  }
}

function propertiesOf(file: string, block: Block | undefined): PropertyValues {
  const stated = (yamlOf(file, block) ?? {}) as PropertyValues;
  const entries = Object.entries(stated).map(([path, value]) => [
    propertyPath(...path.split(".")),
    value,
  ]);
  return { ...OUTBOUND, ...Object.fromEntries(entries) };
}

function readCase(file: string, section: Section, outer: Shared): Case {
  const { blocks, heading, line } = section;
  const stream = blocks.get("stream");
  const metrics = blocks.get("metrics");
  if (stream === undefined || metrics === undefined) {
    throw new CaseError(file, line, `"${heading}" needs a stream and a metrics block`);
  }
  const config = yamlOf(file, blocks.get("yaml config"));
  const out = blocks.get("out");
  const { shared, series } = parseMetrics(file, metrics, outer);
  return {
    name: heading,
    file,
    line,
    config: config === undefined ? "" : JSON.stringify(config),
    properties: propertiesOf(file, blocks.get("yaml properties")),
    steps: parseStream(file, stream),
    metrics: series,
    shared,
    out: out === undefined ? {} : parseOut(file, out),
  };
}

/** Reads a document's text; `file` is what errors call it. */
export function parseDocument(file: string, text: string): CaseDocument {
  const [title, ...sections] = readSections(file, text);
  if (title === undefined || !text.startsWith("# ")) throw new CaseError(file, 1, "no title");
  let outer = NOTHING_SHARED;
  for (const [name, block] of title.blocks) {
    if (name !== "metrics shared") throw new CaseError(file, block.line, `${name} before a case`);
    const { shared, series } = parseMetrics(file, block, outer);
    if (series.size > 0) throw new CaseError(file, block.line, "a shared block states no series");
    outer = shared;
  }
  const cases = sections
    .filter((section) => section.blocks.size > 0)
    .map((section) => readCase(file, section, outer));
  if (cases.length === 0) throw new CaseError(file, 1, "no case");
  const names = cases.map((each) => each.name);
  const twice = cases.find((each, i) => names.indexOf(each.name) !== i);
  if (twice !== undefined) throw new CaseError(file, twice.line, `a second "${twice.name}"`);
  return { title: title.heading, file, cases };
}

/** Reads a document from disk. */
export function readDocument(path: string): CaseDocument {
  return parseDocument(basename(path), readFileSync(path, "utf8"));
}
