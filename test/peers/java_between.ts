// Envoy with our filter between Dubbo Java peers, and what a provider behind it must have received.

import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { setPluginConfig, wasmPlugins, type Json } from "../../harness/envoy_config.ts";
import { startEnvoy, type EnvoyProcess } from "../../harness/envoy_process.ts";
import { freePorts } from "../../harness/ports.ts";
import { envoyBetween, ourFilter, type BetweenPorts } from "./envoy_between.ts";
import { startJavaProvider, type JavaProviderOptions } from "./java_peers.ts";
import { reportsOf, type PeerProvider } from "./peer_process.ts";
import { linesOf, totalSent, type CallLine, type Report } from "./report.ts";

/** A provider for as long as the test runs. */
export async function startProvider(
  t: TestContext,
  options: JavaProviderOptions,
): Promise<PeerProvider> {
  const provider = await startJavaProvider(options);
  t.after(() => provider.stop());
  return provider;
}

/** An Envoy with our filter in each way through to a provider of both services at `port`. */
export async function startBetween(
  t: TestContext,
  port: number,
  filterConfig: Json,
): Promise<{ envoy: EnvoyProcess; ports: BetweenPorts }> {
  const [admin, dubbo, user, order] = (await freePorts(4)) as [number, number, number, number];
  const ports = { admin, dubbo, user, order };
  const config = envoyBetween(ports, port, port, ourFilter());
  for (const plugin of wasmPlugins(config)) setPluginConfig(plugin, filterConfig);
  const envoy = await startEnvoy({ config, componentLogLevel: "dubbo:critical,wasm:info" });
  t.after(() => envoy.stop());
  return { envoy, ports };
}

/** What the provider received, once it is so many calls. */
export async function received(provider: PeerProvider, calls: number): Promise<CallLine[]> {
  return linesOf(...(await reportsOf(calls, [provider])));
}

/** What a provider must say of what was sent: to it a one-way call is one like any other. */
export function expected(
  sent: Report,
  calls: number,
  isMarked: (line: CallLine) => boolean,
): CallLine[] {
  assert.equal(totalSent(sent), calls);
  return linesOf(sent).map((line) => {
    const marked = isMarked(line) ? line.sent : 0;
    return { ...line, ok: line.ok + line.oneway, oneway: 0, marked };
  });
}
