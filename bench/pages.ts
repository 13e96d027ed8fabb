// The figures of the pages, out of what `npm run bench -- --save` saved in bench/figures.json: which cell of
// which table, which number of which sentence. test/docs/figures.test.ts holds the pages against it.

import { readFileSync, writeFileSync } from "node:fs";
import { fromRoot } from "../harness/repository.ts";
import type { Row } from "./summary.ts";
import type { Spread } from "./statistics.ts";
import { shown } from "./table.ts";

/** What is saved of a run. */
export interface Figures {
  /** As `npm run bench` prints it above its tables. */
  title: string;
  /** Envoy's version. */
  envoy: string;
  rounds: number;
  turns: number;
  rows: FiguresRow[];
  /** How long Envoy waited for a core, as a share of its CPU time: the median of all rows. */
  waited: number;
  /** CPU time of starting Envoy in ms, by variant: the median of all rounds. */
  starts: Record<string, number>;
}

/** What of a row is shown. */
type Column = "cpu" | "overTcpProxy" | "ofDubboProxy";
/** What of a row is saved. */
type FiguresRow = Pick<Row, "shape" | "variant" | Column>;
type Page = (text: string, figures: Figures) => string;

/** Where they are saved. */
export const FIGURES_FILE = fromRoot("bench/figures.json");
const SHAPES = ["pipelined", "serial", "large"];

/** By the first cell of a row in docs/performance.md, without its bold type and link. */
const CHAINS: Record<string, string> = {
  "`tcp_proxy`": "tcp_proxy",
  "+ a Wasm filter that does nothing": "noop",
  "+ a fetch of bytes and time": "floor",
  "+ this filter, counting": "ours",
  "+ this filter, 3 labels and 10 rules": "rules",
  "+ native code that counts": "native",
  "`dubbo_proxy`": "dubbo_proxy",
  "a fetch of bytes and time, `dubbo_proxy`": "floor_dubbo",
  "this filter, counting, `dubbo_proxy`": "ours_dubbo",
  "this filter, rewriting, `dubbo_proxy`": "rewrite_dubbo",
  "`dubbo_proxy` and the guard": "guard",
  "`npm start`: this filter, rules, `dubbo_proxy`, the guard": "npm_start",
  "`generic_proxy` with the Dubbo codec": "generic_proxy",
  "`generic_proxy` and the stats logger": "generic_logger",
};
/** The same in docs/alternatives.md. */
const ALTERNATIVES: Record<string, string> = {
  "`tcp_proxy`": "tcp_proxy",
  "this filter, on `tcp_proxy`": "ours",
  "this filter, `dubbo_proxy`, guard": "npm_start",
  "`dubbo_proxy`": "dubbo_proxy",
  "`generic_proxy`, stats logger": "generic_logger",
  "dynamic modules": "native",
};

/**
 * Saves the figures, and writes them onto the pages; answers them as they are saved. Throws where a page has no place for one or one is
 * missing, and then writes nothing.
 */
export function saveFigures(run: Figures): Figures {
  const rows = run.rows.map(({ shape, variant, cpu, overTcpProxy, ofDubboProxy }) => {
    return { shape, variant, cpu, overTcpProxy, ofDubboProxy };
  });
  const figures = rounded({ ...run, rows });
  const pages = Object.entries(PAGES).map(([file, page]) => {
    return { file: fromRoot(file), text: page(readFileSync(fromRoot(file), "utf8"), figures) };
  });
  for (const { file, text } of pages) writeFileSync(file, text);
  // A line for each row.
  const { rows: last, ...first } = figures;
  const head = JSON.stringify(first).slice(1, -1);
  const lines = last.map((row) => JSON.stringify(row)).join(",\n");
  writeFileSync(FIGURES_FILE, `{ ${head}, "rows": [\n${lines}\n] }\n`);
  return figures;
}

/** With four digits behind the point, as they are saved: pages are written from what is read again. */
function rounded(figures: Figures): Figures {
  const text = JSON.stringify(figures, (_, value: unknown) =>
    typeof value === "number" ? Number(value.toFixed(4)) : value,
  );
  return JSON.parse(text) as Figures;
}

/** Pages by path: each takes its text and answers it with the figures. Throws where one has no place. */
export const PAGES: Record<string, Page> = {
  "docs/performance.md": (text, figures) => {
    const { rounds, turns, envoy, starts, waited } = figures;
    const how = [rounds, turns, envoy, rounds * turns, rounds, waited.toFixed(1)].map(String);
    const run =
      /--save --rounds (\d+) --turns (\d+)`[^]*?Envoy ([\d.]+) had[^]*?median of (\d+) turns in (\d+) fresh[^]*?a core, ([\d.]+) times/d;
    const start = /takes (\d+) ms of CPU time with the module, and\s+(\d+) ms with one/d;
    const ms = ["ours", "noop"].map((name) => starts[name]!.toFixed(0));
    return table(put(put(text, run, how), start, ms), "chain", (name) => {
      const chain = CHAINS[name];
      return chain && SHAPES.map((shape) => median(figures, shape, chain, "cpu", 2));
    });
  },
  "docs/alternatives.md": (text, figures) =>
    table(text, "what", (name, [shows, routes]) => {
      const chain = ALTERNATIVES[name];
      const cost = (shape: string): string => median(figures, shape, chain!, "cpu", 1);
      return chain && [shows!, routes!, cost("pipelined"), cost("serial")];
    }),
  "docs/routing.md": (text, figures) => {
    const costs = ["tcp_proxy", "guard", "generic_proxy"];
    return table(text, "", (name) =>
      name !== "costs (µs)"
        ? undefined
        : costs.map((chain) => {
            const { median } = value(figures, "pipelined", chain, "cpu");
            return median.toFixed(median < 10 ? 1 : 0);
          }),
    );
  },
  "docs/guard.md": (text, figures) => {
    const pair = "([\\d.]+)\\s+→\\s+([\\d.]+)\\s+";
    const passage = `${pair}pipelined,\\s+${pair}one\\s+call\\s+at\\s+a\\s+time,\\s+${pair}with 16`;
    const costs = SHAPES.flatMap((shape) =>
      ["dubbo_proxy", "guard"].map((chain) => median(figures, shape, chain, "cpu", 1)),
    );
    return put(text, new RegExp(passage, "d"), costs);
  },
  "README.md": (text, figures) => {
    const costs = ["pipelined", "serial"].map((shape) => added(figures, shape, "ours", 1));
    return put(
      text,
      /\*: ([\d.]+) µs of Envoy's CPU time[^]*?, ([\d.]+) µs for one call at/d,
      costs,
    );
  },
  "bench/README.md": (text, figures) => {
    const against =
      /Against `dubbo_proxy`: ([\d.]+) \(goal 1\/18\), ([\d.]+) \([\d.]+\), ([\d.]+) \([\d.]+; `tcp_proxy` alone is\s+([\d.]+)/d;
    const ratios = [
      ...SHAPES.map((shape) => median(figures, shape, "ours", "ofDubboProxy", 3)),
      median(figures, "large", "tcp_proxy", "ofDubboProxy", 3),
    ];
    // Two tables with the same first cell: what is added to tcp_proxy has a goal, the other has more shapes.
    return table(put(text, against, ratios), "load", (shape, cells) => {
      const isAdded = !Number.isNaN(Number(cells.at(-1)));
      const [column, digits]: [Column, number] = isAdded
        ? ["overTcpProxy", 2]
        : ["ofDubboProxy", 3];
      const chains = isAdded
        ? ["noop", "floor", "ours"]
        : ["floor_dubbo", "ours_dubbo", "rewrite_dubbo"];
      const spreads = chains.map((chain) => shown(value(figures, shape, chain, column), digits));
      return isAdded ? [...spreads, cells.at(-1)!] : spreads;
    });
  },
};

function value(figures: Figures, shape: string, variant: string, column: Column): Spread {
  const row = figures.rows.find((one) => one.shape === shape && one.variant === variant);
  const spread = row?.[column];
  if (spread === undefined) throw new Error(`no ${column} of ${variant}, ${shape} was measured`);
  return spread;
}

function median(
  figures: Figures,
  shape: string,
  variant: string,
  column: Column,
  digits: number,
): string {
  return value(figures, shape, variant, column).median.toFixed(digits);
}

function added(figures: Figures, shape: string, variant: string, digits: number): string {
  return median(figures, shape, variant, "overTcpProxy", digits);
}

/** `text` with `values` in the places of the pattern's groups. Throws where the pattern is not met. */
function put(text: string, pattern: RegExp, values: string[]): string {
  const groups = pattern.exec(text)?.indices?.slice(1) as [number, number][] | undefined;
  if (groups?.length !== values.length) throw new Error(`no place for figures: ${pattern.source}`);
  let changed = text;
  for (const [i, [start, end]] of [...groups.entries()].reverse()) {
    changed = changed.slice(0, start) + values[i]! + changed.slice(end);
  }
  return changed;
}

/**
 * `text` with other cells in the rows of each table whose first head is `head`: `cells` gets a row's name and
 * the cells behind it, and answers undefined for a row that stays. Throws where no row was changed.
 */
function table(
  text: string,
  head: string,
  cells: (name: string, cells: string[]) => string[] | "" | undefined,
): string {
  let rows = 0;
  const changed = text.replaceAll(/(?:^\|.*\|\n)+/gm, (block) => {
    const lines = block.trimEnd().split("\n").map(cellsOf);
    if (lines[0]![0] !== head) return block;
    const [first, , ...rest] = lines;
    const put = rest.map(([name, ...others]) => {
      const found = cells(plain(name!), others);
      if (!found) return [name!, ...others];
      rows++;
      const isBold = name!.startsWith("**");
      return [name!, ...found.map((cell) => (isBold ? `**${cell}**` : cell))];
    });
    return aligned([first!, ...put]);
  });
  if (rows === 0) throw new Error(`no table of "${head}" has a place for figures`);
  return changed;
}

function cellsOf(line: string): string[] {
  return line
    .slice(1, -1)
    .split("|")
    .map((cell) => cell.trim());
}

/** Without bold type and the addresses of links. */
function plain(cell: string): string {
  return cell.replaceAll("**", "").replaceAll(/\[([^\]]*)\](?:\([^)]*\))?/g, "$1");
}

/** A table as prettier writes it. */
function aligned([head, ...rows]: string[][]): string {
  const widths = head!.map((_, i) =>
    Math.max(3, ...[head!, ...rows].map((row) => [...row[i]!].length)),
  );
  const line = (cells: string[]): string =>
    `| ${cells.map((cell, i) => cell.padEnd(widths[i]!)).join(" | ")} |\n`;
  return line(head!) + line(widths.map((width) => "-".repeat(width))) + rows.map(line).join("");
}
