// Builds the dubbo-go peers with tracing under dubbo-go/ into build/traced. Needs Go 1.26 or newer.

import { join } from "node:path";
import { goBuild } from "../../harness/go_build.ts";
import { fromRoot } from "../../harness/repository.ts";

const MODULE = fromRoot("test", "telemetry", "dubbo-go");
const BUILD = fromRoot("build", "traced");

/** Builds both; answers where each is. Rejects with the compiler's words. */
export async function tracedGo(): Promise<(name: "provider" | "consumer") => string> {
  await goBuild({ module: MODULE, out: BUILD, packages: ["./provider", "./consumer"] });
  return (name) => join(BUILD, name);
}
