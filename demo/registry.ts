// `npm start -- --registry zookeeper`: providers register themselves in a ZooKeeper, and `npm run registry` tells
// Envoy where they are. Of their clusters and routes Envoy's configuration then has none.

import { spawnSync } from "node:child_process";
import { clustersOf, listenersOf, localConfig, named } from "../harness/envoy_config.ts";
import type { Json } from "../harness/envoy_config.ts";
import type { Parts } from "../harness/parts.ts";
import { answers } from "../harness/readiness.ts";
import { startRegistryProgram } from "../harness/registry_program.ts";
import { fromRoot } from "../harness/repository.ts";
import { ZooKeeperServer } from "../harness/zookeeper.ts";

const READY_MS = 20_000;
const DISCOVERY = fromRoot("docs", "discovery.yaml");
/** Their names in that file. */
const GUARD = "dubbo_guard";
const LISTENERS = [GUARD, "dubbo_dial"];
const CLUSTERS = ["registry", "dubbo_dial", "dubbo_provider"];
/** Of one provider each, in envoy-local.yaml. */
const OF_ONE_PROVIDER = /^(guard|dial)-/;
/** By which the rules of envoy-local.yaml choose a route, and by which Dubbo chooses a provider. */
const OWN_KEY = "dubbo-route";
const TAG_KEY = "dubbo.tag";

/** Where it runs. */
export interface Registry {
  /** ZooKeeper's host:port. */
  zooKeeper: string;
  /** The program's address, e.g. "http://127.0.0.1:21234". */
  url: string;
}

/** Throws where what ZooKeeper runs on, or what fetches it, is not there, and says so. */
export function needRegistry(kind: string): void {
  if (kind !== "zookeeper")
    throw new Error(`--registry is ${JSON.stringify(kind)}, expected zookeeper`);
  for (const [command, why] of [
    ["java", "ZooKeeper runs on it"],
    ["mvn", "it fetches ZooKeeper"],
  ] as const) {
    if (spawnSync(command, ["-version"]).error === undefined) continue;
    throw new Error(
      `--registry zookeeper needs the command ${command} (${why}): install a JDK and Maven`,
    );
  }
}

/** Starts ZooKeeper; it ends with the parts. */
export async function startZooKeeper(parts: Parts): Promise<string> {
  console.log("fetching ZooKeeper by Maven, if it is not there (15 MB)");
  const server = await ZooKeeperServer.start();
  process.once("exit", () => server.removeFolder());
  parts.add(server.process!);
  return server.address;
}

/** Starts the program, and has Envoy's configuration ask it. It is ready when it has read the registry. */
export async function startRegistry(
  parts: Parts,
  config: Json,
  zooKeeper: string,
): Promise<Registry> {
  const program = await startRegistryProgram("--zookeeper", zooKeeper, "--guard", GUARD);
  const { ads, url } = program;
  askRegistry(config, ads);
  await parts.add(program.process).waitUntil("ready", READY_MS, () => answers(`${url}/readyz`));
  return { zooKeeper, url };
}

/** How to see it, as lines for a terminal. */
export function registryLines({ zooKeeper, url }: Registry): string[] {
  return [
    `  curl -s '${url}/metrics' | grep -v '#'    # what the registry program has read`,
    `ZooKeeper listens on ${zooKeeper}.`,
  ];
}

// The listener "dubbo" goes on as it is up to dubbo_proxy, which takes its routes from the program.
function askRegistry(config: Json, ads: number): void {
  const discovery = localConfig({ clusters: { registry: ads } }, DISCOVERY);
  config.node = discovery.node;
  config.dynamic_resources = discovery.dynamic_resources;
  const resources = config.static_resources;
  for (const [kind, all, ours, theirs] of [
    ["listener", LISTENERS, listenersOf(config), listenersOf(discovery)],
    ["cluster", CLUSTERS, clustersOf(config), clustersOf(discovery)],
  ] as const) {
    const kept = ours.filter(({ name }) => !OF_ONE_PROVIDER.test(name));
    resources[`${kind}s`] = [...kept, ...all.map((name) => named(theirs, name, kind))];
  }
  const [filter, proxy] = dubboFilters(config);
  const plugin = filter.typed_config.config;
  const text = JSON.stringify(plugin.configuration);
  plugin.configuration = JSON.parse(text.replaceAll(`"${OWN_KEY}"`, `"${TAG_KEY}"`));
  delete proxy.typed_config.multiple_route_config;
  proxy.typed_config.drds = dubboFilters(discovery)[1].typed_config.drds;
}

function dubboFilters(config: Json): [Json, Json] {
  return named(listenersOf(config), "dubbo", "listener").filter_chains[0].filters;
}
