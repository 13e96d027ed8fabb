// The jars that Maven fetches for a registry: pom.xml.

import { execFile } from "node:child_process";
import { existsSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { fromRoot } from "../../harness/repository.ts";

/** Profiles of pom.xml; in the address of a registry, Dubbo's word for it. */
export type RegistryKind = "zookeeper" | "nacos";

const FETCH_MS = 10 * 60_000;

const fetched = new Map<RegistryKind, Promise<string>>();

/** What Dubbo Java registers itself with, and the server where it is of Java, as a class path. */
export function registryJars(kind: RegistryKind): Promise<string> {
  if (!fetched.has(kind)) fetched.set(kind, fetch(kind));
  return fetched.get(kind)!;
}

async function fetch(kind: RegistryKind): Promise<string> {
  const libraries = fromRoot("build", "registry", kind);
  if (existsSync(libraries)) return join(libraries, "*");
  // Under its own name only with all of them; two test files may fetch at the same time.
  const unfinished = `${libraries}.${process.pid}`;
  const pom = fromRoot("test", "registry", "pom.xml");
  const goal = ["dependency:copy-dependencies", `-DoutputDirectory=${unfinished}`];
  const args = ["-q", "-B", "-f", pom, `-P${kind}`, ...goal];
  await promisify(execFile)("mvn", args, { timeout: FETCH_MS });
  try {
    renameSync(unfinished, libraries);
  } catch (error) {
    if (!existsSync(libraries)) throw error;
    rmSync(unfinished, { recursive: true });
  }
  return join(libraries, "*");
}
