// What `npm start` does in which order: it looks at its ports before it compiles, and compiles only what has
// changed. In a copy of the repository, with a compiler that counts how often it is asked.

import assert from "node:assert/strict";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync } from "node:fs";
import { rmSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { once } from "node:events";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { findEnvoy } from "../../../harness/envoy_binary.ts";
import { startProcess, type ManagedProcess } from "../../../harness/processes.ts";
import { fromRoot } from "../../../harness/repository.ts";
import { onFreePorts, START_MS } from "./started.ts";

const LIMIT = { timeout: 3 * START_MS };
const COPIED = ["harness", "demo", "observability", "assembly", "envoy-local.yaml"].concat([
  "package.json",
  "package-lock.json",
  "asconfig.json",
]);
const COMPILER = join("node_modules", "assemblyscript", "bin", "asc.js");

let folder: string;
let envoy: string;
let args: string[];
let httpPort: number;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), "start-order-"));
  envoy = await findEnvoy();
  for (const name of COPIED) cpSync(fromRoot(name), join(folder, name), { recursive: true });
  for (const name of ["build", "manifests/gateway"])
    mkdirSync(join(folder, name), { recursive: true });
  mkdirSync(join(folder, "node_modules"));
  for (const name of readdirSync(fromRoot("node_modules"))) {
    if (name === "assemblyscript") continue;
    symlinkSync(fromRoot("node_modules", name), join(folder, "node_modules", name));
  }
  mkdirSync(join(folder, COMPILER, ".."), { recursive: true });
  // What the compiler gives here was optimised before, and packed: a reader of modules does not know it any more.
  writeFileSync(
    join(folder, "harness", "shrink.mjs"),
    "export const shrink = (module) => module;\n",
  );
  writeFileSync(
    join(folder, COMPILER),
    `const { appendFileSync, copyFileSync } = require("node:fs");
appendFileSync("compiled", "once\\n");
const out = process.argv[process.argv.indexOf("--outFile") + 1];
copyFileSync(${JSON.stringify(fromRoot("build", "dubbo.wasm"))}, out);
`,
  );
  const demo = await onFreePorts(folder);
  httpPort = demo.httpPort;
  args = ["harness/run.mjs", "demo/start.ts", ...demo.args];
});

after(() => rmSync(folder, { recursive: true }));

/** How often the compiler was asked. */
function compiled(): number {
  const log = join(folder, "compiled");
  return existsSync(log) ? readFileSync(log, "utf8").trim().split("\n").length : 0;
}

function start(): ManagedProcess {
  const env = { ENVOY_BIN: envoy };
  return startProcess({ name: "npm start", command: process.execPath, args, cwd: folder, env });
}

/** Starts all parts and ends them. */
async function startAndEnd(): Promise<void> {
  const demo = start();
  try {
    await demo.waitUntil("up", START_MS, () => demo.log.includes("All parts run."));
  } finally {
    assert.equal(await demo.stop(30_000), "exit code 0", demo.lastLines());
  }
}

/** Somebody else has the consumer's port. */
async function usePort(): Promise<Server> {
  const server = createServer().listen(httpPort, "127.0.0.1");
  await once(server, "listening");
  return server;
}

/** A start that must not get far. */
async function startInVain(): Promise<void> {
  const demo = start();
  assert.equal(await demo.ended, "exit code 1", demo.lastLines());
  assert.match(demo.log, new RegExp(`${httpPort}`));
}

test(
  "with a used port nothing is compiled, and a second start compiles nothing",
  LIMIT,
  async () => {
    let server = await usePort();
    await startInVain();
    assert.equal(compiled(), 0);
    server.close();
    await once(server, "close");

    await startAndEnd();
    assert.equal(compiled(), 1);
    await startAndEnd();
    assert.equal(compiled(), 1);

    const later = new Date(Date.now() + 10_000);
    utimesSync(join(folder, "assembly", "index.ts"), later, later);
    server = await usePort();
    await startInVain();
    assert.equal(compiled(), 1);
    server.close();
    await once(server, "close");
    await startAndEnd();
    assert.equal(compiled(), 2);
  },
);
