// Results as an SVG: a row for each chain, a column for each load, in it the CPU time of Envoy per call as a bar, with
// the middle half of the rounds as a line. In dark mode it changes its colours by itself.

import type { Shape } from "./shapes.ts";
import type { Row } from "./summary.ts";
import type { Variant } from "./variants.ts";

// All in pixels.
const WIDTH = 860;
const MARGIN = 12;
const NAME_WIDTH = 264;
/** Between a bar's longest and the next column: room for its figure. */
const FIGURE_WIDTH = 42;
const BAR = 14;
const ROW = 22;
const LINE = 18;
const GAP = 4;

const STYLE = `<style>
.page { fill: #ffffff } text { fill: #24292f } .head { font-weight: bold } .ours { font-weight: bold }
rect.bar { fill: #afb8c1 } rect.ours { fill: #0969da } path { stroke: #57606a; stroke-width: 2 }
@media (prefers-color-scheme: dark) {
.page { fill: #0d1117 } text { fill: #e6edf3 } rect.bar { fill: #484f58 } rect.ours { fill: #388bfd } path { stroke: #adbac7 }
}
</style>`;

/** The whole picture. What was not measured has no bar. Each column has a scale of its own. */
export function chart(
  title: string,
  shapes: readonly Shape[],
  variants: readonly Variant[],
  rows: readonly Pick<Row, "shape" | "variant" | "cpu">[],
): string {
  const parts: string[] = [];
  let y = MARGIN + LINE;
  parts.push(text(MARGIN, y, "CPU time of Envoy per call in µs: less is better", "head"));
  const columnWidth = (WIDTH - 2 * MARGIN - NAME_WIDTH) / shapes.length;
  const heads = y + LINE + GAP;
  const cpuOf = (shape: Shape, variant: Variant) =>
    rows.find((row) => row.shape === shape.name && row.variant === variant.name)?.cpu;
  const shown = variants.filter((variant) => shapes.some((shape) => cpuOf(shape, variant)));
  for (const [place, shape] of shapes.entries()) {
    const x = MARGIN + NAME_WIDTH + place * columnWidth;
    parts.push(text(x, heads, shape.name, "head"));
    const most = Math.max(...shown.map((variant) => cpuOf(shape, variant)?.high ?? 0));
    for (const [row, variant] of shown.entries()) {
      const cpu = cpuOf(shape, variant);
      if (cpu === undefined) continue;
      const scaled = (value: number): number =>
        Math.round((value / most) * (columnWidth - FIGURE_WIDTH) * 10) / 10;
      const top = heads + GAP * 2 + row * ROW;
      const kind = isOurs(variant) ? "bar ours" : "bar";
      const [median, low, high] = [scaled(cpu.median), scaled(cpu.low), scaled(cpu.high)];
      parts.push(
        `<rect class="${kind}" x="${x}" y="${top}" width="${median}" height="${BAR}"/>`,
        `<path d="M${x + low} ${top + BAR / 2}H${x + high}"/>`,
        text(x + Math.max(median, high) + GAP, top + BAR - 3, cpu.median.toFixed(2)),
      );
    }
  }
  for (const [row, variant] of shown.entries()) {
    const baseline = heads + GAP * 2 + row * ROW + BAR - 3;
    parts.push(text(MARGIN, baseline, variant.title, isOurs(variant) ? "ours" : undefined));
  }
  y = heads + GAP * 2 + shown.length * ROW + LINE;
  for (const shape of shapes) {
    parts.push(text(MARGIN, y, `${shape.name}: ${shape.title}`));
    y += LINE;
  }
  parts.push(text(MARGIN, y + GAP, title));
  const height = y + GAP + MARGIN;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="12">`,
    STYLE,
    `<rect class="page" width="${WIDTH}" height="${height}"/>`,
    ...parts,
    "</svg>",
    "",
  ].join("\n");
}

function isOurs(variant: Variant): boolean {
  return variant.title.includes("ours") || variant.title.includes("guard");
}

function text(x: number, y: number, value: string, kind?: string): string {
  const escaped = value.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
  const named = kind === undefined ? "" : ` class="${kind}"`;
  return `<text x="${x}" y="${y}"${named}>${escaped}</text>`;
}
