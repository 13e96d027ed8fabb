// What a first command says and does where something is missing.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
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

test("an npm among the packages is not the one that installs them", () => {
  const bin = join(folder, "node_modules/.bin");
  mkdirSync(bin, { recursive: true });
  writeFileSync(join(bin, "npm"), "#!/bin/sh\necho an old npm; exit 9\n", { mode: 0o755 });
  const { stdout, stderr } = spawnSync("npm", ["run", "--silent", "setup"], {
    cwd: folder,
    encoding: "utf8",
    // Nothing is fetched: the real one looks into an empty cache and says so.
    env: { ...process.env, npm_config_offline: "true", npm_config_cache: join(folder, "cache") },
  });
  assert.doesNotMatch(stdout + stderr, /an old npm/);
  assert.match(stderr, /npm ci failed/);
});

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
  assert.match(stderr, /installing npm packages into node_modules\/ \(182 MB on disk/);
  assert.match(stderr, /ECONNREFUSED/);
  assert.match(stderr, /npm ci failed/);
});
