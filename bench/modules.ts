// The Wasm modules that are measured: our release build, and one that does nothing.

import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { fromRoot } from "../demo/local/repository.ts";
import { guest } from "../test/host/guest.ts";
import type { Modules } from "./variants.ts";

/** Where results and compiled modules go. */
const OUTPUT = fromRoot("build/bench");

/** Path of a module whose callbacks all answer Continue; compiled from AssemblyScript now. */
export async function noopModule(): Promise<string> {
  mkdirSync(OUTPUT, { recursive: true });
  const file = fromRoot(OUTPUT, "noop.wasm");
  writeFileSync(file, await guest({}));
  return file;
}

/** All modules. Paths are from the working directory. Throws where a file is not there. */
export async function modulesFor(wasm: string | undefined, base?: string): Promise<Modules> {
  const ours = wasm === undefined ? fromRoot("build/dubbo.wasm") : resolve(wasm);
  const compared = base === undefined ? undefined : resolve(base);
  for (const file of [ours, compared]) {
    if (file !== undefined && !existsSync(file)) throw new Error(`no module ${file}`);
  }
  return { ours, noop: await noopModule(), base: compared };
}

/** Writes what was measured as JSON into the folder of results. */
export function saveResults(file: string, results: object): void {
  writeFileSync(fromRoot(OUTPUT, file), `${JSON.stringify(results, null, 2)}\n`);
}
