// Measures chains side by side: in each round every chain gets a fresh Envoy, and each shape's load is
// put on all of them in turns, so that what the machine does meanwhile meets all alike.
//
// A fresh Envoy each round, because where a process happens to lie in memory is worth some percent of
// its time; several short turns in a round, in another order each time, because the machine changes.

import { startEnvoy, type EnvoyProcess } from "../harness/envoy_process.ts";
import { freePorts } from "../harness/ports.ts";
import type { LoadQuestion, LoadReply } from "./client.ts";
import { differences, readCounters } from "./counters.ts";
import { Peer } from "./peer.ts";
import { cpuCost } from "./process_cost.ts";
import type { ProviderQuestion } from "./provider.ts";
import type { Shape } from "./shapes.ts";
import { sinkPort } from "./sink.ts";
import { variantConfig, type Variant } from "./variants.ts";

/** The generator's calls straight to the provider: its own ceiling. */
export const DIRECT = "direct";

export interface RunOptions {
  variants: Variant[];
  shapes: Shape[];
  rounds: number;
  /** Turns of all chains in a round. */
  turns: number;
  /** Time of one load. */
  ms: number;
  /** Hears what is being done. */
  log: (line: string) => void;
}

/** One load on one chain. */
export interface Measurement {
  /** Number of the turn, over all rounds: what is compared was measured in the same one. */
  turn: number;
  shape: string;
  variant: string;
  calls: number;
  callsPerSecond: number;
  /** CPU time of Envoy in µs per call; undefined without Envoy. */
  cpuPerCall: number | undefined;
  /** How long Envoy waited for a core, as a share of its CPU time: how busy the machine was. */
  waited: number | undefined;
  /** Latencies in µs. */
  p50: number;
  p99: number;
  /** Why it must not be believed; empty where all counters agree. */
  void: string[];
}

/** Whether a measurement is void; each is told on the standard output. */
export function isVoid(measurements: readonly Measurement[]): boolean {
  const wrong = measurements.filter((one) => one.void.length > 0);
  for (const { turn, shape, variant, void: why } of wrong) {
    console.log(`VOID: turn ${turn}, ${shape}, ${variant}: ${why.join("; ")}`);
  }
  return wrong.length > 0;
}

/** What came of a run. */
export interface Results {
  measurements: Measurement[];
  /** What it costs to start Envoy with a chain, by variant: a value for each round. */
  starts: Record<string, Start[]>;
}

/** Until its worker takes connections, in ms. */
export interface Start {
  cpuMs: number;
  /** As Envoy tells it; undefined in a round that was too short for it. */
  wallMs: number | undefined;
}

type Client = Peer<LoadQuestion, LoadReply>;
type Provider = Peer<ProviderQuestion, number>;

interface Peers {
  client: Client;
  provider: Provider;
  providerPort: number;
}

/** A chain in an Envoy of its own. */
export interface Running {
  variant: Variant;
  envoy: EnvoyProcess;
  port: number;
  /** CPU time of its start. */
  cpuMs: number;
}

const ASK_MS = 30_000;
/** For what comes before and after a load's own time: 10,000 frames to encode, metrics to be made. */
const LOAD_MS = 150_000;
/** Before a first turn: V8 compiles a second time what is called often. */
const FIRST = { warmUpMs: 500, settleMs: 600 };
/** The filter makes its metrics in Envoy when it ticks, every 500 ms: later there are none to make. */
const LATER = { warmUpMs: 50, settleMs: 0 };
/** dubbo_proxy logs each route that does not match. */
const LOG_LEVELS = "dubbo:critical";

/** Measures everything. Rejects where Envoy or a load fails; what is void is in the results. */
export async function run(options: RunOptions): Promise<Results> {
  const client: Client = new Peer("./client.ts");
  const provider: Provider = new Peer("./provider.ts");
  const results: Results = { measurements: [], starts: {} };
  try {
    const providerPort = await provider.ask("listen", ASK_MS);
    for (let round = 0; round < options.rounds; round++) {
      await runRound(options, round, { client, provider, providerPort }, results);
    }
  } finally {
    client.stop();
    provider.stop();
  }
  return results;
}

async function runRound(
  options: RunOptions,
  round: number,
  peers: Peers,
  results: Results,
): Promise<void> {
  const { client, providerPort } = peers;
  const running: Running[] = [];
  try {
    for (const variant of options.variants) {
      running.push(await startVariant(variant, providerPort));
    }
    for (const shape of options.shapes) {
      for (let turn = 0; turn < options.turns; turn++) {
        const number = round * options.turns + turn;
        const before = turn === 0 ? FIRST : LATER;
        const load = { shape, port: providerPort, pid: undefined, ms: options.ms, ...before };
        const ceiling = await client.ask(load, LOAD_MS + load.ms);
        results.measurements.push(measurement(number, shape, DIRECT, ceiling, []));
        for (const one of ordered(running, number)) {
          const question = { ...load, port: one.port, pid: one.envoy.process.pid };
          const found = await measure(one, question, number, peers);
          results.measurements.push(found);
          options.log(describe(found));
        }
      }
    }
    for (const { variant, envoy, cpuMs } of running) {
      const wallMs = await initializationMs(envoy);
      (results.starts[variant.name] ??= []).push({ cpuMs, wallMs });
    }
  } finally {
    for (const { envoy } of running) await envoy.stop();
  }
}

/** Starts Envoy with a chain. The caller has to stop it. */
export async function startVariant(variant: Variant, providerPort: number): Promise<Running> {
  const [listener, admin] = (await freePorts(2)) as [number, number];
  const config = variantConfig(variant, {
    listener,
    provider: providerPort,
    admin,
    collector: await sinkPort(),
  });
  const envoy = await startEnvoy({ config, componentLogLevel: LOG_LEVELS });
  return { variant, envoy, port: listener, cpuMs: cpuCost(envoy.process.pid!).ran / 1e6 };
}

/** Envoy shows it some seconds after its start. */
async function initializationMs(envoy: EnvoyProcess): Promise<number | undefined> {
  const text = await envoy.get("/stats?filter=initialization_time_ms");
  const median = / P50\([^,]*,([\d.]+)\)/.exec(text)?.[1];
  return median === undefined ? undefined : Number(median);
}

async function measure(
  { variant, envoy }: Running,
  question: LoadQuestion,
  turn: number,
  { client, provider }: Peers,
): Promise<Measurement> {
  const before = await readCounters(envoy, variant.counters);
  const seenBefore = await provider.ask("calls", ASK_MS);
  const load = await client.ask(question, LOAD_MS + question.ms);
  const seen = (await provider.ask("calls", ASK_MS)) - seenBefore;
  const wrong = await differences(envoy, variant.counters, before, load);
  if (seen !== load.calls) wrong.push(`the provider saw ${seen} calls, not ${load.calls}`);
  return measurement(turn, question.shape, variant.name, load, wrong);
}

function measurement(
  turn: number,
  shape: Shape,
  variant: string,
  load: LoadReply,
  wrong: string[],
): Measurement {
  const { calls, seconds, cpu, p50, p99 } = load.measured;
  if (load.answers !== load.calls) wrong.push(`${load.answers} answers to ${load.calls} calls`);
  if (calls === 0) wrong.push("no calls");
  return {
    turn,
    shape: shape.name,
    variant,
    calls,
    callsPerSecond: calls / seconds,
    cpuPerCall: variant === DIRECT ? undefined : cpu.ran / 1000 / calls,
    waited: variant === DIRECT ? undefined : cpu.waited / cpu.ran,
    p50,
    p99,
    void: wrong,
  };
}

/** In another order each turn: each chain comes first once, forwards and backwards in turn. */
function ordered<T>(all: T[], turn: number): T[] {
  const at = turn % all.length;
  const turned = [...all.slice(at), ...all.slice(0, at)];
  return turn % 2 === 0 ? turned : turned.reverse();
}

function describe(one: Measurement): string {
  const cpu = one.cpuPerCall?.toFixed(3) ?? "";
  const rate = Math.round(one.callsPerSecond);
  const wrong = one.void.length === 0 ? "" : `  VOID: ${one.void.join("; ")}`;
  return `turn ${one.turn} ${one.shape} ${one.variant}: ${cpu} µs, ${rate} calls/s${wrong}`;
}
