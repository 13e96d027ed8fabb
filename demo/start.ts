// `npm start`: three Dubbo providers (of users in two versions), users by gRPC and by HTTP, Envoy
// with envoy-local.yaml, the consumer and a page that shows it all, until Ctrl-C.
//
// A service that ends is started again. Exit code 0 where it was told to end; 1 where it could not begin,
// or Envoy or the consumer died.
// Options: see USAGE.

import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { parseArgs } from "node:util";
import { findEnvoy } from "../harness/envoy_binary.ts";
import type { Endpoint, Json } from "../harness/envoy_config.ts";
import { adminEndpoint, clusterEndpoint, listenerEndpoints } from "../harness/envoy_config.ts";
import { LOCAL_CONFIG, readConfig, wasmFiles } from "../harness/envoy_config.ts";
import { startEnvoy } from "../harness/envoy_process.ts";
import { refuseUsedPorts, runParts, startProgram, type Parts } from "../harness/parts.ts";
import { servePage } from "../observability/page/server.ts";
import { demoActions } from "./actions.ts";
import { accepts, answers } from "../harness/readiness.ts";
import { fromRoot } from "../harness/repository.ts";
import type { Jaeger } from "../harness/collectors.ts";
import { needRegistry, registryLines, startRegistry, startZooKeeper } from "./registry.ts";
import type { Registry } from "./registry.ts";
import { needJaeger, startTraces, traceLines } from "./traces.ts";

/** A provider: the cluster by which Envoy finds it, its program and the version that it says it is. */
interface Provider {
  cluster: string;
  script: string;
  label: string;
}

/** A service that is started: its name, its program and where it listens. */
type Service = Omit<Provider, "cluster"> & Pick<Endpoint, "name" | "port">;

const PROVIDERS: Provider[] = [
  { cluster: "user-provider", script: "user_provider.ts", label: "v1" },
  { cluster: "user-provider-v2", script: "user_provider.ts", label: "v2" },
  { cluster: "order-provider", script: "order_provider.ts", label: "v1" },
  { cluster: "grpc-server", script: "grpc_server.ts", label: "v1" },
];
/** Those that speak the Dubbo protocol. */
const DUBBO_PROVIDERS = ["user_provider.ts", "order_provider.ts"];
const READY_MS = 20_000;

const OPTIONS = {
  config: { type: "string", default: LOCAL_CONFIG },
  "http-port": { type: "string", default: "8090" },
  "user-http-port": { type: "string", default: "8091" },
  traces: { type: "boolean", default: false },
  registry: { type: "string" },
  "page-port": { type: "string", default: "8092" },
  help: { type: "boolean", default: false },
} as const;

const USAGE = `npm start -- [OPTION]...
  --config FILE         Envoy's configuration, instead of envoy-local.yaml
  --http-port PORT      the consumer's port (8090)
  --user-http-port PORT user-http's port (8091)
  --page-port PORT      the live page's port (8092)
  --traces              also starts Jaeger, and sends it a span for every call
  --registry zookeeper  also starts ZooKeeper, where providers register, and \`npm run registry\`, from which
                        Envoy gets their addresses`;

const values = readOptions();
await runParts(start);

function readOptions() {
  try {
    const { values } = parseArgs({ options: OPTIONS });
    if (!values.help) return values;
    console.log(USAGE);
    process.exit(0);
  } catch (error) {
    console.error(`${(error as Error).message}\n${USAGE}`);
    process.exit(1);
  }
}

async function start(parts: Parts): Promise<string> {
  if (values.traces) needJaeger();
  if (values.registry !== undefined) needRegistry(values.registry);
  const config = loadConfig();
  const httpPort = Number(values["http-port"]);
  const userHttpPort = Number(values["user-http-port"]);
  const pagePort = Number(values["page-port"]);
  const services: Service[] = [
    ...PROVIDERS.map((one) => ({ ...one, ...clusterEndpoint(config, one.cluster) })),
    { name: "user-http", script: "user_http.ts", label: "v1", port: userHttpPort },
  ];
  const listeners = listenerEndpoints(config);
  const [dubbo, triple] = ["dubbo", "triple"].map((name) => {
    const found = listeners.find((listener) => listener.name === name);
    if (found === undefined) throw new Error(`${values.config} has no listener named ${name}`);
    return address(found);
  }) as [string, string];

  const wanted: [part: string, port: number][] = services.map(({ name, port }) => [name, port]);
  for (const { name, port } of listeners) wanted.push([`Envoy's listener ${name}`, port]);
  wanted.push(["Envoy's admin interface", adminEndpoint(config).port], ["the consumer", httpPort]);
  wanted.push(["the live page", pagePort]);
  await refuseUsedPorts(wanted);
  // Only now: who has to free a port first does not want to wait for the compiler.
  compile(config);

  const binary = await findEnvoy({ log: (line) => console.log(line) });
  const zooKeeper = values.registry === undefined ? undefined : await startZooKeeper(parts);
  await Promise.all(services.map((one) => startService(parts, one, zooKeeper)));
  const registry =
    zooKeeper === undefined ? undefined : await startRegistry(parts, config, zooKeeper);
  const jaeger = values.traces ? await startTraces(config) : undefined;
  if (jaeger !== undefined) parts.add(jaeger.process);
  const envoy = await startEnvoy({
    config: jaeger === undefined && registry === undefined ? values.config : config,
    binary,
    // dubbo_proxy reports each route that does not match a call as an error.
    componentLogLevel: "dubbo:critical",
  });
  parts.add(envoy.process);
  const args = [
    ...["--port", `${httpPort}`, "--dubbo", dubbo],
    ...["--grpc", triple, "--user-http", `127.0.0.1:${userHttpPort}`],
  ];
  const consumer = parts.add(startProgram({ name: "consumer", script: "consumer.ts", args }));
  const gateway = `http://127.0.0.1:${httpPort}`;
  await consumer.waitUntil("ready", READY_MS, () => answers(`${gateway}/version`));
  const killed = PROVIDERS.map(({ cluster }) => cluster);
  const actions = demoActions(gateway, killed, (name) => parts.kill(name));
  const page = await servePage({ envoy: envoy.admin, port: pagePort, actions });
  return whatToTry({ gateway, admin: envoy.admin, page: page.url, jaeger, registry });
}

function loadConfig(): Json {
  if (!existsSync(values.config)) throw new Error(`there is no ${values.config}`);
  return readConfig(values.config);
}

/** Compiles the filter if its sources have changed; the modules that the configuration names are then there. */
function compile(config: Json): void {
  const { status } = spawnSync(process.execPath, [fromRoot("harness/compile.mjs")], {
    stdio: "inherit",
  });
  if (status !== 0) throw new Error("the filter could not be compiled");
  for (const file of wasmFiles(config)) {
    if (!existsSync(file)) throw new Error(`there is no ${file}`);
  }
}

async function startService(parts: Parts, one: Service, zooKeeper?: string): Promise<void> {
  const { name, script, label, port } = one;
  const args = ["--port", String(port), "--version-label", label];
  if (zooKeeper !== undefined && DUBBO_PROVIDERS.includes(script))
    args.push("--registry", zooKeeper);
  await parts.revive(
    () => startProgram({ name, script, args }),
    (service) => service.waitUntil("ready", READY_MS, () => accepts(port)),
  );
}

function address({ host, port }: Endpoint): string {
  return `${host}:${port}`;
}

/** What is up, by address. */
interface Up {
  gateway: string;
  admin: string;
  page: string;
  jaeger: Jaeger | undefined;
  registry: Registry | undefined;
}

function whatToTry({ gateway, admin, page, jaeger, registry }: Up): string {
  return [
    "",
    `All parts run. See it live: ${page}`,
    "Or try in another terminal:",
    `  curl -s '${gateway}/GetUserDubbo?id=7'    # podName: four in five times …-user-v1, else …-user-v2`,
    `  curl -s -H 'end-user: jason' '${gateway}/GetUserDubbo?id=7'    # always …-user-v2`,
    `  curl -s '${gateway}/SetUserDubbo?id=7&name=x'`,
    `  curl -s '${gateway}/GetOrderDubbo'`,
    `  curl -s '${gateway}/SetOrderDubbo?name=book'`,
    `  curl -s '${gateway}/usergrpc?id=7'    # gRPC, through Envoy too`,
    `  curl -s '${gateway}/userhttp?id=7'    # not through Envoy`,
    `  curl -s ${admin.replace("127.0.0.1", "localhost")}/stats/prometheus | grep '^dubbo_' | grep -v _bucket`,
    ...(jaeger === undefined ? [] : traceLines(gateway, jaeger)),
    ...(registry === undefined ? [] : registryLines(registry)),
    "Ctrl-C ends everything.",
  ].join("\n");
}
