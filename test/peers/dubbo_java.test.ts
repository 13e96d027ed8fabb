// Our filter between real Dubbo Java peers: in both serializations that it rewrites every call ends as it
// does without it, its series are exactly the consumer's numbers, and the provider has just the
// attachments that the rules say.

import assert from "node:assert/strict";
import { before, describe, test, type TestContext } from "node:test";
import { setPluginConfig, wasmPlugins, type Json } from "../../harness/envoy_config.ts";
import { startEnvoy, type EnvoyProcess } from "../../harness/envoy_process.ts";
import { freePorts } from "../../harness/ports.ts";
import { envoyBetween, ourFilter, type BetweenPorts } from "./envoy_between.ts";
import { javaArguments } from "./java_build.ts";
import { runJavaConsumer, startJavaProvider } from "./java_peers.ts";
import { reportsOf, type PeerProvider } from "./peer_process.ts";
import { linesOf, totalSent, type CallLine, type Report } from "./report.ts";
import { awaitSeries, routedIn } from "./routing_series.ts";
import { isSet, ruleCounts, SET_AND_REST } from "./rules.ts";

const CALLS = 900;
const TEST = { timeout: 90_000 };
const SERIALIZATIONS = ["hessian2", "fastjson2"] as const;

/** What the provider looks for, and in which calls it must find that. */
const MARKS: [mark: string, isMarked: (line: CallLine) => boolean][] = [
  ["x-rule=set", isSet],
  ["x-rule=rest", (line) => !isSet(line)],
  ["x-canary", isSet],
  // An object in an attachment, which the rules leave alone.
  ["x-map", () => true],
];

describe("Dubbo Java peers", () => {
  before(async () => void (await javaArguments("Consumer")));

  for (const serialization of SERIALIZATIONS) {
    test(`counted before tcp_proxy, ${serialization}`, TEST, async (t) => {
      const provider = await startProvider(t, "x-interop");
      const { envoy, ports } = await startBetween(t, provider, {});
      const { user, order } = ports;
      const options = { user, order, calls: CALLS, serialization };
      await runJavaConsumer(options, async (sent) => {
        assert.deepEqual(
          await received(provider),
          expected(sent, () => true),
        );
        await awaitSeries(envoy, sent, serialization);
      });
    });

    for (const [mark, isMarked] of MARKS) {
      test(`rules before tcp_proxy, ${serialization}: ${mark}`, TEST, async (t) => {
        const provider = await startProvider(t, mark);
        const { envoy, ports } = await startBetween(t, provider, { routing: SET_AND_REST });
        const { user, order } = ports;
        const options = { user, order, calls: CALLS, serialization };
        await runJavaConsumer(options, async (sent) => {
          assert.deepEqual(await received(provider), expected(sent, isMarked));
          await awaitSeries(envoy, sent, serialization);
          assert.deepEqual(routedIn(await envoy.prometheus()), ruleCounts(sent));
        });
      });
    }
  }

  test("rewritten before dubbo_proxy, hessian2", TEST, async (t) => {
    const provider = await startProvider(t, "x-rule=rest");
    const { envoy, ports } = await startBetween(t, provider, { routing: SET_AND_REST });
    const { dubbo } = ports;
    const options = { user: dubbo, order: dubbo, calls: CALLS, serialization: SERIALIZATIONS[0] };
    await runJavaConsumer(options, async (sent) => {
      await awaitSeries(envoy, sent);
      const wanted = expected(sent, (line) => !isSet(line));
      assert.deepEqual(await received(provider), wanted);
    });
  });
});

async function startProvider(t: TestContext, mark: string): Promise<PeerProvider> {
  const provider = await startJavaProvider(mark);
  t.after(() => provider.stop());
  return provider;
}

/** An Envoy with our filter in each way through to one provider of both services. */
async function startBetween(
  t: TestContext,
  provider: PeerProvider,
  filterConfig: Json,
): Promise<{ envoy: EnvoyProcess; ports: BetweenPorts }> {
  const [admin, dubbo, user, order] = (await freePorts(4)) as [number, number, number, number];
  const ports = { admin, dubbo, user, order };
  const config = envoyBetween(ports, provider.port, provider.port, ourFilter());
  for (const plugin of wasmPlugins(config)) setPluginConfig(plugin, filterConfig);
  const envoy = await startEnvoy({ config, componentLogLevel: "dubbo:critical" });
  t.after(() => envoy.stop());
  return { envoy, ports };
}

/** What the provider received, once all is there. */
async function received(provider: PeerProvider): Promise<CallLine[]> {
  return linesOf(...(await reportsOf(CALLS, [provider])));
}

/** What a provider must say of what was sent: to it a one-way call is one like any other. */
function expected(sent: Report, isMarked: (line: CallLine) => boolean): CallLine[] {
  assert.equal(totalSent(sent), CALLS);
  return linesOf(sent).map((line) => {
    const marked = isMarked(line) ? line.sent : 0;
    return { ...line, ok: line.ok + line.oneway, oneway: 0, marked };
  });
}
