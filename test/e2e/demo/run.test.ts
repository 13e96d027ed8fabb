// harness/run.mjs: a program is put together anew where it or what it imports has changed, and else runs as it
// is. In a folder of its own, which has the bundler only some of the time.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import { fromRoot } from "../../../harness/repository.ts";

const LIMIT = { timeout: 60_000 };
const PROGRAM =
  'import { word } from "./word.ts";\nconsole.log(word, process.argv.slice(2).join());\n';

describe("a program that harness/run.mjs runs", LIMIT, () => {
  let folder: string;
  /** Times of files, each later than the one before; all long ago, as files are that nobody writes now. */
  let time = new Date("2026-01-01T00:00:00Z").getTime();

  before(() => {
    folder = mkdtempSync(join(tmpdir(), "dubbo-run-"));
    for (const file of ["harness/run.mjs", "package-lock.json"]) {
      cpSync(fromRoot(file), join(folder, file));
      touch(file);
    }
    mkdirSync(join(folder, "demo"));
    change("demo/program.ts", PROGRAM);
    change("demo/word.ts", 'export const word: string = "one";\n');
  });
  after(() => rmSync(folder, { recursive: true }));

  function touch(file: string): void {
    time += 1000;
    utimesSync(join(folder, file), time / 1000, time / 1000);
  }

  function change(file: string, text: string): void {
    writeFileSync(join(folder, file), text);
    touch(file);
  }

  /** What it prints, and whether it could bundle; rejects where it ends with an error. */
  async function run(canBundle: boolean): Promise<string> {
    const modules = join(folder, "node_modules");
    if (canBundle) symlinkSync(fromRoot("node_modules"), modules);
    try {
      const args = ["harness/run.mjs", "demo/program.ts", "a", "b"];
      const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: folder });
      return stdout.trim();
    } finally {
      rmSync(modules, { force: true });
    }
  }

  test("is put together once", async () => {
    await assert.rejects(run(false), /esbuild/);
    assert.equal(await run(true), "one a,b");
    assert.equal(await run(false), "one a,b");
  });

  test("and again where an import changes", async () => {
    change("demo/word.ts", 'export const word: string = "two";\n');
    await assert.rejects(run(false), /esbuild/);
    assert.equal(await run(true), "two a,b");
    assert.equal(await run(false), "two a,b");
  });

  for (const file of ["demo/program.ts", "harness/run.mjs", "package-lock.json"]) {
    test(`and again where ${file} changes`, async () => {
      touch(file);
      await assert.rejects(run(false), /esbuild/);
      assert.equal(await run(true), "two a,b");
      assert.equal(await run(false), "two a,b");
    });
  }

  test("and again where an import is gone", async () => {
    change("demo/program.ts", PROGRAM.replace("word.ts", "other.ts"));
    change("demo/other.ts", 'export const word: string = "three";\n');
    rmSync(join(folder, "demo", "word.ts"));
    assert.equal(await run(true), "three a,b");
  });
});
