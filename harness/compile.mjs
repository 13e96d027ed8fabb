// Compiles the release module into build/dubbo.wasm, shrinks it, packs its texts and copies it beside the manifests,
// if anything that it is made of has changed since.

import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, readFileSync, readdirSync, statSync } from "node:fs";
import { renameSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const module = `${root}build/dubbo.wasm`;
const made = existsSync(module) ? statSync(module).mtimeMs : 0;
const makers = ["harness/pack.mjs", "harness/shrink.mjs"];
const sources = ["asconfig.json", "package-lock.json", "assembly", ...makers].map(
  (name) => root + name,
);

/** When the newest of the file, or of all files in the folder, was changed, in ms since 1970. */
function newest(path) {
  const { mtimeMs } = statSync(path);
  if (!statSync(path).isDirectory()) return mtimeMs;
  const inside = readdirSync(path, { recursive: true, encoding: "utf8" });
  return Math.max(mtimeMs, ...inside.map((name) => statSync(`${path}/${name}`).mtimeMs));
}

/** Whether a process has this number, be it another user's. */
function runs(pid) {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return error.code === "EPERM";
  }
}

// What was killed could not remove its own.
for (const name of existsSync(`${root}build`) ? readdirSync(`${root}build`) : []) {
  const pid = /^unfinished\.(\d+)\.wasm$/.exec(name)?.[1];
  if (pid !== undefined && !runs(Number(pid))) rmSync(`${root}build/${name}`, { force: true });
}

if (made < Math.max(...sources.map(newest))) {
  const compiler = `${root}node_modules/assemblyscript/bin/asc.js`;
  const begun = new Date();
  // Under its own name only when it is done: whoever is killed before leaves no module that looks new.
  const unfinished = `${root}build/unfinished.${process.pid}.wasm`;
  const args = [compiler, "assembly/index.ts", "--target", "release", "--outFile", unfinished];
  const { status } = spawnSync(process.execPath, args, { cwd: root, stdio: "inherit" });
  if (status !== 0) {
    rmSync(unfinished, { force: true });
    process.exit(status ?? 1);
  }
  // Only now: most runs have nothing to do, and Binaryen takes its time to load.
  const [{ pack }, { shrink }] = await Promise.all([import("./pack.mjs"), import("./shrink.mjs")]);
  writeFileSync(unfinished, pack(shrink(readFileSync(unfinished))));
  // What is changed while the compiler runs is newer than the module.
  utimesSync(unfinished, begun, begun);
  renameSync(unfinished, module);
}
for (const folder of ["manifests", "manifests/gateway"]) {
  const copy = `${root}${folder}/dubbo.wasm`;
  if (!existsSync(copy) || !readFileSync(copy).equals(readFileSync(module)))
    copyFileSync(module, copy);
}
