// The jars with which Dubbo Java registers itself, as class paths.

import { execFile } from "node:child_process";
import { existsSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { fromRoot } from "../../harness/repository.ts";
import { zooKeeperJars } from "../../harness/zookeeper.ts";

const LIBRARIES = fromRoot("build", "registry", "nacos");
const FETCH_MS = 10 * 60_000;

let fetched: Promise<string> | undefined;

/** @param kind of registry, Dubbo's word in its address */
export function registryJars(kind: string): Promise<string> {
  if (kind === "zookeeper") return zooKeeperJars();
  fetched ??= nacosJars();
  return fetched;
}

// pom.xml's, by Maven.
async function nacosJars(): Promise<string> {
  if (existsSync(LIBRARIES)) return join(LIBRARIES, "*");
  // Under its own name only with all of them; two test files may fetch at the same time.
  const unfinished = `${LIBRARIES}.${process.pid}`;
  const pom = fromRoot("test", "registry", "pom.xml");
  const goal = ["dependency:copy-dependencies", `-DoutputDirectory=${unfinished}`];
  await promisify(execFile)("mvn", ["-q", "-B", "-f", pom, ...goal], { timeout: FETCH_MS });
  try {
    renameSync(unfinished, LIBRARIES);
  } catch (error) {
    if (!existsSync(LIBRARIES)) throw error;
    rmSync(unfinished, { recursive: true });
  }
  return join(LIBRARIES, "*");
}
