// `npm run bench:registry`: the registry's program with many services, between a real ZooKeeper and a client
// of its discovery service. Prints memory, the time to the first answer, and the time from a registration
// to what is pushed. Exit code 1 where a change pushes more than what has changed.
//
//   npm run bench:registry -- --interfaces 2000 --instances 10 --changes 20

import { credentials, makeClientConstructor, type ClientDuplexStream } from "@grpc/grpc-js";
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import type { ManagedProcess } from "../../harness/processes.ts";
import { answers } from "../../harness/readiness.ts";
import { startRegistryProgram } from "../../harness/registry_program.ts";
import { aggregatedDiscoveryService } from "../../registry/ads_protos.ts";
import type { DeltaResponse } from "../../registry/delta_stream.ts";
import { CLUSTER, ENDPOINTS, ROUTES } from "../../registry/envoy_resources.ts";
import { Registrant } from "../../demo/registrant.ts";
import { ZooKeeperServer } from "../../harness/zookeeper.ts";

const { values } = parseArgs({
  options: {
    interfaces: { type: "string", default: "2000" },
    instances: { type: "string", default: "10" },
    changes: { type: "string", default: "20" },
  },
});
const interfaces = Number(values.interfaces);
const instances = Number(values.instances);
const changes = Number(values.changes);

const READY_MS = 300_000;
const PARALLEL = 200;
/** So long is waited for what should not come. */
const QUIET_MS = 300;
const MESSAGE_BYTES = 256 * 1024 * 1024;

/** A stream of discovery, as an Envoy has one; it takes what it gets. */
class Subscriber {
  readonly received: { response: DeltaResponse; at: number }[] = [];
  readonly #stream: ClientDuplexStream<object, DeltaResponse>;
  readonly #close: () => void;

  constructor(address: string) {
    const Client = makeClientConstructor(aggregatedDiscoveryService(), "ads");
    const options = { "grpc.max_receive_message_length": MESSAGE_BYTES };
    const client = new Client(address, credentials.createInsecure(), options);
    this.#close = () => client.close();
    this.#stream = (client as any).DeltaAggregatedResources();
    this.#stream.on("error", () => {});
    this.#stream.on("data", (response: DeltaResponse) => {
      this.received.push({ response, at: performance.now() });
      this.#stream.write({ type_url: response.type_url, response_nonce: response.nonce });
    });
  }

  /** Asks for these, or for all of a type. */
  subscribe(type_url: string, resource_names_subscribe: string[] = []): void {
    this.#stream.write({ type_url, resource_names_subscribe });
  }

  /** When so many resources of a type had come, in ms. */
  async has(type: string, count: number): Promise<number> {
    for (;;) {
      let sum = 0;
      for (const { response, at } of this.received) {
        if (response.type_url !== type) continue;
        sum += response.resources.length;
        if (sum >= count) return at;
      }
      await sleep(1);
    }
  }

  close(): void {
    this.#stream.cancel();
    this.#close();
  }
}

const zooKeeper = await ZooKeeperServer.start();
let program: ManagedProcess | undefined;
let wrong = 0;
try {
  const provider = await Registrant.connect(zooKeeper.address);
  const urls: string[] = [];
  for (let i = 0; i < interfaces; i++) {
    for (let j = 0; j < instances; j++) urls.push(url(i, j));
  }
  for (let i = 0; i < urls.length; i += PARALLEL) {
    await Promise.all(urls.slice(i, i + PARALLEL).map((one) => provider.register(one)));
  }
  print("registered", `${interfaces} interfaces × ${instances} instances`);

  const began = performance.now();
  const started = await startRegistryProgram("--zookeeper", zooKeeper.address);
  const { ads, url: state } = started;
  program = started.process;
  await program.waitUntil("ready", READY_MS, () => answers(`${state}/readyz`));
  print("ready", `${ms(performance.now() - began)} after its start`);

  const subscriber = new Subscriber(`127.0.0.1:${ads}`);
  const asked = performance.now();
  subscriber.subscribe(CLUSTER);
  print("first clusters", ms((await subscriber.has(CLUSTER, interfaces)) - asked));
  const keys = Array.from({ length: interfaces }, (_, i) => nameOf(i));
  subscriber.subscribe(ENDPOINTS, keys);
  subscriber.subscribe(ROUTES, ["dubbo"]);
  print("first endpoints", ms((await subscriber.has(ENDPOINTS, interfaces)) - asked));
  print("first routes", ms((await subscriber.has(ROUTES, 1)) - asked));
  print("memory", memory(program.pid!));

  const times: number[] = [];
  for (let i = 0; i < changes; i++) {
    subscriber.received.length = 0;
    const at = performance.now();
    await provider.register(url((i * 37) % interfaces, instances + i));
    times.push((await subscriber.has(ENDPOINTS, 1)) - at);
    await sleep(QUIET_MS);
    expect("an instance more", subscriber, { [ENDPOINTS]: 1 });
  }
  times.sort((a, b) => a - b);
  const median = times[times.length >> 1]!;
  print("an instance more", `${ms(median)}, at most ${ms(times.at(-1)!)}: 1 resource`);

  subscriber.received.length = 0;
  const at = performance.now();
  await provider.register(url(interfaces, 0));
  await subscriber.has(CLUSTER, 1);
  subscriber.subscribe(ENDPOINTS, [nameOf(interfaces)]);
  print("an interface more", `${ms((await subscriber.has(ROUTES, 1)) - at)}: 3 resources`);
  await sleep(QUIET_MS);
  expect("an interface more", subscriber, { [CLUSTER]: 1, [ENDPOINTS]: 1, [ROUTES]: 1 });
  print("memory", memory(program.pid!));
  subscriber.close();
  provider.close();
} finally {
  await program?.stop();
  await zooKeeper.stop();
}
process.exit(wrong === 0 ? 0 : 1);

function expect(what: string, { received }: Subscriber, wanted: Record<string, number>): void {
  const counts: Record<string, number> = {};
  for (const { response } of received) {
    const { type_url: type, resources } = response;
    counts[type] = (counts[type] ?? 0) + resources.length;
  }
  const isAsWanted =
    Object.keys(counts).length === Object.keys(wanted).length &&
    Object.entries(wanted).every(([type, count]) => counts[type] === count);
  if (isAsWanted) return;
  wrong++;
  console.error(`${what}: pushed ${JSON.stringify(counts)}, expected ${JSON.stringify(wanted)}`);
}

function nameOf(i: number): string {
  return `com.example.service.Number${i}Provider`;
}

function url(i: number, j: number): string {
  const query = `application=app${i % 100}&interface=${nameOf(i)}&side=provider&methods=a,b,c`;
  return `dubbo://10.${j >> 8}.${j & 255}.${(i % 250) + 1}:20880/${nameOf(i)}?${query}`;
}

function memory(pid: number): string {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const mib = (key: string) =>
    Math.round(Number(new RegExp(`^${key}:\\s+(\\d+) kB`, "m").exec(status)![1]) / 1024);
  return `${mib("VmRSS")} MiB, at most ${mib("VmHWM")} MiB`;
}

function ms(value: number): string {
  return `${Math.round(value)} ms`;
}

function print(what: string, value: string): void {
  console.log(`${what.padEnd(20)}${value}`);
}
