// Every command block of every page is one that bash can read, names scripts and files that are there, and is run by a
// test or has a reason why not.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { fromRoot } from "../../harness/repository.ts";
import {
  blockOf,
  blocksOf,
  ELSEWHERE,
  looseCommands,
  NEEDS_A_CLUSTER,
  PAGES,
  SESSIONS,
} from "./command_blocks.ts";

const blocks = PAGES.flatMap(blocksOf);
const { scripts } = JSON.parse(readFileSync(fromRoot("package.json"), "utf8"));

/** What `npm run build` makes. */
const BUILT = "manifests/dubbo.wasm";

/** What a text names that is not there. */
function missing(text: string): string[] {
  const named = [...text.matchAll(/npm run (?:--silent )?([a-z][a-z0-9:-]*)/g)]
    .map(([, name]) => name!)
    .filter((name) => !(name in scripts))
    .map((name) => `npm run ${name}`);
  const files = [...text.matchAll(/(?<![\w./-])(?:demo|manifests|test)\/[\w./-]*\w/g)]
    .map(([file]) => file)
    .filter((file) => file !== BUILT && !existsSync(fromRoot(file)));
  return [...named, ...files];
}

test("there are blocks", () => assert.ok(blocks.length > 25, String(blocks.length)));

for (const { page, text } of blocks) {
  test(`${page}: ${text.split("\n")[0]}`, () => {
    const { status, stderr } = spawnSync("bash", ["-n", "-c", text], { encoding: "utf8" });
    assert.equal(status, 0, stderr);
    assert.deepEqual(missing(text), []);
    const steps = Object.values(SESSIONS).flat();
    const tried = steps.some((step) => step.page === page && text.startsWith(step.begins));
    assert.ok(tried || page in ELSEWHERE || NEEDS_A_CLUSTER.test(text), "nothing runs this block");
  });
}

for (const page of PAGES) {
  test(`${page} names scripts that are there`, () => {
    const text = readFileSync(fromRoot(page), "utf8");
    const spans = [...text.matchAll(/`(npm run [^`]*)`/g)].map(([, span]) => span!);
    assert.deepEqual(
      spans.flatMap(missing).filter((one) => one.startsWith("npm run")),
      [],
    );
  });
}

test("every command stands in a block", () => {
  const loose = PAGES.flatMap((page) => looseCommands(readFileSync(fromRoot(page), "utf8")));
  assert.deepEqual(loose, []);
  assert.deepEqual(looseCommands("Try:\n\n    npm start\n"), ["npm start"]);
});

test("each step that is run stands in its page", () => {
  for (const step of Object.values(SESSIONS).flat()) blockOf(step);
});

test("a script or a file that is not there is noticed", () => {
  assert.deepEqual(missing("npm run chek && npm run check -- demo/no.ts demo/start.ts"), [
    "npm run chek",
    "demo/no.ts",
  ]);
});
