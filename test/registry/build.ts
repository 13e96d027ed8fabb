// Builds and fetches what `npm run test:registry` needs besides npm's packages: rnacos, dubbo-go's provider with its
// clients of registries, Dubbo Java, and the jars of registries.

import { goCommand } from "../peers/go_build.ts";
import { javaArguments } from "../peers/java_build.ts";
import { registryJars } from "./jars.ts";
import { buildRnacos } from "./rnacos_build.ts";

try {
  await buildRnacos();
  await goCommand("registered");
  await javaArguments("Provider", "3.3.6");
  for (const kind of ["zookeeper", "nacos"]) await registryJars(kind);
} catch (error) {
  console.error(`test:registry: ${(error as Error).message}`);
  process.exit(1);
}
