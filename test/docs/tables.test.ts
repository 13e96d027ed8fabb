// A table of a page fits a screen: what is wider is a list.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fromRoot } from "../../harness/repository.ts";
import { PAGES } from "./command_blocks.ts";

const WIDEST = 115;

/** The rows of a page's tables that are too wide. */
function tooWide(text: string): string[] {
  const prose = text.replaceAll(/^ *```[\s\S]*?^ *```/gm, "");
  return prose.split("\n").filter((line) => line.startsWith("|") && line.length > WIDEST);
}

for (const page of PAGES) {
  test(`tables of ${page} fit`, () => {
    assert.deepEqual(tooWide(readFileSync(fromRoot(page), "utf8")), []);
  });
}

test("a row that is too wide is found", () => {
  assert.equal(tooWide(`| a |\n| ${"b".repeat(WIDEST)} |\n`).length, 1);
});
