// Builds the Dubbo Java peers under dubbo-java/ into build/interop/java. Needs a JDK (17 or newer) and
// Maven, which fetches Dubbo the first time.

import { execFile } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, renameSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import { fromRoot } from "../../harness/repository.ts";

const SOURCES = fromRoot("test", "peers", "dubbo-java");
const BUILD = fromRoot("build", "interop", "java");
const LIBRARIES = join(BUILD, "lib");
const CLASSES = join(BUILD, "classes");
/** Where Maven copies to: `LIBRARIES` is there only with all of them. */
const FETCHED = join(BUILD, "fetched");
/**
 * A name for 127.0.0.1. Dubbo Java takes `127.…`, `localhost` and `0.0.0.0` in a provider's address for the
 * machine's own, which is another one (AbstractClient.getConnectAddress, NetUtils.filterLocalHost).
 */
export const LOOPBACK = "dubbo-local";
/** Where a JVM looks names up instead of anywhere else. */
const HOSTS = join(BUILD, "hosts");
/** For a first download; then it takes two seconds. */
const BUILD_MS = 10 * 60_000;

let built: Promise<void> | undefined;

/**
 * What `java` takes to run the class `interop.<name>`, with more jars where it needs them. Rejects with
 * Maven's or the compiler's words.
 */
export async function javaArguments(
  name: "Provider" | "Consumer",
  ...moreJars: string[]
): Promise<string[]> {
  built ??= build();
  await built;
  return [
    // A JVM that lives for seconds need not compile anything twice.
    "-XX:TieredStopAtLevel=1",
    `-Djdk.net.hosts.file=${HOSTS}`,
    "-cp",
    [CLASSES, join(LIBRARIES, "*"), ...moreJars].join(delimiter),
    `interop.${name}`,
  ];
}

async function build(): Promise<void> {
  mkdirSync(CLASSES, { recursive: true });
  writeFileSync(HOSTS, `127.0.0.1 ${LOOPBACK} ${hostname()}\n`);
  if (!existsSync(LIBRARIES)) {
    const goal = ["dependency:copy-dependencies", `-DoutputDirectory=${FETCHED}`];
    await run("mvn", ["-q", "-B", "-f", join(SOURCES, "pom.xml"), ...goal]);
    renameSync(FETCHED, LIBRARIES);
  }
  const files = readdirSync(join(SOURCES, "src"), { recursive: true, encoding: "utf8" });
  const sources = files.filter((file) => file.endsWith(".java"));
  const paths = sources.map((file) => join(SOURCES, "src", file));
  const options = ["-encoding", "UTF-8", "-proc:none", "-cp", join(LIBRARIES, "*"), "-d", CLASSES];
  await run("javac", [...options, ...paths]);
}

async function run(command: string, args: string[]): Promise<void> {
  await promisify(execFile)(command, args, { timeout: BUILD_MS });
}
