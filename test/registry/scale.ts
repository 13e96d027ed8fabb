// `npm run bench:registry`: what 2,000 interfaces with 10 instances each cost the program that reads them from
// a real ZooKeeper, and what one change costs then. Prints its numbers; ends with 1 where something is not
// as it must be.
//
// Options: --interfaces (2000), --instances (10).

import { credentials, makeGenericClientConstructor } from "@grpc/grpc-js";
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { freePorts } from "../../harness/ports.ts";
import { startProcess } from "../../harness/processes.ts";
import { answers } from "../../harness/readiness.ts";
import { fromRoot, ROOT } from "../../harness/repository.ts";
import { aggregatedDiscoveryService } from "../../registry/ads_protos.ts";
import { CLUSTER, ENDPOINTS } from "../../registry/envoy_resources.ts";
import { Registrant, ZooKeeperServer } from "./zookeeper.ts";

const READY_MS = 120_000;
/** So many registrations are under way at once. */
const PARALLEL = 100;
const MESSAGE_BYTES = 64 * 1024 * 1024;

const { values } = parseArgs({
  options: {
    interfaces: { type: "string", default: "2000" },
    instances: { type: "string", default: "10" },
  },
});
const [interfaces, instances] = [Number(values.interfaces), Number(values.instances)];

const zooKeeper = await ZooKeeperServer.start();
const session = await Registrant.connect(zooKeeper);
await registerAll();
const [ads, http] = (await freePorts(2)) as [number, number];
const args = ["--import", "tsx", fromRoot("registry", "main.ts"), "--zookeeper"];
args.push(zooKeeper.address, "--ads", `127.0.0.1:${ads}`, "--http", `127.0.0.1:${http}`);
const began = Date.now();
const program = startProcess({ name: "registry", command: process.execPath, args, cwd: ROOT });
try {
  const ready = `http://127.0.0.1:${http}/readyz`;
  await program.waitUntil("ready", READY_MS, async () => {
    return (await answers(ready)) && (await fetch(ready)).ok;
  });
  print("from its start until it serves", `${Date.now() - began} ms`);
  await asEnvoy();
  print("memory (RSS)", `${Math.round(rssBytes() / 2 ** 20)} MiB`);
} finally {
  await program.stop();
  session.close();
  await zooKeeper.stop();
}
process.exit();

async function registerAll(): Promise<void> {
  const urls = Array.from({ length: interfaces * instances }, (_, i) => {
    const name = `com.example.scale.Service${Math.floor(i / instances)}`;
    return urlOf(name, i % instances);
  });
  for (let i = 0; i < urls.length; i += PARALLEL) {
    await Promise.all(urls.slice(i, i + PARALLEL).map((url) => session.register(url)));
  }
  print("registered", `${interfaces} interfaces × ${instances} instances`);
}

function urlOf(name: string, index: number): string {
  const parameters =
    "application=scale&dubbo=2.0.2&release=3.3.6&side=provider&methods=get,set,list";
  return `dubbo://192.0.2.${index + 1}:20880/${name}?interface=${name}&${parameters}`;
}

// Subscribes as an Envoy does, then has one instance join.
async function asEnvoy(): Promise<void> {
  const Client = makeGenericClientConstructor(aggregatedDiscoveryService(), "ads");
  const client = new Client(`127.0.0.1:${ads}`, credentials.createInsecure(), {
    "grpc.max_receive_message_length": MESSAGE_BYTES,
  }) as any;
  const stream = client.DeltaAggregatedResources();
  const next = () => new Promise<any>((resolve) => stream.once("data", resolve));
  let asked = Date.now();
  let answer = next();
  stream.write({ type_url: CLUSTER });
  const clusters = await answer;
  print("first answer: clusters", `${clusters.resources.length} in ${Date.now() - asked} ms`);
  stream.write({ type_url: CLUSTER, response_nonce: clusters.nonce });
  asked = Date.now();
  answer = next();
  const names = clusters.resources.map(({ name }: { name: string }) => name);
  stream.write({ type_url: ENDPOINTS, resource_names_subscribe: names });
  const endpoints = await answer;
  print("their endpoints", `${endpoints.resources.length} in ${Date.now() - asked} ms`);
  stream.write({ type_url: ENDPOINTS, response_nonce: endpoints.nonce });

  asked = Date.now();
  answer = next();
  await session.register(urlOf("com.example.scale.Service7", instances));
  const change = await answer;
  print("one instance joins", `${change.resources.length} resource in ${Date.now() - asked} ms`);
  stream.cancel();
  stream.on("error", () => {});
  client.close();
  const counts = [clusters, endpoints, change].map(({ resources }) => resources.length);
  if (counts.join() !== `${interfaces},${interfaces},1`) process.exitCode = 1;
}

function rssBytes(): number {
  const status = readFileSync(`/proc/${program.pid}/status`, "utf8");
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)![1]) * 1024;
}

function print(what: string, value: string): void {
  console.log(`${what.padEnd(34)} ${value}`);
}
