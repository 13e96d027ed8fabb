// Builds the Dubbo Java peers under dubbo-java/ into build/interop/java. Needs a JDK (17 or newer) and
// Maven, which fetches Dubbo the first time.

import { execFile } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { rmSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import { mavenJars } from "../../harness/maven_jars.ts";
import { fromRoot } from "../../harness/repository.ts";

/** The releases of Dubbo Java that peers can be: profiles of dubbo-java/pom.xml. */
export type JavaRelease = "2.6.12" | "2.7.23" | "3.3.6";

const SOURCES = fromRoot("test", "peers", "dubbo-java");
const BUILD = fromRoot("build", "interop", "java");
/**
 * A name for 127.0.0.1. Dubbo Java takes `127.…`, `localhost` and `0.0.0.0` in a provider's address for the
 * machine's own, which is another one (AbstractClient.getConnectAddress, NetUtils.filterLocalHost).
 */
export const LOOPBACK = "dubbo-local";
/** Where a JVM looks names up instead of anywhere else. */
const HOSTS = join(BUILD, "hosts");
/** For a first download; then it takes two seconds. */
const BUILD_MS = 10 * 60_000;
/** What Dubbo 2 reaches into by reflection, which a JDK of today does not let it do. */
const OPENED = ["java.lang", "java.util", "java.math"];

const built = new Map<JavaRelease, Promise<void>>();

/**
 * What `java` takes to run the class `interop.<name>` with a release of Dubbo. Rejects with Maven's or the
 * compiler's words.
 */
export async function javaArguments(
  name: "Provider" | "Consumer",
  release: JavaRelease,
): Promise<string[]> {
  if (!built.has(release)) built.set(release, build(release));
  await built.get(release);
  return [
    ...machineArguments(),
    ...(isDubbo2(release) ? OPENED.map((name) => `--add-opens=java.base/${name}=ALL-UNNAMED`) : []),
    "-cp",
    [directory(release, "classes"), join(directory(release, "lib"), "*")].join(delimiter),
    `interop.${name}`,
  ];
}

/** What every `java` of ours is given: it lives for seconds, and knows `LOOPBACK`. */
export function machineArguments(): string[] {
  mkdirSync(BUILD, { recursive: true });
  const hosts = `127.0.0.1 ${LOOPBACK} ${hostname()}\n`;
  // Another process may be starting a JVM that reads it.
  if (!existsSync(HOSTS) || readFileSync(HOSTS, "utf8") !== hosts) writeFileSync(HOSTS, hosts);
  // Nothing need be compiled twice.
  return ["-XX:TieredStopAtLevel=1", `-Djdk.net.hosts.file=${HOSTS}`];
}

/** Compiles these files. Rejects with the compiler's words. */
export async function compile(
  paths: readonly string[],
  libraries: string,
  classes: string,
): Promise<void> {
  const options = ["-encoding", "UTF-8", "-proc:none", "-cp", join(libraries, "*"), "-d", classes];
  await run("javac", [...options, ...paths]);
}

function isDubbo2(release: JavaRelease): boolean {
  return release.startsWith("2.");
}

function directory(release: JavaRelease, name: string): string {
  return join(BUILD, release, name);
}

async function build(release: JavaRelease): Promise<void> {
  const [classes, libraries] = [directory(release, "classes"), directory(release, "lib")];
  mkdirSync(classes, { recursive: true });
  await mavenJars(join(SOURCES, "pom.xml"), libraries, [`-P${release}`]);
  const sources = directory(release, "src");
  rmSync(sources, { recursive: true, force: true });
  for (const part of ["common", isDubbo2(release) ? "v2" : "v3"]) {
    cpSync(join(SOURCES, "src", part), sources, { recursive: true });
  }
  const files = readdirSync(sources, { recursive: true, encoding: "utf8" });
  const paths = files.filter((file) => file.endsWith(".java")).map((file) => join(sources, file));
  const isAlibaba = release.startsWith("2.6.");
  if (isAlibaba) paths.forEach(asAlibaba);
  await compile(paths, libraries, classes);
  // Dubbo's own list of extensions: a file with the interface's name. There is an "echo" already.
  const extensions = join(classes, "META-INF", "dubbo");
  mkdirSync(extensions, { recursive: true });
  const filter = `${isAlibaba ? "com.alibaba" : "org.apache"}.dubbo.rpc.Filter`;
  writeFileSync(join(extensions, filter), "interop-echo=interop.Echo\n");
}

/** Up to 2.6 Dubbo's classes have the same names in Alibaba's package. */
function asAlibaba(path: string): void {
  const text = readFileSync(path, "utf8");
  writeFileSync(path, text.replaceAll("import org.apache.dubbo.", "import com.alibaba.dubbo."));
}

async function run(command: string, args: string[]): Promise<void> {
  await promisify(execFile)(command, args, { timeout: BUILD_MS });
}
