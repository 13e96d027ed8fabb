// Envoy with our HTTP filter before a Triple provider, and the series that it must come to.

import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { listenersOf, localConfig, wasmPlugins, type Json } from "../../harness/envoy_config.ts";
import { startEnvoy, type EnvoyProcess } from "../../harness/envoy_process.ts";
import { freePorts } from "../../harness/ports.ts";
import { parseExposition } from "../e2e/envoy_exposition.ts";
import { Expected, difference } from "../e2e/envoy_series.ts";

const FLUSH_MS = 10_000;

/** An Envoy with envoy-local.yaml's listener for Triple at `port`, before the provider at `serverPort`. */
export async function startTripleEnvoy(
  t: TestContext,
  serverPort: number,
  options: { concurrency?: number; routing?: Json; policies?: Json },
): Promise<{ envoy: EnvoyProcess; port: number }> {
  const { concurrency = 1, routing, policies } = options;
  const [port, admin] = (await freePorts(2)) as [number, number];
  const labels = ["interface", "method", "version", "group"];
  const config = localConfig({
    listeners: { triple: port },
    clusters: { "grpc-server": serverPort },
    admin,
    pluginConfig: {
      side: "consumer",
      metrics: { labels },
      ...(routing && { routing }),
      ...(policies && { policies }),
    },
  });
  config.static_resources.listeners = listenersOf(config).filter(({ name }) => name === "triple");
  config.stats_flush_interval = "0.2s";
  assert.equal(wasmPlugins(config).length, 1);
  const envoy = await startEnvoy({ config, concurrency });
  t.after(() => envoy.stop());
  return { envoy, port };
}

/** Waits until the filter's series, without those of bytes, are these and no others. */
export async function awaitTripleSeries(envoy: EnvoyProcess, expected: Expected): Promise<void> {
  const deadline = Date.now() + FLUSH_MS;
  for (;;) {
    const { values } = parseExposition(await envoy.prometheus());
    const ours = [...values].filter(([key]) => /^dubbo_(?!re(quest|sponse)_bytes)/.test(key));
    const wrong = difference(new Map(ours), expected.values);
    if (wrong.length === 0) return;
    if (Date.now() > deadline) assert.fail(wrong.join("\n"));
    await sleep(50);
  }
}
