// Manifests are edited while calls are under way: the sidecars follow, and no call is lost.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Json } from "../../harness/envoy_config.ts";
import { wasmPlugins } from "../../harness/envoy_config.ts";
import { sumOf } from "../e2e/envoy_series.ts";
import { startCalling } from "./lab/calling.ts";
import { withAnnotations } from "./lab/deployments.ts";
import { namesWithWasm, stateOf } from "./lab/envoy_state.ts";
import { eventually } from "./lab/eventually.ts";
import type { KubernetesObject } from "./lab/kubernetes.ts";
import { kustomized } from "./lab/manifests.ts";
import { startMesh, type Mesh } from "./lab/mesh.ts";
import type { Pod } from "./lab/pod.ts";
import { seriesOf } from "./lab/series.ts";

const SUITE = { timeout: 300_000 };
const LOCAL = "127.0.0.1:20880";
const BY_NAME = "user-provider:20880";
const BLUE = "user-provider-blue";
const GREEN = "user-provider-green";
const LIVE_MS = 30_000;
/** So many answers in a row from one provider are no chance with a canary of 80 to 20. */
const IN_A_ROW = 60;
/** Instead of 45 s: how long Envoy lets connections stay with what they had. */
const DRAIN = JSON.stringify({ holdApplicationUntilProxyStarts: true, drainDuration: "5s" });
const DRAINED_MS = 40_000;

describe("manifests edited with calls under way", SUITE, () => {
  let mesh: Mesh;

  before(async () => {
    mesh = await startMesh({ objects: await kustomized("manifests") });
    const green = mesh.object("Deployment", "comsumer-green");
    await mesh.apply(withAnnotations(green, { "proxy.istio.io/config": DRAIN }));
    await mesh.run("user-provider-blue", "user-provider-green");
    await mesh.run("comsumer-blue", "comsumer-green");
  });
  after(() => mesh?.stop());

  test("a canary's weights: new connections follow, open ones are left alone, no call fails", async (t) => {
    const consumer = mesh.pod("comsumer-blue");
    const open = startCalling(consumer, { dubbo: LOCAL });
    const fresh = startCalling(consumer, { dubbo: LOCAL, fresh: true });
    t.after(() => Promise.all([open.stop(), fresh.stop()]));
    for (const calling of [open, fresh]) {
      await calling.until("answered by both", LIVE_MS, (outcomes) =>
        [BLUE, GREEN].every((name) => outcomes.includes(name)),
      );
    }
    const before = open.outcomes.length;
    await mesh.apply(withCanary(mesh.object("EnvoyFilter", "local-dubbo-listener"), [0, 100]));
    await fresh.until("answered by version 2 only", LIVE_MS, (outcomes) =>
      lastAre(outcomes, GREEN),
    );
    assert.deepEqual(await fresh.stop().then(() => fresh.failures), []);
    const after = (await open.stop()).slice(before);
    assert.deepEqual(open.failures, []);
    assert.ok(after.includes(BLUE), "an open connection keeps the rules that it began with");
    assert.deepEqual((await stateOf(consumer)).problems, []);
    assert.deepEqual(mesh.istiod.problems(), []);
  });

  test("after drainDuration open connections follow too; at most the call of that moment fails", async (t) => {
    const consumer = mesh.pod("comsumer-green");
    const open = startCalling(consumer, { dubbo: LOCAL });
    t.after(() => open.stop());
    await open.until("answered", LIVE_MS, (outcomes) => lastAre(outcomes, GREEN));
    await mesh.apply(withCanary(mesh.object("EnvoyFilter", "local-dubbo-listener"), [100, 0]));
    await open.until("answered by version 1 only", DRAINED_MS, (outcomes) =>
      lastAre(outcomes, BLUE),
    );
    await open.stop();
    assert.ok(open.failures.length <= 1, open.failures.join("\n"));
  });

  test("a label more: new connections are counted with it, beside the ones before", async (t) => {
    const consumer = mesh.pod("comsumer-blue");
    const open = startCalling(consumer, { dubbo: BY_NAME });
    const fresh = startCalling(consumer, { dubbo: BY_NAME, fresh: true });
    t.after(() => Promise.all([open.stop(), fresh.stop()]));
    for (const calling of [open, fresh]) {
      await calling.until("answered", LIVE_MS, (outcomes) => outcomes.length > 20);
    }
    await mesh.apply(
      withLabels(mesh.object("EnvoyFilter", "dubbo-outbound"), ["interface", "version"]),
    );
    const version = { version: "0.0.0" };
    await eventually("counted with the new label", async () => {
      return sumOf(await seriesOf(consumer), "requests_total", version) > 20;
    });
    const outcomes = [await open.stop(), await fresh.stop()].flat();
    assert.deepEqual([...open.failures, ...fresh.failures], []);
    // By name there are no rules: these two series are all of these calls, and no others.
    await eventually("all calls counted", async () => {
      const series = await seriesOf(consumer);
      const withLabel = sumOf(series, "requests_total", version);
      const withMethod = sumOf(series, "requests_total", { method: "GetUser" });
      return withLabel + withMethod - callsBefore(series) === outcomes.length;
    });
  });

  test("an EnvoyFilter taken away and put back", async (t) => {
    const consumer = mesh.pod("comsumer-blue");
    const fresh = startCalling(consumer, { dubbo: BY_NAME, fresh: true });
    t.after(() => fresh.stop());
    await fresh.until("answered", LIVE_MS, (outcomes) => outcomes.length > 20);
    const before = await servicesWithFilter(consumer);
    assert.equal(before.length, 2);
    const filter = mesh.object("EnvoyFilter", "dubbo-outbound");
    await mesh.remove(filter);
    await mesh.istiod.settled();
    assert.deepEqual(await servicesWithFilter(consumer), []);
    await mesh.apply(filter);
    await mesh.istiod.settled();
    assert.deepEqual(await servicesWithFilter(consumer), before);
    await fresh.stop();
    assert.deepEqual(fresh.failures, []);
  });

  /** Calls over the local listener in the tests before, which rules have counted as well. */
  function callsBefore(series: ReadonlyMap<string, number>): number {
    return sumOf(series, "routed_requests_total", { rule: "canary" });
  }
});

/** Listeners of Services' port 20880, which begin with their addresses, that have the filter. */
async function servicesWithFilter(pod: Pod): Promise<string[]> {
  return namesWithWasm(await stateOf(pod))
    .filter((name) => /^\d+\..*_20880$/.test(name))
    .sort();
}

function lastAre(outcomes: string[], name: string): boolean {
  const last = outcomes.slice(-IN_A_ROW);
  return last.length === IN_A_ROW && last.every((outcome) => outcome === name);
}

/** A copy with other weights for the choices of the rule canary. */
function withCanary(filter: KubernetesObject, weights: number[]): KubernetesObject {
  return withConfiguration(filter, ({ routing }) => {
    const rule = routing.rules.find(({ name }: Json) => name === "canary");
    rule.split.choices.forEach((choice: Json, i: number) => (choice.weight = weights[i]));
  });
}

/** A copy that counts by these names. */
function withLabels(filter: KubernetesObject, labels: string[]): KubernetesObject {
  return withConfiguration(filter, ({ metrics }) => (metrics.labels = labels));
}

function withConfiguration(
  filter: KubernetesObject,
  change: (configuration: Json) => void,
): KubernetesObject {
  const copy = structuredClone(filter);
  const plugins = wasmPlugins(copy);
  assert.equal(plugins.length, 1);
  change(plugins[0]!.configuration.value);
  return copy;
}
