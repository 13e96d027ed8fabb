// Our filter between real Dubbo Java peers: in both serializations that it rewrites every call ends as it
// does without it, its series are exactly the consumer's numbers, and the provider has just the
// attachments that the rules say.

import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import { expected, received, startBetween, startProvider } from "./java_between.ts";
import { javaArguments } from "./java_build.ts";
import { runJavaConsumer } from "./java_peers.ts";
import type { CallLine } from "./report.ts";
import { awaitSeries, routedIn } from "./routing_series.ts";
import { holdThrown, TELLS_THROWN } from "./thrown.ts";
import { isSet, ruleCounts, SET_AND_REST } from "./rules.ts";

const CALLS = 900;
const TEST = { timeout: 90_000 };
const SERIALIZATIONS = ["hessian2", "fastjson2"] as const;
/** The class of what is thrown, as each writes it: fastjson2 has short names for Java's own. */
const THROWN = {
  hessian2: "java.lang.IllegalStateException",
  fastjson2: "IllegalStateException",
};

/** What the provider looks for, and in which calls it must find that. */
const MARKS: [mark: string, isMarked: (line: CallLine) => boolean][] = [
  ["x-rule=set", isSet],
  ["x-rule=rest", (line) => !isSet(line)],
  ["x-canary", isSet],
  // An object in an attachment, which the rules leave alone.
  ["x-map", () => true],
];

describe("Dubbo Java peers", () => {
  before(async () => void (await javaArguments("Consumer", "3.3.6")));

  for (const serialization of SERIALIZATIONS) {
    test(`counted before tcp_proxy, ${serialization}`, TEST, async (t) => {
      const provider = await startProvider(t, { mark: "x-interop" });
      const { envoy, ports } = await startBetween(t, provider.port, TELLS_THROWN);
      const { user, order } = ports;
      const options = { user, order, calls: CALLS, serialization };
      await runJavaConsumer(options, async (sent) => {
        assert.deepEqual(
          await received(provider, CALLS),
          expected(sent, CALLS, () => true),
        );
        await awaitSeries(envoy, sent, serialization);
        holdThrown(envoy, sent, THROWN[serialization]);
      });
    });

    for (const [mark, isMarked] of MARKS) {
      test(`rules before tcp_proxy, ${serialization}: ${mark}`, TEST, async (t) => {
        const provider = await startProvider(t, { mark });
        const { envoy, ports } = await startBetween(t, provider.port, { routing: SET_AND_REST });
        const { user, order } = ports;
        const options = { user, order, calls: CALLS, serialization };
        await runJavaConsumer(options, async (sent) => {
          assert.deepEqual(await received(provider, CALLS), expected(sent, CALLS, isMarked));
          await awaitSeries(envoy, sent, serialization);
          assert.deepEqual(routedIn(await envoy.prometheus()), ruleCounts(sent));
        });
      });
    }
  }

  test("rewritten before dubbo_proxy, hessian2", TEST, async (t) => {
    const provider = await startProvider(t, { mark: "x-rule=rest" });
    const { envoy, ports } = await startBetween(t, provider.port, { routing: SET_AND_REST });
    const { dubbo } = ports;
    const options = { user: dubbo, order: dubbo, calls: CALLS, serialization: SERIALIZATIONS[0] };
    await runJavaConsumer(options, async (sent) => {
      await awaitSeries(envoy, sent);
      const wanted = expected(sent, CALLS, (line) => !isSet(line));
      assert.deepEqual(await received(provider, CALLS), wanted);
    });
  });
});
