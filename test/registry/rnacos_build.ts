// Builds rnacos, a server of Nacos' protocols in Rust, for `npm run test:registry`: Alibaba's own server comes
// from no package registry. Needs cargo.
//
// It is built once a machine: the executable is kept below the user's cache folder, by version, and each
// clone finds it there. Nothing is optimized: a test's server need not be fast, and the 500 crates take
// four minutes of CPU time as it is.

import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";

const VERSION = "0.8.8";
const CACHE = join(
  process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"),
  "dubbo-wasm-filter",
  `rnacos-${VERSION}`,
);

/** The executable. */
export const RNACOS = join(CACHE, "bin", "rnacos");

// With a lock, for two clones may ask at the same time. What cargo leaves besides is a gigabyte that nobody needs.
const BUILD = `
  folder=$1; shift
  [ -e "$folder/bin/rnacos" ] && exit
  "$@" && mv "$folder/built/bin" "$folder/bin" && rm -rf "$folder/target"
`;

/** Builds it where it is not there. Rejects where it cannot be built; cargo says why on standard error. */
export async function buildRnacos(): Promise<void> {
  if (existsSync(RNACOS)) return;
  console.error(`building rnacos ${VERSION} with cargo, once on this machine: some minutes`);
  await mkdir(CACHE, { recursive: true });
  const cargo = ["cargo", "install", "rnacos", "--version", VERSION, "--locked", "--quiet"];
  cargo.push("--profile", "dev", "--target-dir", join(CACHE, "target"));
  cargo.push("--root", join(CACHE, "built"));
  await run("flock", [join(CACHE, ".lock"), "sh", "-c", BUILD, "build", CACHE, ...cargo]);
}

async function run(command: string, args: string[]): Promise<void> {
  const env = {
    ...process.env,
    CARGO_PROFILE_DEV_DEBUG: "0",
    CARGO_PROFILE_DEV_OPT_LEVEL: "0",
    CARGO_INCREMENTAL: "0",
  };
  const child = spawn(command, args, { env, stdio: ["ignore", 2, 2] });
  const how = await new Promise<string>((resolve) => {
    child.once("error", (error) => resolve(error.message));
    child.once("exit", (code, signal) => resolve(code === 0 ? "" : `exit code ${code ?? signal}`));
  });
  if (how === "") return;
  throw new Error(`rnacos ${VERSION} could not be built (${how}): cargo and flock must be there`);
}
