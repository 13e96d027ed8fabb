// What every fault is played on: a real Envoy with one chain, a provider that can fail, and beside it
// calls to a healthy provider through the same chain, which no fault may touch.

import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import type { Json } from "../../harness/envoy_config.ts";
import { startEnvoy, type EnvoyProcess } from "../../harness/envoy_process.ts";
import { freePorts } from "../../harness/ports.ts";
import { startProcess, type ManagedProcess } from "../../harness/processes.ts";
import { fromRoot } from "../../harness/repository.ts";
import { sumOf } from "../e2e/envoy_series.ts";
import { parseExposition } from "../e2e/envoy_exposition.ts";
import { chainConfig, FAULTY_CLUSTER, type Chain, type StagePorts } from "./chains.ts";
import { Client, type Outcome } from "./client.ts";
import { countsOf, type Counts } from "./counts.ts";
import { FAULTY, HEALTHY } from "./methods.ts";
import { WatchedFiles } from "./watched_files.ts";

/** How a scene wants its stage. */
export interface StageOptions {
  /** Envoy's --drain-time-s; so long that nothing drains, unless given. */
  drainSeconds?: number;
  /** The healthy provider's chain; the same unless given. */
  bystanderChain?: Chain;
  /** Envoy's worker threads; 1 unless given. */
  concurrency?: number;
  /** Changes the configuration in place. */
  change?: (config: Json) => void;
}

const READY_MS = 30_000;
const WAIT_MS = 30_000;
const POLL_MS = 50;
const BYSTANDER_MS = 20;
const NEVER_SECONDS = 600;

/** One Envoy, its providers and its callers; `Stage.set` makes them. */
export class Stage {
  readonly chain: Chain;
  readonly ports: StagePorts;
  readonly envoy: EnvoyProcess;
  readonly files: WatchedFiles;
  /** The configuration as it was before its listeners and endpoints went into files. */
  readonly config: Json;
  provider: ManagedProcess;
  /** Calls the provider that fails. */
  readonly client: Client;
  /** What became of the calls to the healthy one. */
  readonly bystander: Outcome[] = [];
  readonly #healthy: ManagedProcess;
  readonly #clients: Client[] = [];
  #bystanding: Promise<void> | undefined;
  #stopped = false;
  #since = 0;
  #took = 0;

  private constructor(
    chain: Chain,
    ports: StagePorts,
    config: Json,
    files: WatchedFiles,
    [envoy, provider, healthy]: [EnvoyProcess, ManagedProcess, ManagedProcess],
  ) {
    this.chain = chain;
    this.ports = ports;
    this.config = config;
    this.files = files;
    this.envoy = envoy;
    this.provider = provider;
    this.#healthy = healthy;
    this.client = this.newClient();
  }

  /** Starts all parts. Ends them again where one does not come up. */
  static async set(chain: Chain, options: StageOptions = {}): Promise<Stage> {
    const [listener, bystander, faulty, healthy, admin] = await freePorts(5);
    const ports: StagePorts = {
      listener: listener!,
      bystander: bystander!,
      faulty: faulty!,
      healthy: healthy!,
      admin: admin!,
    };
    const config = chainConfig(chain, ports, options.bystanderChain);
    options.change?.(config);
    const original = structuredClone(config);
    const files = new WatchedFiles();
    files.takeOver(config);
    const args = ["--drain-time-s", String(options.drainSeconds ?? NEVER_SECONDS)];
    args.push("--drain-strategy", "immediate");
    const starting = [
      startEnvoy({
        config,
        args,
        concurrency: options.concurrency,
        componentLogLevel: "dubbo:critical",
        readyMs: READY_MS,
      }),
      startProvider(ports.faulty),
      startProvider(ports.healthy),
    ] as const;
    try {
      return new Stage(chain, ports, original, files, await Promise.all(starting));
    } catch (error) {
      for (const one of await Promise.allSettled(starting)) {
        if (one.status === "fulfilled") await one.value.stop();
      }
      files.remove();
      throw error;
    }
  }

  /** Another caller of the provider that fails. */
  newClient(): Client {
    const client = new Client(this.ports.listener, FAULTY);
    this.#clients.push(client);
    return client;
  }

  /** Starts to call the healthy provider, one call after the other, until `stopBystander`. */
  startBystander(): void {
    const client = new Client(this.ports.bystander, HEALTHY);
    this.#clients.push(client);
    this.#bystanding = (async () => {
      while (!this.#stopped) {
        this.bystander.push(await client.call("answer"));
        await sleep(BYSTANDER_MS);
      }
    })();
  }

  /** Makes no more calls to the healthy provider. */
  async stopBystander(): Promise<void> {
    this.#stopped = true;
    await this.#bystanding;
  }

  /** Resolved once the provider has so many more calls of this kind than `before`. */
  async providerHas(count: number, method: string): Promise<void> {
    const seen = () => this.provider.log.split(`got ${method}\n`).length - 1;
    await this.provider.waitUntil(`called ${count} times`, WAIT_MS, () => seen() >= count);
  }

  /** Starts the provider, which has ended, again. */
  async startProvider(): Promise<void> {
    this.provider = await startProvider(this.ports.faulty);
  }

  /** The fault happens now: from here on `took` counts. */
  mark(): void {
    this.#since = Date.now();
  }

  /** The calls that the fault met have their outcome now. */
  over(): void {
    this.#took = Date.now() - this.#since;
  }

  /** Time from `mark` to `over` in ms. */
  get took(): number {
    return this.#took;
  }

  /** What the filter has counted for the provider that fails. */
  async counts(of: string = FAULTY): Promise<Counts> {
    return countsOf(await this.values(), of);
  }

  /** All series. */
  async values(): Promise<Map<string, number>> {
    return parseExposition(await this.envoy.prometheus()).values;
  }

  /** The number of open connections, as the filter counts them. */
  async openConnections(): Promise<number> {
    return sumOf(await this.values(), "connections_active");
  }

  /** Envoy's open connections to the provider that fails. */
  async providerConnections(): Promise<number> {
    const key = `envoy_cluster_upstream_cx_active{envoy_cluster_name="${FAULTY_CLUSTER}"}`;
    return (await this.values()).get(key) ?? 0;
  }

  /** By how many they are more than `before`: resolved with 0 at once, else when `ms` have passed. */
  async connectionsAbove(before: number, ms: number): Promise<number> {
    const end = Date.now() + ms;
    for (;;) {
      const more = (await this.providerConnections()) - before;
      if (more <= 0 || Date.now() >= end) return Math.max(0, more);
      await sleep(POLL_MS);
    }
  }

  /** Resolved once the condition holds. Rejects with the words of `what` after thirty seconds. */
  async until(what: string, holds: () => unknown): Promise<void> {
    const end = Date.now() + WAIT_MS;
    while (!(await holds())) {
      assert.ok(Date.now() < end, `not in time: ${what}`);
      await sleep(POLL_MS);
    }
  }

  /** Resolved once as many of Envoy's listener updates as this have arrived. */
  async reached(name: string, value: number): Promise<void> {
    const key = `envoy_listener_manager_${name}`;
    await this.until(`${key} is ${value}`, async () => (await this.values()).get(key) === value);
  }

  /** Ends all connections of all callers. */
  closeClients(): void {
    for (const client of this.#clients) client.close();
  }

  /** Ends all parts. Gives how Envoy ended: "exit code 0" where nothing has gone wrong. */
  async stop(): Promise<string> {
    await this.stopBystander();
    this.closeClients();
    const end = await this.envoy.stop();
    for (const one of [this.provider, this.#healthy]) {
      // Who is frozen hears nothing else.
      one.kill("SIGKILL");
      await one.ended;
    }
    this.files.remove();
    return end;
  }
}

async function startProvider(port: number): Promise<ManagedProcess> {
  const script = fromRoot("test/faults/faulty_provider.ts");
  const provider = startProcess({
    name: "provider",
    command: process.execPath,
    args: ["--import", "tsx", script, String(port)],
  });
  await provider.waitUntil("listening", READY_MS, () => provider.log.includes("listens"));
  return provider;
}
