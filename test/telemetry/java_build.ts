// Builds the Dubbo Java peers with tracing under dubbo-java/ into build/traced/java. Needs a JDK (17 or newer) and
// Maven, which fetches Dubbo, Micrometer and OpenTelemetry the first time.

import { mkdirSync, readdirSync } from "node:fs";
import { delimiter, join } from "node:path";
import { mavenJars } from "../../harness/maven_jars.ts";
import { fromRoot } from "../../harness/repository.ts";
import { compile, machineArguments } from "../peers/java_build.ts";

const MODULE = fromRoot("test", "telemetry", "dubbo-java");
/** The demo's service. */
const SERVICE = fromRoot("test", "peers", "dubbo-java", "src", "common", "com", "k8s", "User");
const BUILD = fromRoot("build", "traced", "java");

/** Builds both; answers what `java` takes to run the class `traced.<name>`. */
export async function tracedJava(): Promise<(name: "Provider" | "Consumer") => string[]> {
  const [libraries, classes] = [join(BUILD, "lib"), join(BUILD, "classes")];
  mkdirSync(classes, { recursive: true });
  await mavenJars(join(MODULE, "pom.xml"), libraries);
  const folders = [join(MODULE, "src", "traced"), SERVICE];
  const files = folders.flatMap((folder) => readdirSync(folder).map((file) => join(folder, file)));
  await compile(files, libraries, classes);
  const path = [classes, join(libraries, "*")].join(delimiter);
  return (name) => [...machineArguments(), "-cp", path, `traced.${name}`];
}
