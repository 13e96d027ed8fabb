// Two builds of the same commit give the same module, wherever they are made; and it is the one that
// manifests/ carries. Prints the checksum that a release is known by.

import assert from "node:assert/strict";
import { execFile, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { fromRoot } from "../../harness/repository.ts";

const LIMIT = { timeout: 300_000 };
/** All that a build reads. */
const SOURCES = ["assembly", "asconfig.json", "package.json", "package-lock.json"].concat([
  "harness/compile.mjs",
  "harness/pack.mjs",
  "harness/shrink.mjs",
]);

test("two builds in two places give the same bytes", LIMIT, async (t) => {
  const sums: string[] = [];
  // Paths of different length: neither they nor the time may get into the module.
  for (const prefix of ["dubbo-", "dubbo-wasm-filter-built-elsewhere-"]) {
    const folder = mkdtempSync(join(tmpdir(), prefix));
    t.after(() => rmSync(folder, { recursive: true }));
    sums.push(await builtIn(folder));
  }
  assert.equal(sums[0], sums[1]);
  assert.equal(
    checksum(fromRoot("build/dubbo.wasm")),
    sums[0],
    "build/dubbo.wasm is another build",
  );
  assert.equal(
    checksum(fromRoot("manifests/dubbo.wasm")),
    sums[0],
    "manifests/dubbo.wasm is another build",
  );
  t.diagnostic(`sha256 of dubbo.wasm: ${sums[0]}`);
});

test(
  "a build that is killed in its middle leaves no module, and the next one takes its file away",
  LIMIT,
  (t) => {
    const folder = mkdtempSync(join(tmpdir(), "dubbo-killed-"));
    t.after(() => rmSync(folder, { recursive: true }));
    for (const name of SOURCES) cpSync(fromRoot(name), join(folder, name), { recursive: true });
    for (const name of ["build", "manifests/gateway", "node_modules/assemblyscript/bin"]) {
      mkdirSync(join(folder, name), { recursive: true });
    }
    // In the compiler's place: it writes its module, and then whoever called it is gone, or it fails.
    const compiler = (last: string) => `
    const [, , ...args] = process.argv;
    const at = args.indexOf("--outFile");
    require("fs").writeFileSync(at < 0 ? "build/dubbo.wasm" : args[at + 1], "unpacked");
    ${last}
  `;
    const build = (last: string) => {
      writeFileSync(join(folder, "node_modules/assemblyscript/bin/asc.js"), compiler(last));
      return spawnSync(process.execPath, [join(folder, "harness/compile.mjs")]);
    };
    writeFileSync(join(folder, "node_modules/package.json"), "{}");
    assert.equal(build(`process.kill(process.ppid, "SIGKILL");`).signal, "SIGKILL");
    const left = readdirSync(join(folder, "build"));
    assert.equal(left.length, 1, left.join());
    assert.ok(!left.includes("dubbo.wasm"), left.join());

    // Another build goes on.
    const other = `unfinished.${process.pid}.wasm`;
    writeFileSync(join(folder, "build", other), "");
    assert.equal(build("process.exit(3);").status, 3);
    assert.deepEqual(readdirSync(join(folder, "build")), [other]);
  },
);

/** The checksum of a build in a folder of its own. */
async function builtIn(folder: string): Promise<string> {
  for (const name of SOURCES) cpSync(fromRoot(name), join(folder, name), { recursive: true });
  symlinkSync(fromRoot("node_modules"), join(folder, "node_modules"));
  mkdirSync(join(folder, "manifests/gateway"), { recursive: true });
  await promisify(execFile)(process.execPath, [join(folder, "harness/compile.mjs")]);
  return checksum(join(folder, "build/dubbo.wasm"));
}

function checksum(file: string): string {
  return createHash("sha256").update(readFileSync(file)).digest("hex");
}
