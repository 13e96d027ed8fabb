// Our filter between real dubbo-go peers: its Prometheus series are exactly what the consumer says
// it sent and received.

import assert from "node:assert/strict";
import { before, describe, test, type TestContext } from "node:test";
import { setPluginConfig, wasmPlugins } from "../../harness/envoy_config.ts";
import { startEnvoy, type EnvoyProcess } from "../../harness/envoy_process.ts";
import { freePorts } from "../../harness/ports.ts";
import { envoyBetween, ourFilter, type BetweenPorts } from "./envoy_between.ts";

import { goCommand } from "./go_build.ts";
import { runGoConsumer, startGoProvider, type ConsumerOptions } from "./go_peers.ts";
import { awaitSeries } from "./routing_series.ts";
import { eventsIn } from "./series.ts";
import { holdThrown, TELLS_THROWN } from "./thrown.ts";

const CALLS = 1000;
const TEST = { timeout: 60_000 };

describe("the filter counts dubbo-go's calls", () => {
  before(async () => void (await goCommand("consumer")));

  for (const concurrency of [1, 2]) {
    test(`in front of tcp_proxy, ${concurrency} workers`, TEST, async (t) => {
      const { envoy, ports } = await startWithFilter(t, concurrency);
      const addresses = { user: `127.0.0.1:${ports.user}`, order: `127.0.0.1:${ports.order}` };
      await countsAll(envoy, { ...addresses, calls: CALLS, parallel: 16 });
    });

    test(`in front of dubbo_proxy, ${concurrency} workers`, TEST, async (t) => {
      const { envoy, ports } = await startWithFilter(t, concurrency);
      const address = `127.0.0.1:${ports.dubbo}`;
      await countsAll(envoy, { user: address, order: address, calls: CALLS, parallel: 16 });
    });
  }

  test("heartbeats are events and no calls", TEST, async (t) => {
    const { envoy, ports } = await startWithFilter(t, 1, "20ms");
    const addresses = { user: `127.0.0.1:${ports.user}`, order: `127.0.0.1:${ports.order}` };
    await countsAll(envoy, { ...addresses, calls: CALLS, heartbeat: "20ms" });
    const text = await envoy.prometheus();
    assert.ok(eventsIn(text, "heartbeat_request") > 0, "no heartbeat was seen");
    assert.ok(eventsIn(text, "heartbeat_response") > 0, "no answer to one was seen");
  });
});

/** Starts providers, and before them an Envoy with our filter in each way through. */
async function startWithFilter(
  t: TestContext,
  concurrency: number,
  heartbeat?: string,
): Promise<{ envoy: EnvoyProcess; ports: BetweenPorts }> {
  const provider = await startGoProvider({ heartbeat });
  t.after(() => provider.stop());
  const [admin, dubbo, user, order] = await freePorts(4);
  const ports = { admin, dubbo, user, order };
  const config = envoyBetween(ports, provider.port, provider.port, ourFilter());
  for (const plugin of wasmPlugins(config)) setPluginConfig(plugin, TELLS_THROWN);
  const envoy = await startEnvoy({
    config,
    concurrency,
    componentLogLevel: "dubbo:critical,wasm:info",
  });
  t.after(() => envoy.stop());
  return { envoy, ports };
}

/** Makes calls; the series have to be right while the connections are open, and stay so. */
async function countsAll(envoy: EnvoyProcess, options: ConsumerOptions): Promise<void> {
  const report = await runGoConsumer(options, (sent) => awaitSeries(envoy, sent));
  await awaitSeries(envoy, report);
  holdThrown(envoy, report, "java.lang.Throwable");
}
