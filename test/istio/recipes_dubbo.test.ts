// Recipes of manifests/traffic for Dubbo by name, where Istio sees connections and no calls: a
// consumer that dials user-provider:20880, and a provider in each of two versions.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { callTimes, startCalling } from "./lab/calling.ts";
import { assertLikely, counted } from "./lab/chance.ts";
import { withAnnotations } from "./lab/deployments.ts";
import { eventually } from "./lab/eventually.ts";
import { useSourceAddress } from "./lab/inside.ts";
import type { KubernetesObject } from "./lab/kubernetes.ts";
import { kustomized } from "./lab/manifests.ts";
import { startMesh, type Mesh } from "./lab/mesh.ts";
import { plugPod } from "./lab/network.ts";
import type { Pod } from "./lab/pod.ts";
import { clusterOf, statOf, withRecipe } from "./lab/recipe.ts";

const SUITE = { timeout: 240_000 };
const HOST = "user-provider.mesh-demo.svc.cluster.local";
const PORT = 20880;
const DUBBO = `user-provider:${PORT}`;
/** Each call over a connection of its own. */
const FRESH = { dubbo: DUBBO, fresh: true };
const BLUE = "user-provider-blue";
const GREEN = "user-provider-green";
/** Counters that Istio keeps back otherwise. */
const SHOWN = String.raw`cluster\.outbound\|20880.*\.(upstream_cx_overflow|outlier_detection\..*)`;
const CONNECTIONS = 200;
/** That all of them meet the same of two providers by chance is one case in 2^15. */
const MOST_ADDRESSES = 16;
const STARTED_MS = 30_000;

describe("recipes for Dubbo by name", SUITE, () => {
  let mesh: Mesh;
  let consumer: Pod;

  before(async () => {
    mesh = await startMesh({ objects: await kustomized("manifests") });
    // As manifests/traffic/README.md has it.
    const annotations = { "sidecar.istio.io/statsInclusionRegexps": SHOWN };
    await mesh.apply(withAnnotations(mesh.object("Deployment", "comsumer-blue"), annotations));
    await mesh.run("user-provider-blue", "user-provider-green", "comsumer-blue");
    consumer = mesh.pod("comsumer-blue");
  });
  after(() => mesh?.stop());

  test("dubbo-shifting: 80 % of connections to version 1", async () => {
    await withRecipe(mesh, consumer, "dubbo-shifting", async () => {
      const outcomes = await callTimes(consumer, FRESH, CONNECTIONS);
      const met = counted(outcomes);
      assert.deepEqual(Object.keys(met).sort(), [BLUE, GREEN]);
      assertLikely(met[BLUE]!, CONNECTIONS, 0.8);
      // One connection stays where it is.
      const one = new Set(await callTimes(consumer, { dubbo: DUBBO }, 40));
      assert.equal(one.size, 1);
    });
  });

  test("dubbo-hash-source-address: a consumer stays with one provider", async () => {
    await withRecipe(mesh, consumer, "dubbo-hash-source-address", async () => {
      assert.equal((await clusterOf(consumer, HOST, PORT)).lb_policy, "RING_HASH");
      const met = new Set<string>();
      for (let i = 0; i < MOST_ADDRESSES && met.size < 2; i++) {
        await useSourceAddress(consumer, `10.244.0.${230 + i}`);
        const outcomes = new Set(await callTimes(consumer, FRESH, 10));
        assert.equal(outcomes.size, 1, `one provider for one address: ${[...outcomes]}`);
        met.add([...outcomes][0]!);
      }
      assert.deepEqual([...met].sort(), [BLUE, GREEN], "different addresses, different providers");
    });
  });

  test("dubbo-circuit-breaking: a third connection is closed, until one of the two ends", async (t) => {
    await withRecipe(mesh, consumer, "dubbo-circuit-breaking", async () => {
      const two = [1, 2].map(() => startCalling(consumer, { dubbo: DUBBO }));
      t.after(() => Promise.all(two.map((one) => one.stop())));
      for (const one of two) {
        await one.until("answered", STARTED_MS, (outcomes) => outcomes.length > 5);
      }
      const refused = await callTimes(consumer, FRESH, 5);
      for (const outcome of refused) assert.match(outcome, /^failed: /);
      assert.equal(
        await statOf(consumer, /user-provider\..*\.upstream_cx_overflow$/),
        refused.length,
      );
      await two[0]!.stop();
      await eventually("room for another", async () => {
        return failuresIn(await callTimes(consumer, { dubbo: DUBBO }, 5)) === 0;
      });
      await two[1]!.stop();
      assert.deepEqual([...two[0]!.failures, ...two[1]!.failures], []);
    });
  });

  test("dubbo-outlier-detection: who cannot be reached is left out after three connections", async () => {
    await withRecipe(mesh, consumer, "dubbo-outlier-detection", async () => {
      const { outlier_detection, connect_timeout } = await clusterOf(consumer, HOST, PORT);
      assert.deepEqual([outlier_detection.base_ejection_time, connect_timeout], ["30s", "1s"]);
      await unplugged(async () => {
        const outcomes = await callTimes(consumer, FRESH, 40);
        assert.ok(failuresIn(outcomes) >= 3, `${outcomes}`);
        assert.deepEqual(new Set(outcomes.slice(-20)), new Set([BLUE]));
        assert.equal(await ejected(), 1);
      });
    });
  });

  test("dubbo-outlier-detection: it comes back when its time is over, here 3 s", async () => {
    const body = async () => {
      await unplugged(async () => {
        await eventually("left out", async () => {
          await callTimes(consumer, FRESH, 5);
          return (await ejected()) === 1;
        });
      });
      await eventually("none left out", async () => (await ejected()) === 0);
      await eventually("answers again", async () => {
        const outcomes = await callTimes(consumer, FRESH, 20);
        return failuresIn(outcomes) === 0 && outcomes.includes(GREEN) && outcomes.includes(BLUE);
      });
    };
    await withRecipe(mesh, consumer, "dubbo-outlier-detection", body, withShortEjection);
  });

  // The last one: a provider is killed.
  test("dubbo-outlier-detection: a provider's sidecar takes connections for it, dead or alive", async () => {
    await withRecipe(mesh, consumer, "dubbo-outlier-detection", async () => {
      await mesh.pod("user-provider-green").applications[0]!.stop();
      const outcomes = await callTimes(consumer, FRESH, 40);
      // Every other one; less than four by chance is one case in 10^8.
      assert.ok(failuresIn(outcomes) > 3, "more fail than would do to leave it out");
      assert.equal(await ejected(), 0);
    });
  });

  /** Runs this while the provider of version 2 is not to be reached. */
  async function unplugged(body: () => Promise<void>): Promise<void> {
    const { address } = mesh.pod("user-provider-green");
    await plugPod(address, "down");
    try {
      await body();
    } finally {
      await plugPod(address, "up");
    }
  }

  /** How many providers get no connections. */
  async function ejected(): Promise<number> {
    return statOf(consumer, /user-provider\..*\.outlier_detection\.ejections_active$/);
  }
});

function failuresIn(outcomes: readonly string[]): number {
  return outcomes.filter((outcome) => outcome.startsWith("failed")).length;
}

function withShortEjection([rule]: KubernetesObject[]): void {
  const detection = rule!.spec.trafficPolicy.outlierDetection;
  detection.baseEjectionTime = "3s";
  detection.interval = "1s";
}
