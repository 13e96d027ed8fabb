// Results as an SVG: for each shape a group of bars, the CPU time of Envoy per call, with the middle
// half of the rounds as a line.

import type { Shape } from "./shapes.ts";
import type { Row } from "./summary.ts";
import type { Variant } from "./variants.ts";

// All in pixels.
const WIDTH = 860;
const NAME_WIDTH = 300;
const BAR_WIDTH = 430;
const BAR = 16;
const GAP = 5;
const HEAD = 34;
const MARGIN = 14;

const OURS = "#1f6feb";
const OTHERS = "#8c959f";

/** The whole picture. What was not measured has no bar. */
export function chart(
  title: string,
  shapes: readonly Shape[],
  variants: readonly Variant[],
  rows: readonly Row[],
): string {
  const parts: string[] = [];
  let y = MARGIN + BAR;
  parts.push(text(MARGIN, y, "CPU time of Envoy per call, in µs: less is better", "bold"));
  for (const shape of shapes) {
    const found = variants.flatMap((variant) => {
      const row = rows.find((one) => one.shape === shape.name && one.variant === variant.name);
      return row?.cpu === undefined ? [] : [{ variant, cpu: row.cpu }];
    });
    const most = Math.max(...found.map(({ cpu }) => cpu.high));
    y += HEAD;
    parts.push(text(MARGIN, y, `${shape.name}: ${shape.title}`, "bold"));
    y += GAP * 2;
    for (const { variant, cpu } of found) {
      const [length, low, high] = [cpu.median, cpu.low, cpu.high].map((value) =>
        Math.round((value / most) * BAR_WIDTH),
      ) as [number, number, number];
      const x = MARGIN + NAME_WIDTH;
      const colour = isOurs(variant) ? OURS : OTHERS;
      const baseline = y + BAR - 4;
      parts.push(text(MARGIN, baseline, variant.title));
      parts.push(`<rect x="${x}" y="${y}" width="${length}" height="${BAR}" fill="${colour}"/>`);
      const middle = y + BAR / 2;
      parts.push(`<path d="M${x + low} ${middle}H${x + high}" stroke="#24292f" stroke-width="2"/>`);
      parts.push(text(x + Math.max(length, high) + GAP, baseline, cpu.median.toFixed(2)));
      y += BAR + GAP;
    }
  }
  y += HEAD;
  parts.push(text(MARGIN, y, title));
  const height = y + MARGIN;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="12">`,
    `<rect width="${WIDTH}" height="${height}" fill="#ffffff"/>`,
    ...parts,
    "</svg>",
    "",
  ].join("\n");
}

function isOurs(variant: Variant): boolean {
  return variant.title.includes("ours");
}

function text(x: number, y: number, value: string, weight = "normal"): string {
  const escaped = value.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
  return `<text x="${x}" y="${y}" font-weight="${weight}" fill="#24292f">${escaped}</text>`;
}
