// The figures of a benchmark's run on the pages, and its chart, are those that bench/figures.json saved:
// `npm run bench -- --save` writes all of them. `UPDATE_DOCS=1` writes the pages anew from that file.

import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { describe, test } from "node:test";
import { PAGES, type Figures } from "../../bench/pages.ts";
import { fromRoot } from "../../harness/repository.ts";

const read = (file: string): string => readFileSync(fromRoot(file), "utf8");
const FIGURES: Figures = JSON.parse(read("bench/figures.json"));

/** The same run, a hundred times as dear. */
function dearer(): Figures {
  const rows = FIGURES.rows.map((row) => {
    const times = (spread: typeof row.cpu) => spread && { ...spread, median: spread.median * 100 };
    return {
      ...row,
      cpu: times(row.cpu),
      overTcpProxy: times(row.overTcpProxy),
      ofDubboProxy: times(row.ofDubboProxy),
    };
  });
  return { ...FIGURES, rows };
}

describe("figures of the benchmark", () => {
  for (const [file, page] of Object.entries(PAGES)) {
    test(`in ${file} are those of bench/figures.json`, () => {
      const text = read(file);
      const written = page(text, FIGURES);
      if (process.env.UPDATE_DOCS === "1") writeFileSync(fromRoot(file), written);
      else assert.equal(text, written);
      assert.notEqual(page(text, dearer()), written);
      assert.equal(page(written, FIGURES), written);
    });
  }
});
