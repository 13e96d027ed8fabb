// Pictures of the pages say what the tree and the tables say, are low enough for a page, and know dark mode.
// `UPDATE_DOCS=1` writes docs/architecture.svg anew.

import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { describe, test } from "node:test";
import { fromRoot } from "../../harness/repository.ts";
import { draw, layers } from "./architecture_picture.ts";

const MAX_HEIGHT = 600;
const ARCHITECTURE = fromRoot("docs/architecture.svg");
const read = (file: string): string => readFileSync(fromRoot(file), "utf8");

for (const file of ["bench/chart.svg", "docs/architecture.svg", "docs/where.svg"]) {
  test(`${file} fits a page, by day and by night`, () => {
    const picture = read(file);
    const height = Number(/<svg [^>]*\bheight="(\d+)"/.exec(picture)?.[1]);
    assert.ok(height <= MAX_HEIGHT, String(height));
    assert.match(picture, /@media \(prefers-color-scheme: dark\)/);
  });
}

describe("docs/architecture.svg", () => {
  test("is drawn from the tree", async () => {
    const rows = await layers();
    const drawn = draw(rows);
    if (process.env.UPDATE_DOCS === "1") writeFileSync(ARCHITECTURE, drawn);
    assert.equal(read("docs/architecture.svg"), drawn);
    assert.ok(rows.every(({ what }) => what !== ""));
  });

  test("has every folder, and arrows that point down", async () => {
    const rows = await layers();
    const names = rows.map(({ name }) => name);
    assert.ok(rows.length > 10 && rows.filter(({ knows }) => knows.length > 0).length > 10);
    for (const { name, knows } of rows) {
      for (const other of knows) {
        // plugin.ts, which stands with index.ts: a connection and a stream belong to a plugin.
        if (other === "index" && (name === "connection" || name === "http")) continue;
        assert.ok(names.indexOf(other) > names.indexOf(name), `${name} knows ${other}`);
      }
    }
  });
});

test("the chart's figures are those of docs/performance.md", () => {
  const shown = new Set(
    [...read("bench/chart.svg").matchAll(/>(\d+\.\d\d)</g)].map(([, figure]) => figure!),
  );
  const figures = [...read("docs/performance.md").matchAll(/\|[ *]*(\d+\.\d\d)[ *]*(?=\|)/g)];
  assert.ok(figures.length >= 33, String(figures.length));
  assert.deepEqual(
    figures.map(([, figure]) => figure!).filter((figure) => !shown.has(figure)),
    [],
  );
});
