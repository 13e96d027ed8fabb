// Builds the dubbo-go commands under dubbo-go/ into the git-ignored build/interop/.
//
// Go's own cache skips what is up to date; a lock file (flock(1)) lets several test processes ask
// at the same time. Needs Go 1.25 or newer, and a module proxy the first time.

import { execFile } from "node:child_process";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { fromRoot } from "../../demo/local/repository.ts";

/** The commands. */
export type GoCommand = "provider" | "consumer" | "tripleprovider" | "tripleconsumer";

const MODULE = fromRoot("test", "interop", "dubbo-go");
const BUILD = fromRoot("build", "interop");
const PACKAGES = ["./provider", "./consumer", "./tripleprovider", "./tripleconsumer"];

/** How long a first build may take, the module downloads included. */
const BUILD_MS = 10 * 60_000;

let built: Promise<void> | undefined;

/** Path of a command, built where it is not up to date. Rejects with the compiler's words. */
export async function goCommand(name: GoCommand): Promise<string> {
  built ??= build();
  await built;
  return join(BUILD, name);
}

async function build(): Promise<void> {
  await mkdir(BUILD, { recursive: true });
  const go = ["go", "build", "-p", "2", "-trimpath", "-o", `${BUILD}/`, ...PACKAGES];
  const env = { ...process.env, CGO_ENABLED: "0" };
  const options = { cwd: MODULE, env, timeout: BUILD_MS };
  await promisify(execFile)("flock", [join(BUILD, ".lock"), ...go], options);
}
