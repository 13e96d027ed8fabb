// Jars that a pom.xml names, fetched by Maven into a folder, once.

import { execFile } from "node:child_process";
import { existsSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";

const FETCH_MS = 10 * 60_000;

/**
 * @param pom the file that names them
 * @param folder where they are put
 * @param options for Maven besides, as a profile
 * @returns all of them as a class path; rejects with Maven's words where it cannot fetch them
 */
export async function mavenJars(
  pom: string,
  folder: string,
  options: readonly string[] = [],
): Promise<string> {
  if (!existsSync(folder)) {
    // Under its own name only with all of them; two processes may fetch at the same time.
    const unfinished = `${folder}.${process.pid}`;
    const goal = ["dependency:copy-dependencies", `-DoutputDirectory=${unfinished}`];
    const args = ["-q", "-B", "-f", pom, ...options, ...goal];
    await promisify(execFile)("mvn", args, { timeout: FETCH_MS });
    try {
      renameSync(unfinished, folder);
    } catch (error) {
      if (!existsSync(folder)) throw error;
      rmSync(unfinished, { recursive: true });
    }
  }
  return join(folder, "*");
}
