// Our filter between Dubbo Java peers of different ages: every call ends as it does without it, its series
// are exactly the consumer's numbers, and the provider has the attachments that the rules set. And what
// a provider of Dubbo 2.6 passes on when it calls another does not change whose call that is.

import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import type { Json } from "../../harness/envoy_config.ts";
import { expected, received, startBetween, startProvider } from "./java_between.ts";
import { javaArguments, type JavaRelease } from "./java_build.ts";
import { runJavaConsumer } from "./java_peers.ts";
import { awaitSeries, routedIn } from "./routing_series.ts";
import { isSet, ruleCounts, SET_AND_REST } from "./rules.ts";

const CALLS = 450;
const TEST = { timeout: 90_000 };
const SERIALIZATION = "hessian2";
const PAIRS: [consumer: JavaRelease, provider: JavaRelease][] = [
  ["2.6.12", "2.6.12"],
  ["2.7.23", "2.7.23"],
  ["2.6.12", "3.3.6"],
  ["3.3.6", "2.7.23"],
  ["2.7.23", "2.6.12"],
];

const USERS = "com.k8s.User.UserProvider";
const ORDERS = "com.k8s.Order.OrderProvider";
/** The first never has a call: no order is called here. */
const RULES: Json = [
  { name: "order", match: { interface: { exact: ORDERS } } },
  { name: "carried", match: { attachments: [{ name: "interface", exact: ORDERS }] } },
];

describe("Dubbo Java's older releases", () => {
  before(async () => {
    for (const release of ["2.6.12", "2.7.23", "3.3.6"] as const) {
      await javaArguments("Consumer", release);
    }
  });

  for (const [consumer, providing] of PAIRS) {
    test(`${consumer} calls ${providing}, counted and by rules`, TEST, async (t) => {
      const provider = await startProvider(t, { mark: "x-rule=set", release: providing });
      const { envoy, ports } = await startBetween(t, provider.port, { routing: SET_AND_REST });
      const { user, order } = ports;
      const options = { user, order, calls: CALLS, serialization: SERIALIZATION } as const;
      const sent = await runJavaConsumer({ ...options, release: consumer }, async (sent) => {
        assert.deepEqual(await received(provider, CALLS), expected(sent, CALLS, isSet));
        await awaitSeries(envoy, sent);
        assert.deepEqual(routedIn(await envoy.prometheus()), ruleCounts(sent));
      });
      // What ran is what the test is called after.
      const releases = [sent.release, (await provider.report()).release];
      assert.deepEqual(releases, [consumer, providing]);
    });
  }

  // The attachments of the call that it serves go on with the call that it makes, `interface` among them;
  // Dubbo 2.7 holds that one back.
  test("what 2.6.12 asks on behalf of an order is a user's call", TEST, async (t) => {
    const release = "2.6.12";
    const users = await startProvider(t, { mark: "x-interop", release });
    const { envoy, ports } = await startBetween(t, users.port, { routing: { rules: RULES } });
    const onward = ports.user;
    const orders = await startProvider(t, { mark: "x-interop", release, onward });
    const { port } = orders;
    const options = {
      user: port,
      order: port,
      calls: CALLS,
      serialization: SERIALIZATION,
    } as const;
    await runJavaConsumer({ ...options, release }, async (sent) => {
      const got = sent.calls.find(({ method }) => method === "GetOrder")!.ok;
      const counts = { sent: got, oneway: 0, ok: got, nulls: 0, exceptions: 0, errors: 0 };
      const calls = [{ interface: USERS, method: "GetUser", ...counts, marked: got }];
      assert.deepEqual(await received(users, got), calls);
      await awaitSeries(envoy, { ...sent, calls });
      assert.deepEqual(routedIn(await envoy.prometheus()), { routed_carried: got });
    });
  });
});
