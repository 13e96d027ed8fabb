// The map in CONTRIBUTING.md has every folder of the repository's root, of assembly/ and of test/, and no other.

import assert from "node:assert/strict";
import { readFileSync, readdirSync, existsSync } from "node:fs";
import { test } from "node:test";
import { fromRoot } from "../../harness/repository.ts";

const LEFT_OUT = /^(node_modules|build|\..*|golden)$/;

/** The paths that the map names, without the slash behind folders. */
function named(): Set<string> {
  const [, map] = /## Where things are\n\n```text\n([\s\S]*?)```/.exec(
    readFileSync(fromRoot("CONTRIBUTING.md"), "utf8"),
  )!;
  const paths = new Set<string>();
  let folder = "";
  for (const line of map!.trimEnd().split("\n")) {
    const inside = line.startsWith("  ");
    const [, words] = /^ *((?:[\w./-]+(?:, )?)+)/.exec(line)!;
    const names = words!.split(", ").map((name) => name.replace(/\/$/, ""));
    if (!inside) folder = names[0]!;
    for (const name of names) paths.add(inside ? `${folder}/${name}` : name);
  }
  return paths;
}

function foldersOf(parent: string): string[] {
  return readdirSync(fromRoot(parent), { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !LEFT_OUT.test(entry.name))
    .map(({ name }) => (parent === "." ? name : `${parent}/${name}`));
}

test("every folder is on the map", () => {
  const folders = [".", "assembly", "test"].flatMap(foldersOf);
  assert.ok(folders.length > 30, String(folders.length));
  const paths = named();
  assert.deepEqual(
    folders.filter((folder) => !paths.has(folder)),
    [],
  );
});

test("what is on the map is there", () => {
  assert.deepEqual(
    [...named()].filter((path) => !existsSync(fromRoot(path))),
    [],
  );
});
