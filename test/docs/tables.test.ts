// A table of a page fits a screen: what is wider is a list.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fromRoot } from "../../harness/repository.ts";
import { PAGES } from "./command_blocks.ts";

const WIDEST = 115;
/** Pages for people who work on the tests: their tables may be wider. */
const WIDER = ["test/istio/README.md", "test/kubernetes/README.md"];

/** The rows of a page's tables that are too wide. */
function tooWide(text: string): string[] {
  const prose = text.replaceAll(/^ *```[\s\S]*?^ *```/gm, "");
  return prose.split("\n").filter((line) => line.startsWith("|") && line.length > WIDEST);
}

for (const page of PAGES.filter((page) => !WIDER.includes(page))) {
  test(`tables of ${page} fit`, () => {
    assert.deepEqual(tooWide(readFileSync(fromRoot(page), "utf8")), []);
  });
}

test("a row that is too wide is found", () => {
  assert.equal(tooWide(`| a |\n| ${"b".repeat(WIDEST)} |\n`).length, 1);
});
