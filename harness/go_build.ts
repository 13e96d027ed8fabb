// Builds Go commands into a git-ignored folder under build/.
//
// Go's own cache skips what is up to date; a lock file (flock(1)) lets several test processes ask
// at the same time. Needs a module proxy the first time.

import { execFile } from "node:child_process";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

/** What to build. */
export interface GoBuild {
  /** Folder of the Go module. */
  module: string;
  /** Folder for the executables; one command gets the name of its package's folder. */
  out: string;
  /** Packages, e.g. "./provider" or "example.com/x/cmd/y". */
  packages: string[];
  /** For the linker, e.g. "-s -w". */
  ldflags?: string;
}

/** How long a first build may take, the module downloads included: all of Istio on two cores. */
const BUILD_MS = 30 * 60_000;
const OUTPUT_BYTES = 16 * 1024 * 1024;

/** Builds what is not up to date. Rejects with the compiler's words. */
export async function goBuild({ module, out, packages, ldflags }: GoBuild): Promise<void> {
  await mkdir(out, { recursive: true });
  const go = ["go", "build", "-p", "2", "-trimpath", "-buildvcs=false"];
  if (ldflags !== undefined) go.push("-ldflags", ldflags);
  go.push("-o", `${out}/`, ...packages);
  const env = { ...process.env, CGO_ENABLED: "0" };
  const options = { cwd: module, env, timeout: BUILD_MS, maxBuffer: OUTPUT_BYTES };
  await promisify(execFile)("flock", [join(out, ".lock"), ...go], options);
}
