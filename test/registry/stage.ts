// A registry, `npm run registry`'s program and an Envoy with docs/discovery.yaml, which has not one provider's
// cluster or route of its own.

import { type TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { DubboClient } from "../../demo/dubbo/client.ts";
import { DubboServer } from "../../demo/dubbo/server.ts";
import { localConfig, type Json } from "../../harness/envoy_config.ts";
import { startEnvoy, type EnvoyProcess } from "../../harness/envoy_process.ts";
import { freePorts } from "../../harness/ports.ts";
import type { ManagedProcess } from "../../harness/processes.ts";
import { answers } from "../../harness/readiness.ts";
import { startRegistryProgram } from "../../harness/registry_program.ts";
import { fromRoot } from "../../harness/repository.ts";
import { Registrant } from "../../demo/registrant.ts";
import { ZooKeeperServer } from "../../harness/zookeeper.ts";
import { NacosClient, NacosServer } from "./nacos.ts";

const READY_MS = 20_000;
/** How long anything may take to become true. */
const UNTIL_MS = 20_000;
const POLL_MS = 20;
const ENVOY = fromRoot("docs", "discovery.yaml");

/** The program and an Envoy that asks it. */
export interface ProgramStage {
  envoy: EnvoyProcess;
  /** Envoy's listener with dubbo_proxy. */
  port: number;
  client: DubboClient;
  program: ManagedProcess;
  /** The program's /metrics, by name. */
  metrics(): Promise<Map<string, number>>;
}

/** All that runs in a test with ZooKeeper. */
export interface Stage extends ProgramStage {
  zooKeeper: ZooKeeperServer;
}

/**
 * Starts it all; it ends with the test.
 *
 * @param options of the program, besides where it reads and serves
 */
export async function startStage(t: TestContext, ...options: string[]): Promise<Stage> {
  const zooKeeper = await ZooKeeperServer.start();
  t.after(() => zooKeeper.stop());
  const stage = await startProgramStage(t, "--zookeeper", zooKeeper.address, ...options);
  return { zooKeeper, ...stage };
}

/** All that runs in a test with Nacos. */
export interface NacosStage extends ProgramStage {
  nacos: NacosServer;
}

/**
 * The same with Nacos.
 *
 * @param query of its address, e.g. "?group=blue"
 */
export async function startNacosStage(
  t: TestContext,
  query: string,
  ...options: string[]
): Promise<NacosStage> {
  const nacos = await NacosServer.start();
  t.after(() => nacos.stop());
  const address = `nacos://${nacos.address}${query}`;
  const stage = await startProgramStage(t, "--nacos", address, ...options);
  return { nacos, ...stage };
}

/** A client of a Nacos; it ends with the test. */
export async function nacosClient(t: TestContext, server: NacosServer): Promise<NacosClient> {
  const one = await NacosClient.connect(server);
  t.after(() => one.close());
  return one;
}

/** The same without a registry: `options` say where one is. */
export async function startProgramStage(
  t: TestContext,
  ...options: string[]
): Promise<ProgramStage> {
  const { process: program, ads, url: state } = await startRegistryProgram(...options);
  t.after(() => program.stop());
  const [admin, port] = (await freePorts(2)) as [number, number];
  await program.waitUntil("ready", READY_MS, () => answers(`${state}/healthz`));
  const envoy = await startEnvoy({
    config: localConfig({ listeners: { dubbo: port }, clusters: { registry: ads }, admin }, ENVOY),
    componentLogLevel: "dubbo:critical",
  });
  t.after(() => envoy.stop());
  const client = new DubboClient({ port });
  t.after(() => client.close());
  const metrics = async () => seriesIn(await (await fetch(`${state}/metrics`)).text());
  return { envoy, port, client, program, metrics };
}

/** A session of a provider's; it ends with the test. */
export async function registrant(t: TestContext, stage: Stage): Promise<Registrant> {
  const one = await Registrant.connect(stage.zooKeeper.address);
  t.after(() => one.close());
  return one;
}

/** A provider of some interfaces that says its name; its port. */
export async function startNamed(
  t: TestContext,
  name: string,
  ...interfaces: string[]
): Promise<number> {
  const services = interfaces.map((one) => [one, { who: () => name }]);
  const server = new DubboServer(Object.fromEntries(services));
  t.after(() => server.close());
  return server.listen();
}

/** Who answers a call of the interface by way of Envoy. Rejects as the call does. */
export async function who(
  stage: Pick<ProgramStage, "client">,
  service: string,
  group = "",
  version = "0.0.0",
  tag = "",
): Promise<string> {
  const attachments = { ...(group && { group }), ...(tag && { "dubbo.tag": tag }) };
  const call = { interface: service, method: "who", descriptor: "", args: [] };
  return String(await stage.client.call({ ...call, serviceVersion: version, attachments }));
}

/** What Envoy was told of the endpoint on a port. */
export async function endpoint(stage: ProgramStage, port: number): Promise<Json | undefined> {
  const dump = JSON.parse(await stage.envoy.get("/config_dump?include_eds"));
  return dump.configs
    .flatMap((config: Json) => config.dynamic_endpoint_configs ?? [])
    .flatMap((config: Json) => config.endpoint_config.endpoints ?? [])
    .flatMap((locality: Json) => locality.lb_endpoints ?? [])
    .find((one: Json) => one.endpoint.address.socket_address.port_value === port);
}

/** How often each provider answers. */
export async function callers(
  stage: ProgramStage,
  service: string,
  count: number,
): Promise<Record<string, number>> {
  const answers: Record<string, number> = {};
  for (let i = 0; i < count; i++) {
    const name = await who(stage, service);
    answers[name] = (answers[name] ?? 0) + 1;
  }
  return answers;
}

/** Resolved once it is true; rejects with `what` where that takes too long. What throws is not true yet. */
export async function until(what: string, probe: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + UNTIL_MS;
  let failure: unknown;
  while (Date.now() < deadline) {
    try {
      if (await probe()) return;
      failure = undefined;
    } catch (error) {
      failure = error;
    }
    await sleep(POLL_MS);
  }
  throw new Error(`not in ${UNTIL_MS} ms: ${what}`, { cause: failure });
}

/** Calls one after the other until it `ends`, which rejects where `call` did. */
export function startLoad(call: () => Promise<void>) {
  let calls = 0;
  let isEnded = false;
  const load = (async () => {
    while (!isEnded) {
      await call();
      calls++;
    }
  })();
  return {
    goesOn: async () => {
      const before = calls;
      await until("calls go on", async () => calls > before + 50);
    },
    ends: async () => {
      isEnded = true;
      await load;
    },
  };
}

/** A number of Envoy's own, e.g. "listener_manager.listener_modified"; 0 where it has not counted yet. */
export async function envoyStat(envoy: EnvoyProcess, name: string): Promise<number> {
  const text = await envoy.get(`/stats?filter=^${name.replaceAll(".", "\\.")}$`);
  return Number(/: (\d+)/.exec(text)?.[1] ?? 0);
}

function seriesIn(text: string): Map<string, number> {
  const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return new Map(lines.map((line) => [line.split(" ")[0], Number(line.split(" ")[1])]));
}
