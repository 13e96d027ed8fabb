// A real Envoy for tests: envoy-local.yaml on free ports, and what its metrics must have become.
//
// The filter tells Envoy its counters every 500 ms and when a connection ends, and Envoy shows
// durations when it flushes: so `Lab.grown` asks until the metrics are as expected or time is up.
// Envoy is shared by the tests of a file, therefore a lab adds up all that was expected so far and
// compares with that: what is counted late, after a test, makes the next one fail.

import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { findEnvoy, isAtLeast, versionOf } from "../../harness/envoy_binary.ts";
import {
  listenersOf,
  localConfig,
  named,
  wasmPlugins,
  type Json,
} from "../../harness/envoy_config.ts";
import { startEnvoy, type EnvoyOptions, type EnvoyProcess } from "../../harness/envoy_process.ts";
import { freePorts } from "../../harness/ports.ts";
import { parseExposition, type Exposition } from "./envoy_exposition.ts";
import { difference, type Expected } from "./envoy_series.ts";

/** Ports of one lab, all on 127.0.0.1. */
export interface Ports {
  /** The listener with dubbo_proxy. */
  dubbo: number;
  /** The listener with tcp_proxy. */
  tcp: number;
  /** Where the clusters user-provider and order-provider are dialled; nothing listens there yet. */
  user: number;
  order: number;
  admin: number;
}

/** What differs from `envoy-local.yaml`, and how Envoy is started. */
export interface LabOptions extends Partial<Omit<EnvoyOptions, "config">> {
  /** Changes the configuration in place. */
  change?: (config: Json, ports: Ports) => void;
}

/** The version of Envoy that the tests run, e.g. "1.39.3"; undefined where it does not say. */
export const ENVOY = await versionOf(await findEnvoy());

/** Whether that is `major.minor` or newer. What differs from version to version goes by it. */
export function envoySince(oldest: string): boolean {
  return ENVOY === undefined || isAtLeast(ENVOY, oldest);
}

/** Time of one test, and of a suite with its Envoy. */
export const LIMIT = { timeout: 60_000 };

const GROWN_MS = 10_000;
const POLL_MS = 50;
/** How many differences a failure shows. */
const SHOWN = 20;
/** Two of the filter's flushes and some: whatever is still to be counted is counted by then. */
const QUIET_MS = 1200;

/**
 * A copy of `envoy-local.yaml` on these ports that counts, and does not route or refuse: the tests of
 * routing and policies put that back. Durations are shown soon.
 */
export function labConfig(ports: Ports, change?: LabOptions["change"]): Json {
  const config = localConfig({
    listeners: { dubbo: ports.dubbo, dubbo_tcp: ports.tcp },
    clusters: { "user-provider": ports.user, "order-provider": ports.order },
    admin: ports.admin,
  });
  config.static_resources.listeners = listenersOf(config).filter(
    ({ name }) => name !== "dubbo_tcp_routed" && name !== "triple",
  );
  for (const { configuration } of wasmPlugins(config)) {
    delete configuration.value.routing;
    delete configuration.value.policies;
  }
  config.stats_flush_interval = "0.2s";
  change?.(config, ports);
  return config;
}

/**
 * Adds a copy of the listener dubbo_tcp on another port. Its Wasm plugin is in the same VM, with this
 * configuration (undefined for no field at all).
 */
export function addListener(
  config: Json,
  name: string,
  port: number,
  configuration: Json | undefined,
): Json {
  const listener: Json = structuredClone(named(listenersOf(config), "dubbo_tcp", "listener"));
  listener.name = name;
  listener.address.socket_address.port_value = port;
  for (const plugin of wasmPlugins(listener)) {
    delete plugin.configuration;
    if (configuration !== undefined) plugin.configuration = configuration;
  }
  listenersOf(config).push(listener);
  return listener;
}

/** A plugin's configuration as the committed file writes it. */
export function struct(value: object): Json {
  return { "@type": "type.googleapis.com/google.protobuf.Struct", value };
}

/** The same as JSON text. */
export function text(value: object | string): Json {
  const json = typeof value === "string" ? value : JSON.stringify(value);
  return { "@type": "type.googleapis.com/google.protobuf.StringValue", value: json };
}

/** Free ports for a lab. */
export async function labPorts(): Promise<Ports> {
  const [dubbo, tcp, user, order, admin] = await freePorts(5);
  return { dubbo: dubbo!, tcp: tcp!, user: user!, order: order!, admin: admin! };
}

/** A running Envoy and what its metrics are expected to be; `startLab` makes them. */
export class Lab {
  readonly envoy: EnvoyProcess;
  readonly ports: Ports;
  #expected = new Map<string, number>();

  constructor(envoy: EnvoyProcess, ports: Ports) {
    this.envoy = envoy;
    this.ports = ports;
  }

  /** All series, Envoy's own too, read strictly. */
  async scrape(): Promise<Exposition> {
    return parseExposition(await this.envoy.prometheus());
  }

  /** One of Envoy's own values, 0 where there is none. */
  async own(key: string): Promise<number> {
    return (await this.scrape()).values.get(key) ?? 0;
  }

  /**
   * Resolved once the filter's series, all of them, are those expected so far and `more`. Rejects
   * with the differences where that does not come true in time.
   */
  async grown(more: Expected): Promise<Exposition> {
    for (const [key, value] of more.values) {
      this.#expected.set(key, (this.#expected.get(key) ?? 0) + value);
    }
    const end = Date.now() + GROWN_MS;
    for (;;) {
      const scrape = await this.scrape();
      const wrong = difference(ours(scrape), this.#expected);
      if (wrong.length === 0) return scrape;
      if (Date.now() >= end) {
        // What is wrong here is told once, not again by each test that follows.
        this.#expected = ours(scrape);
        const more = wrong.splice(SHOWN).length;
        if (more > 0) wrong.push(`and ${more} more`);
        assert.fail(`the filter's metrics, expected and actual:\n${wrong.join("\n")}`);
      }
      await sleep(POLL_MS);
    }
  }

  /** Resolved if the filter's series are still those expected after two flushes. */
  async stays(): Promise<void> {
    await sleep(QUIET_MS);
    const wrong = difference(ours(await this.scrape()), this.#expected);
    assert.deepEqual(wrong, [], "counted late");
  }

  /** Ends Envoy. Rejects where it had ended by itself, or badly. */
  async stop(): Promise<void> {
    assert.equal(this.envoy.process.end, undefined, this.envoy.process.lastLines());
    assert.equal(await this.envoy.stop(), "exit code 0", this.envoy.process.lastLines());
  }
}

/** The series that are not Envoy's own; it begins all of its names with its own. */
export function ours(scrape: Exposition): Map<string, number> {
  return new Map([...scrape.values].filter(([key]) => !key.startsWith("envoy_")));
}

/** Starts Envoy on a copy of `envoy-local.yaml`. The caller has to stop it. */
export async function startLab(options: LabOptions = {}, ports?: Ports): Promise<Lab> {
  const { change, ...rest } = options;
  const chosen = ports ?? (await labPorts());
  const config = labConfig(chosen, change);
  return new Lab(await startEnvoy({ ...rest, config }), chosen);
}

/** Resolved once the condition holds. Rejects after ten seconds. */
export async function until(what: string, holds: () => unknown): Promise<void> {
  const end = Date.now() + GROWN_MS;
  while (!(await holds())) {
    assert.ok(Date.now() < end, `not in time: ${what}`);
    await sleep(POLL_MS / 5);
  }
}
