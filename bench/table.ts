// Columns of text for a terminal, and how numbers are written in them.

import type { Spread } from "./statistics.ts";

/** Lines of cells in columns: the first to the left, the others to the right. */
export function table(lines: readonly (readonly string[])[]): string {
  const widths = (lines[0] ?? []).map((_, column) =>
    Math.max(...lines.map((line) => line[column]!.length)),
  );
  return lines
    .map((line) =>
      line
        .map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

/** A median and its middle half, e.g. `0.42 (0.40 to 0.47)`; nothing for nothing. */
export function shown(spread: Spread | undefined, digits: number): string {
  if (spread === undefined) return "";
  const [median, low, high] = [spread.median, spread.low, spread.high].map((n) =>
    n.toFixed(digits),
  );
  return `${median} (${low} to ${high})`;
}
