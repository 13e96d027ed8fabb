// What SECURITY.md says of the code and of its tests is so: bounds by their constants, files, the number of functions.

import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { fromRoot } from "../../harness/repository.ts";

const read = (file: string): string => readFileSync(fromRoot(file), "utf8");
const page = read("SECURITY.md");

/** A bound in words, in bytes where it has a unit: "8 MiB" is 8388608, "4096" itself. */
function bound(words: string): number {
  const [, figure, unit] = /([\d,]+) ?(MiB|KiB)?/.exec(words) ?? [];
  const factor = unit === "MiB" ? 1024 * 1024 : unit === "KiB" ? 1024 : 1;
  return Number(figure?.replaceAll(",", "")) * factor;
}

/** What a constant of the code is: whole numbers and products of them. */
function constant(name: string, file: string): number {
  const [, value] = new RegExp(`const ${name}: \\w+ = ([\\d_* ]+);`).exec(read(file)) ?? [];
  assert.ok(value, `${name} in ${file}`);
  return value.split("*").reduce((all, one) => all * Number(one.replaceAll("_", "")), 1);
}

test("bounds are those of the constants", () => {
  const items = page.replaceAll(/\n {2}(?=\S)/g, " ");
  const rows = [...items.matchAll(/^- ([^:]*): (.*) \(`([A-Z_]+)`.*?, (assembly\/[\w/.]+)\)$/gm)];
  assert.ok(rows.length > 12, String(rows.length));
  const wrong = rows.flatMap(([, what, words, name, file]) => {
    const value = constant(name!, file!);
    // Of "a, b; at most c" the constant is one.
    return words!.split(/[,;] /).some((part) => bound(part) === value)
      ? []
      : [`${what!.trim()}: ${words!.trim()}, in the code ${value}`];
  });
  assert.deepEqual(wrong, []);
});

test("files and folders that are named are there", () => {
  const named = [...page.matchAll(/(?<![\w/])(?:assembly|test)\/[\w./]*\w/g)].map(([file]) => file);
  assert.ok(named.length > 20);
  assert.deepEqual(
    named.filter((file) => !existsSync(fromRoot(file))),
    [],
  );
});

test("the module imports as many functions as the page says", () => {
  const imports = read("test/module/golden/module.txt").match(/^import function env\.proxy_/gm);
  assert.equal(/(\d+)\s+functions/.exec(page)?.[1], String(imports?.length));
});
