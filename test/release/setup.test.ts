// What a first command says and does where something is missing.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { after, before, test } from "node:test";
import { fromRoot } from "../../harness/repository.ts";

let folder: string;

before(() => {
  folder = mkdtempSync(join(tmpdir(), "setup-"));
  mkdirSync(join(folder, "harness"));
  for (const file of ["package.json", "package-lock.json", "harness/setup.mjs"]) {
    cpSync(fromRoot(file), join(folder, file));
  }
});

after(() => rmSync(folder, { recursive: true }));

test("without a registry the setup says what it fetches, and why it failed", async () => {
  // A port that nothing listens on any more.
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  const { status, stderr } = spawnSync("npm", ["run", "--silent", "setup"], {
    cwd: folder,
    encoding: "utf8",
    env: {
      ...process.env,
      npm_config_registry: `http://127.0.0.1:${port}/`,
      npm_config_replace_registry_host: "always",
      npm_config_cache: join(folder, "cache"),
    },
  });
  assert.equal(status, 1);
  // The size that the README says, too.
  const [said] =
    /npm packages \(\d+ MB on disk\)/.exec(readFileSync(fromRoot("README.md"), "utf8")) ?? [];
  const size =
    /installing npm packages into node_modules\/ \((\d+ MB on disk), about half a minute\)/;
  assert.equal(`npm packages (${size.exec(stderr)?.[1]})`, said);
  assert.match(stderr, /ECONNREFUSED/);
  assert.match(stderr, /npm ci failed/);
});

test("the npm that packages bring along is not the one that installs them", () => {
  const bin = join(folder, "node_modules", ".bin");
  const installing = join(folder, "installing");
  for (const one of [bin, installing]) mkdirSync(one, { recursive: true });
  writeFileSync(join(bin, "npm"), "#!/bin/sh\nexit 1\n", { mode: 0o755 });
  writeFileSync(join(installing, "npm"), '#!/bin/sh\necho "$@" >&2\n', { mode: 0o755 });
  const { status, stderr } = spawnSync(process.execPath, ["harness/setup.mjs"], {
    cwd: folder,
    encoding: "utf8",
    env: { ...process.env, PATH: [bin, installing, process.env.PATH].join(delimiter) },
  });
  assert.equal(status, 0, stderr);
  assert.match(stderr, /^ci --loglevel=error/m);
});
