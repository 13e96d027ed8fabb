// Builds the dubbo-go commands under dubbo-go/ into build/interop/. Needs Go 1.25 or newer.

import { join } from "node:path";
import { fromRoot } from "../../harness/repository.ts";
import { goBuild } from "../../harness/go_build.ts";

/** The commands. */
export type GoCommand = "provider" | "consumer" | "tripleprovider" | "tripleconsumer";

const MODULE = fromRoot("test", "peers", "dubbo-go");
const BUILD = fromRoot("build", "interop");
const PACKAGES = ["./provider", "./consumer", "./tripleprovider", "./tripleconsumer"];

let built: Promise<void> | undefined;

/** Path of a command, built where it is not up to date. Rejects with the compiler's words. */
export async function goCommand(name: GoCommand): Promise<string> {
  built ??= goBuild({ module: MODULE, out: BUILD, packages: PACKAGES });
  await built;
  return join(BUILD, name);
}
