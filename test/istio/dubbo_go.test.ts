// Real dubbo-go peers in the pods: what its consumer says it sent, in every kind of call, is what the
// series of both sides' sidecars say; over the local listener and dialled by name.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { goCommand } from "../peers/go_build.ts";
import type { Report } from "../peers/report.ts";
import { seriesIn, seriesOf, type Series } from "../peers/series.ts";
import { kustomized } from "./lab/manifests.ts";
import { startMesh, type Mesh } from "./lab/mesh.ts";
import type { Pod } from "./lab/pod.ts";

const SUITE = { timeout: 240_000 };
const CALLS = 400;
const RUN_MS = 60_000;
const SHOWN_MS = 30_000;
const POLL_MS = 250;
const USER_PODS = ["user-provider-blue", "user-provider-green"];

describe("dubbo-go through sidecars configured by istiod", SUITE, () => {
  let mesh: Mesh;

  before(async () => {
    const command = await goCommand("provider");
    const program = (service: string) => {
      const listen = ["-host", "0.0.0.0", "-port", "20880", "-admin", "0.0.0.0:20010"];
      return [command, ...listen, "-services", service];
    };
    mesh = await startMesh({ objects: await kustomized("manifests") });
    const user = { programs: { "user-provider": program("user") } };
    const order = { programs: { "order-provider": program("order") } };
    await Promise.all([
      mesh.start("order-provider-blue", order),
      ...USER_PODS.map((name) => mesh.start(name, user)),
      mesh.run("comsumer-blue"),
    ]);
    await mesh.istiod.settled();
  });
  after(() => mesh?.stop());

  test("both sides have counted all calls, each under its names", async (t) => {
    const consumer = mesh.pod("comsumer-blue");
    // dubbo_proxy would need a route of its own for the order service's version and group.
    const addresses = ["-user-addr", "127.0.0.1:20880", "-order-addr", "order-provider:20880"];
    const child = consumer.start({
      name: "dubbo-go consumer",
      command: [await goCommand("consumer"), "-hold", "-calls", `${CALLS}`, ...addresses],
    });
    t.after(() => child.stop());
    await child.waitUntil("done", RUN_MS, () => /^\{"peer":.*\}$/m.test(child.log));
    const report = JSON.parse(/^\{"peer":.*\}$/m.exec(child.log)![0]) as Report;
    assert.deepEqual(report.failures, []);

    const sent = seriesOf(report);
    await awaitSame(() => seriesAt([consumer]), sent);
    // dubbo_proxy closes a provider's connection behind each oneway call; what the provider's side
    // sees of those is chance.
    const users = (series: Series) => part(series, /User/, "twoway");
    const userPods = USER_PODS.map((name) => mesh.pod(name));
    await awaitSame(async () => users(await seriesAt(userPods)), atProvider(users(sent)));
    const orders = atProvider(part(sent, /Order/));
    await awaitSame(() => seriesAt([mesh.pod("order-provider-blue")]), orders);
  });
});

/** The series of several sidecars added up. */
async function seriesAt(pods: Pod[]): Promise<Series> {
  return seriesIn((await Promise.all(pods.map((pod) => pod.prometheus()))).join("\n"));
}

/** Those of an interface; with `call` only requests of this kind, and answers. */
function part(series: Series, name: RegExp, call?: string): Series {
  const kept = Object.entries(series).filter(
    ([key]) => name.test(key) && (!call || !key.includes("call=") || key.includes(call)),
  );
  return Object.fromEntries(kept);
}

function atProvider(series: Series): Series {
  const entries = Object.entries(series);
  return Object.fromEntries(
    entries.map(([key, value]) => [key.replace('side="consumer"', 'side="provider"'), value]),
  );
}

/** Waits until the series are as expected: the filter adds up and flushes. */
async function awaitSame(read: () => Promise<Series>, expected: Series): Promise<void> {
  const deadline = Date.now() + SHOWN_MS;
  for (;;) {
    const series = await read();
    try {
      return assert.deepEqual(series, expected);
    } catch (error) {
      if (Date.now() > deadline) throw error;
    }
    await sleep(POLL_MS);
  }
}
