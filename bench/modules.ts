// The Wasm modules that are measured: our release build, and two that say what of its cost is the host's.

import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { fromRoot } from "../harness/repository.ts";
import { findEnvoy, versionOf } from "../harness/envoy_binary.ts";
import { guest, type GuestBodies } from "../test/emulator/guest.ts";
import { hasLogger, nativeModule, type Missing } from "./others.ts";
import type { Modules } from "./variants.ts";

/** Where results and compiled modules go. */
const OUTPUT = fromRoot("build/bench");

/** Bytes that the floor's callbacks fetch: as many as ours at once, and no more than it has room for. */
const FLOOR_WINDOW = 32 * 1024;

/**
 * Writes a module whose callbacks all answer Continue, and one whose data callbacks also fetch the bytes
 * and ask for the time: what no filter can do without that tells calls and how long they took. Both are
 * compiled from AssemblyScript now.
 */
async function yardsticks(): Promise<{ noop: string; floor: string }> {
  mkdirSync(OUTPUT, { recursive: true });
  const look = (type: number): string =>
    `get(${type}, 0, min<u32>(size, ${FLOOR_WINDOW})); proxy_get_current_time_nanoseconds(A);`;
  return {
    noop: await written("noop.wasm", {}),
    floor: await written("floor.wasm", { downstream: look(2), upstream: look(3) }),
  };
}

async function written(name: string, bodies: GuestBodies): Promise<string> {
  const file = fromRoot(OUTPUT, name);
  writeFileSync(file, await guest(bodies));
  return file;
}

/**
 * All modules. Paths are from the working directory. What cannot be measured with this Envoy, or without a
 * C compiler, is told in `missing`. Throws where a file is not there.
 */
export async function modulesFor(
  wasm: string | undefined,
  base?: string,
  missing: Missing = {},
): Promise<Modules> {
  const ours = wasm === undefined ? fromRoot("build/dubbo.wasm") : resolve(wasm);
  const compared = base === undefined ? undefined : resolve(base);
  for (const file of [ours, compared]) {
    if (file !== undefined && !existsSync(file)) throw new Error(`no module ${file}`);
  }
  const envoy = (await versionOf(await findEnvoy())) ?? "unknown";
  return {
    ours,
    ...(await yardsticks()),
    native: nativeModule(OUTPUT, envoy, missing),
    hasLogger: hasLogger(envoy, missing),
    base: compared,
  };
}

/** Writes what was measured as JSON into the folder of results. */
export function saveResults(file: string, results: object): void {
  writeFileSync(fromRoot(OUTPUT, file), `${JSON.stringify(results, null, 2)}\n`);
}
