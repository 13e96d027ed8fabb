// The spelling check of `npm run check` sees pages and comments, and the project's own words are kept in order.
// cspell:ignore coment lenght

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fromRoot } from "../../harness/repository.ts";

test("words of cspell-words.txt are sorted, once each, in small letters", () => {
  const words = readFileSync(fromRoot("cspell-words.txt"), "utf8").trimEnd().split("\n");
  assert.deepEqual(words, [...new Set(words.map((word) => word.toLowerCase()))].sort());
});

test("misspelt words of pages and comments are found, code is left alone", (t) => {
  const folder = mkdtempSync(join(tmpdir(), "spelling-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const page = "One mispeling, `anotherr`.\n\n```sh\nnpm rrun\n```\n";
  writeFileSync(join(folder, "page.md"), page);
  writeFileSync(join(folder, "code.ts"), "// A coment.\nconst lenght = 1;\n");
  writeFileSync(join(folder, "some.yaml"), "keyy: 1 # a vaule\n");
  const { stdout, status } = spawnSync(
    process.execPath,
    [
      fromRoot("node_modules/cspell/bin.mjs"),
      ...["lint", "--no-progress", "--no-summary", "--words-only"],
      ...["--config", fromRoot("cspell.json"), "--root", folder, "**"],
    ],
    { cwd: folder, encoding: "utf8" },
  );
  assert.deepEqual(stdout.trim().split("\n").sort(), ["coment", "mispeling", "vaule"]);
  assert.equal(status, 1);
});
