// `npm run bench:memory`: what idle connections and bursts of calls cost in memory.
//
//   1. Envoy's resident memory (RSS) with 10,000 idle connections that made one call each: dubbo_proxy
//      alone, behind a Wasm filter that does nothing, and behind ours; again after they were closed.
//   2. The same around bursts of 4,096 calls in flight on one connection, with tcp_proxy.
//   3. The same after a million calls and after ten.
//   4. The module's own memory with as many idle connections, in the emulator.
//
// dubbo_proxy in 1, because its idle connections have none to a provider: with tcp_proxy Envoy would
// hold twice as many, and more than most machines let a process open. Not in 2 and 3, because each of its
// calls in flight has a connection to the provider, and Envoy's circuit breaker allows 1,024.
// Results go to build/bench/memory.json.

import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { Vm } from "../test/emulator/emulator.ts";
import { request, response } from "../test/frames/frames.ts";
import type { LoadQuestion, LoadReply } from "./client.ts";
import { differences, readCounters } from "./counters.ts";
import { runMain } from "./entry.ts";
import type { IdleQuestion, IdleReply } from "./idle_client.ts";
import { modulesFor, saveResults } from "./modules.ts";
import { Peer } from "./peer.ts";
import { residentBytes } from "./process_cost.ts";
import type { ProviderQuestion } from "./provider.ts";
import { startVariant, type Running } from "./run.ts";
import { SHAPES, type Shape } from "./shapes.ts";
import { table } from "./table.ts";
import { ourVariant, variants, wasmVariant, type Modules, type Variant } from "./variants.ts";

/** The most that one process opens under common limits, with some files left. */
const MOST_CONNECTIONS = 15_000;
const BURST_CALLS = 4096;
const BURSTS: Shape = {
  ...SHAPES[0]!,
  name: "bursts",
  connections: 1,
  inFlight: BURST_CALLS,
  callsPerConnection: BURST_CALLS,
};
const BURSTS_MS = 2000;
/** Calls after which memory is looked at. */
const MILESTONES = [1_000_000, 10_000_000];
/** One turn of load, and the most turns on the way to a milestone. */
const CALLS_MS = 1000;
const MOST_TURNS = 300;
const ASK_MS = 120_000;
/** More than Envoy's `stats_flush_interval`. */
const SETTLE_MS = 6000;
const MEBIBYTE = 1024 * 1024;

/** RSS of one chain's Envoy in bytes, in the order in which it was read. */
interface Memory {
  variant: string;
  rss: Record<string, number>;
  /** Why it must not be believed. */
  void: string[];
}

interface Peers {
  idle: Peer<IdleQuestion, IdleReply>;
  client: Peer<LoadQuestion, LoadReply>;
  provider: Peer<ProviderQuestion, number>;
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: { connections: { type: "string", default: "10000" }, module: { type: "string" } },
  });
  const connections = Number(values.connections);
  if (!(connections > 0 && connections <= MOST_CONNECTIONS)) {
    throw new Error(`--connections is ${values.connections}, expected 1 to ${MOST_CONNECTIONS}`);
  }
  const modules = await modulesFor(values.module);
  const idle = await measureAll(
    [
      ...variants(modules).filter(({ name }) => name === "dubbo_proxy"),
      wasmVariant("noop", modules.noop, {}, "dubbo_proxy"),
      ourVariant("ours", modules.ours, {}, "dubbo_proxy"),
    ],
    (running, peers) => measureIdle(running, connections, peers),
  );
  const overTcp = variants(modules).filter(({ name }) =>
    ["tcp_proxy", "noop", "ours"].includes(name),
  );
  const bursts = await measureAll(overTcp, measureBursts);
  const calls = await measureAll(overTcp, measureCalls);
  const ofModule = moduleBytes(modules, connections);

  console.log(`RSS of Envoy in MiB with ${connections} idle connections\n${report(idle)}`);
  console.log(`\nRSS of Envoy in MiB, bursts of ${BURST_CALLS} calls\n${report(bursts)}`);
  console.log(`\nRSS of Envoy in MiB after so many calls\n${report(calls)}`);
  console.log(
    `\nthe module's own memory: ${ofModule.started} bytes; with ${connections} idle connections ` +
      `${ofModule.idle} (it grows by doubling)`,
  );
  saveResults("memory.json", { connections, idle, bursts, calls, module: ofModule });
  const wrong = [...idle, ...bursts, ...calls].filter((one) => one.void.length > 0);
  for (const one of wrong) console.log(`VOID: ${one.variant}: ${one.void.join("; ")}`);
  return wrong.length > 0 ? 1 : 0;
}

async function measureAll(
  chains: readonly Variant[],
  measure: (running: Running, peers: Peers) => Promise<Memory>,
): Promise<Memory[]> {
  const peers: Peers = {
    idle: new Peer("./idle_client.ts"),
    client: new Peer("./client.ts"),
    provider: new Peer("./provider.ts"),
  };
  const found: Memory[] = [];
  try {
    const providerPort = await peers.provider.ask("listen", ASK_MS);
    for (const variant of chains) {
      const running = await startVariant(variant, providerPort);
      try {
        found.push(await measure(running, peers));
      } finally {
        await running.envoy.stop();
      }
    }
  } finally {
    for (const peer of Object.values(peers)) peer.stop();
  }
  return found;
}

async function measureIdle(running: Running, connections: number, peers: Peers): Promise<Memory> {
  const { variant, envoy, port } = running;
  const before = await readCounters(envoy, variant.counters);
  const open = (count: number) => peers.idle.ask({ port, connections: count }, ASK_MS);
  await open(1);
  const started = await settledRss(running);
  const made = await open(connections - 1);
  const idle = await settledRss(running);
  await open(0);
  const closed = await settledRss(running);
  const calls = made.connections;
  const wrong = await differences(envoy, variant.counters, before, { ...made, calls });
  const rss = { "1 connection": started, idle, closed };
  return { variant: variant.name, rss, void: wrong };
}

async function measureBursts(running: Running, { client, provider }: Peers): Promise<Memory> {
  const { variant, envoy, port } = running;
  const before = await readCounters(envoy, variant.counters);
  await provider.ask({ hold: BURST_CALLS }, ASK_MS);
  const load = { shape: BURSTS, port, pid: undefined, warmUpMs: 0, settleMs: 0 };
  const started = await settledRss(running);
  const first = await client.ask({ ...load, ms: 0 }, ASK_MS);
  const firstBursts = await settledRss(running);
  const later = await client.ask({ ...load, ms: BURSTS_MS }, ASK_MS);
  const laterBursts = await settledRss(running);
  await provider.ask({ hold: 1 }, ASK_MS);
  const wrong = await differences(envoy, variant.counters, before, sum(first, later));
  const rss = { started, "first bursts": firstBursts, "many bursts": laterBursts };
  return { variant: variant.name, rss, void: wrong };
}

async function measureCalls(running: Running, { client }: Peers): Promise<Memory> {
  const { variant, envoy, port } = running;
  const before = await readCounters(envoy, variant.counters);
  const load = { shape: SHAPES[0]!, port, pid: undefined, warmUpMs: 0, settleMs: 0, ms: CALLS_MS };
  const rss: Record<string, number> = { started: await settledRss(running) };
  let all = await client.ask(load, ASK_MS);
  for (const milestone of MILESTONES) {
    for (let turn = 0; all.calls < milestone && turn < MOST_TURNS; turn++) {
      all = sum(all, await client.ask(load, ASK_MS));
    }
    rss[`${milestone / 1e6} million calls`] = await settledRss(running);
  }
  const wrong = await differences(envoy, variant.counters, before, all);
  if (all.calls < MILESTONES.at(-1)!) wrong.push(`only ${all.calls} calls`);
  return { variant: variant.name, rss, void: wrong };
}

/** What two loads did together; what was measured of them is the first one's. */
function sum(first: LoadReply, later: LoadReply): LoadReply {
  return {
    ...first,
    calls: first.calls + later.calls,
    connections: first.connections + later.connections,
    requestBytes: first.requestBytes + later.requestBytes,
    responseBytes: first.responseBytes + later.responseBytes,
  };
}

/** Once Envoy has closed what was closed, and flushed its metrics. */
async function settledRss({ envoy }: Running): Promise<number> {
  await sleep(SETTLE_MS);
  return residentBytes(envoy.process.pid!);
}

/** The module's memory in bytes: with a plugin, and with so many connections after one call each. */
function moduleBytes(modules: Modules, connections: number): { started: number; idle: number } {
  const vm = Vm.load(readFileSync(modules.ours));
  const plugin = vm.plugin();
  const started = vm.memoryBytes();
  for (let id = 0; id < connections; id++) {
    const connection = plugin.connect({ collect: false });
    connection.downstream(request({ id }));
    connection.upstream(response({ id }));
  }
  return { started, idle: vm.memoryBytes() };
}

function report(found: readonly Memory[]): string {
  const noop = found.find(({ variant }) => variant === "noop");
  const moments = Object.keys(found[0]?.rss ?? {});
  const lines = found.map(({ variant, rss }) => [
    variant,
    ...Object.entries(rss).flatMap(([moment, bytes]) => {
      const ofNoop = bytes / (noop?.rss[moment] ?? NaN);
      return [(bytes / MEBIBYTE).toFixed(1), ofNoop.toFixed(3)];
    }),
  ]);
  const head = ["", ...moments.flatMap((moment) => [moment, "× noop"])];
  return table([head, ...lines]);
}

await runMain(main);
