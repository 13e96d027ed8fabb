// Builds the dubbo-go commands under dubbo-go/ into build/interop/. Needs Go 1.25 or newer.

import { join } from "node:path";
import { fromRoot } from "../../harness/repository.ts";
import { goBuild } from "../../harness/go_build.ts";

/** The commands. */
export type GoCommand =
  "provider" | "consumer" | "tripleprovider" | "tripleconsumer" | "registered";

const MODULE = fromRoot("test", "peers", "dubbo-go");
const BUILD = fromRoot("build", "interop");
/** What is built at a time. The client of Nacos, which only one has, takes a minute. */
const PARTS: GoCommand[][] = [
  ["provider", "consumer", "tripleprovider", "tripleconsumer"],
  ["registered"],
];

const built = new Map<GoCommand[], Promise<void>>();

/** Path of a command, built where it is not up to date. Rejects with the compiler's words. */
export async function goCommand(name: GoCommand): Promise<string> {
  const part = PARTS.find((names) => names.includes(name))!;
  if (!built.has(part)) {
    const packages = part.map((one) => `./${one}`);
    built.set(part, goBuild({ module: MODULE, out: BUILD, packages }));
  }
  await built.get(part);
  return join(BUILD, name);
}
