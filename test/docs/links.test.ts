// Every link of every page leads somewhere: files that are there, and headings that they have.

import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { test } from "node:test";
import { ROOT } from "../../harness/repository.ts";

const LEFT_OUT = /(^|\/)(node_modules|build|\.git|\.envoy)(\/|$)/;
const pages = readdirSync(ROOT, { recursive: true, encoding: "utf8" }).filter(
  (file) => file.endsWith(".md") && !LEFT_OUT.test(file),
);

/** A heading's anchor as GitHub makes it. */
function anchorOf(heading: string): string {
  return heading
    .trim()
    .toLowerCase()
    .replace(/[^\p{L}\p{N} _-]/gu, "")
    .replace(/ /g, "-");
}

function anchorsOf(file: string): Set<string> {
  const text = readFileSync(join(ROOT, file), "utf8").replace(/```[\s\S]*?```/g, "");
  return new Set([...text.matchAll(/^#+ (.*)$/gm)].map(([, heading]) => anchorOf(heading!)));
}

test("there are pages", () => assert.ok(pages.length > 20));

for (const page of pages) {
  test(`links of ${page}`, () => {
    const text = readFileSync(join(ROOT, page), "utf8").replace(/```[\s\S]*?```/g, "");
    const broken: string[] = [];
    for (const [, target] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^(https?:|mailto:)/.test(target!)) continue;
      const [path, anchor] = target!.split("#") as [string, string | undefined];
      const file = path === "" ? page : relative(ROOT, join(ROOT, dirname(page), path));
      if (!existsSync(join(ROOT, file))) broken.push(target!);
      else if (
        anchor !== undefined &&
        statSync(join(ROOT, file)).isFile() &&
        file.endsWith(".md")
      ) {
        if (!anchorsOf(file).has(anchor)) broken.push(target!);
      }
    }
    assert.deepEqual(broken, []);
  });
}
