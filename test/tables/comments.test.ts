// A comment that names a file of the repository names one that is there.

import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { describe, test } from "node:test";
import { fromRoot } from "../../harness/repository.ts";

/** Folders whose comments are read. */
const FOLDERS = ["assembly", "bench", "demo", "harness", "test"];
/** A file's name in a text, with the folders in front of it. */
const FILE_NAME = /(?<![\w/.@-])(?:[\w.-]+\/)*[\w-]+\.(?:ts|mjs|cjs)\b/g;

/** Every TypeScript file, by its path from the root. */
function sources(): string[] {
  const found: string[] = [];
  for (const folder of FOLDERS) {
    for (const path of readdirSync(fromRoot(folder), { recursive: true, encoding: "utf8" })) {
      if (path.endsWith(".ts") && !path.includes("node_modules")) found.push(join(folder, path));
    }
  }
  return found;
}

/** The comments of a source text, in which strings are not looked for: nothing that looks so is one. */
function comments(text: string): string {
  return (text.match(/\/\*[^]*?\*\/|(?<=^|\s)\/\/.*/gm) ?? []).join("\n");
}

/** Whether `name` is a file as seen from the comment in `path`. */
function isThere(name: string, path: string, names: Set<string>): boolean {
  if (!name.includes("/")) return names.has(name) || existsSync(fromRoot(name));
  const from = [".", dirname(path), dirname(dirname(path)), "assembly", "test"];
  return from.some((folder) => existsSync(fromRoot(folder, name)));
}

describe("files that comments name", () => {
  test("are there", () => {
    const all = sources();
    const names = new Set(all.map((path) => basename(path)));
    const missing: string[] = [];
    let named = 0;
    for (const path of all) {
      for (const name of comments(readFileSync(fromRoot(path), "utf8")).match(FILE_NAME) ?? []) {
        named++;
        if (!isThere(name, path, names)) missing.push(`${path}: ${name}`);
      }
    }
    assert.deepEqual(missing, []);
    assert.ok(named > 50, `${named} names were found`);
  });
});
