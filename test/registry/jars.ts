// The jars with which Dubbo Java registers itself, as class paths.

import { mavenJars } from "../../harness/maven_jars.ts";
import { fromRoot } from "../../harness/repository.ts";
import { zooKeeperJars } from "../../harness/zookeeper.ts";

/** @param kind of registry, Dubbo's word in its address */
export function registryJars(kind: string): Promise<string> {
  return kind === "zookeeper" ? zooKeeperJars() : nacosJars();
}

let nacos: Promise<string> | undefined;

function nacosJars(): Promise<string> {
  nacos ??= mavenJars(
    fromRoot("test", "registry", "pom.xml"),
    fromRoot("build", "registry", "nacos"),
  );
  return nacos;
}
