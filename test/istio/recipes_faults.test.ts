// Recipes of manifests/traffic about what goes wrong: faults that Envoy makes, requests that are too
// many, pods that fail.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { loggedRequests } from "./lab/access_log.ts";
import { counted } from "./lab/chance.ts";
import { eventually } from "./lab/eventually.ts";
import type { KubernetesObject } from "./lab/kubernetes.ts";
import type { Mesh } from "./lab/mesh.ts";
import { askPoc, GATEWAY, POC_SERVICE, deploymentsOf, startPoc } from "./lab/poc.ts";
import type { Pod } from "./lab/pod.ts";
import { clusterOf, inFlight, statOf, withRecipe } from "./lab/recipe.ts";

const SUITE = { timeout: 240_000 };
const V1 = "poc-service-v1";
const V3 = "poc-service-v3";
const JASON = { headers: { "end-user": "jason" } };
/** What V3 fails with when it is asked to, the others not. */
const FAILING = { path: "/service?at=poc-service-v3&status=500" };
const DELAY_MS = 10_000;
const ACTIVE_OVERFLOW = new RegExp(`${POC_SERVICE}.*\\.upstream_rq_active_overflow$`);
const PENDING_OVERFLOW = new RegExp(`${POC_SERVICE}.*\\.upstream_rq_pending_overflow$`);

describe("recipes for faults", SUITE, () => {
  let mesh: Mesh;
  let gateway: Pod;

  before(async () => {
    mesh = await startPoc([GATEWAY, "poc-service-v1", "poc-service-v3", "poc-data-v1"]);
    gateway = mesh.pod(GATEWAY);
  });
  after(() => mesh?.stop());

  test("fault-503: jason gets 503 from Envoy, nobody else does", async () => {
    await withRecipe(mesh, gateway, "fault-503", async () => {
      for (let i = 0; i < 10; i++) {
        const id = `aborted-${i}`;
        const headers = { ...JASON.headers, "x-request-id": id };
        const { status, service } = await askPoc(gateway, { headers });
        assert.deepEqual({ status, service }, { status: 503, service: "fault filter abort" });
      }
      assert.deepEqual(Object.keys(counted(await deploymentsOf(gateway, 30))).sort(), [V1, V3]);
      assert.doesNotMatch(logs(), /aborted-/, "poc-service has never heard of them");
    });
  });

  test("fault-delay: jason waits for ten seconds, and is answered", async () => {
    await withRecipe(mesh, gateway, "fault-delay", async () => {
      const start = performance.now();
      let jasonIsAnswered = false;
      const delayed = askPoc(gateway, JASON).finally(() => (jasonIsAnswered = true));
      await deploymentsOf(gateway, 10);
      assert.equal(jasonIsAnswered, false, "others are answered before");
      const { status, service } = await delayed;
      const took = performance.now() - start;
      assert.equal(status, 200, JSON.stringify(service));
      assert.ok(took >= DELAY_MS, `${took} ms`);
    });
  });

  test("circuit-breaking: one request at a time, more are 503 at once", async () => {
    await withRecipe(mesh, gateway, "circuit-breaking", async () => {
      const { circuit_breakers } = await clusterOf(gateway, POC_SERVICE);
      assert.equal(circuit_breakers.thresholds[0].max_requests, 1);
      const before = await statOf(gateway, ACTIVE_OVERFLOW);
      const slow = askPoc(gateway, { path: "/service?at=poc-service&delay=6000" });
      await eventually("one in flight", async () => {
        const pods = [mesh.pod("poc-service-v1"), mesh.pod("poc-service-v3")];
        const counts = await Promise.all(pods.map((pod) => inFlight(gateway, pod)));
        return counts[0]! + counts[1]! === 1;
      });
      for (let i = 0; i < 9; i++) {
        const { status, service } = await askPoc(gateway);
        assert.equal(status, 503);
        assert.match(service, /overflow/);
      }
      assert.equal((await statOf(gateway, ACTIVE_OVERFLOW)) - before, 9);
      assert.equal((await slow).status, 200);
      await deploymentsOf(gateway, 10);
    });
  });

  test("circuit-breaking by connections and waiting requests instead", async () => {
    const body = async () => {
      const before = await statOf(gateway, PENDING_OVERFLOW);
      const path = "/service?at=poc-service&delay=2000";
      const answers = await Promise.all(
        Array.from({ length: 20 }, () => askPoc(gateway, { path })),
      );
      const met = counted(answers.map(({ status }) => String(status)));
      assert.deepEqual(Object.keys(met), ["200", "503"]);
      assert.equal((await statOf(gateway, PENDING_OVERFLOW)) - before, met["503"]);
    };
    await withRecipe(mesh, gateway, "circuit-breaking", body, withWaitingLimited);
  });

  test("outlier-detection: a pod that fails three times in a row is left out", async () => {
    await withRecipe(mesh, gateway, "outlier-detection", async () => {
      const { outlier_detection } = await clusterOf(gateway, POC_SERVICE);
      assert.equal(outlier_detection.base_ejection_time, "30s");
      assert.ok((await untilEjected()) >= 3);
      assert.equal(await ejected(), 1);
      // It fails no more, but how would anybody know.
      assert.deepEqual(counted(await deploymentsOf(gateway, 40)), { [V1]: 40 });
    });
  });

  test("outlier-detection: it comes back when its time is over, here 3 s", async () => {
    await withRecipe(
      mesh,
      gateway,
      "outlier-detection",
      async () => {
        assert.ok((await untilEjected()) >= 3);
        await eventually("none left out", async () => (await ejected()) === 0);
        assert.deepEqual(Object.keys(counted(await deploymentsOf(gateway, 40))).sort(), [V1, V3]);
      },
      withShortEjection,
    );
  });

  // FI: fault injected, DI: delay injected, UO: upstream overflow.
  test("Envoy's access log tells these apart", async () => {
    await eventually("all in the access log", async () => {
      const ends = loggedRequests(gateway).map(({ status, flags }) => `${status} ${flags}`);
      return ["503 FI", "200 DI", "503 UO"].every((end) => ends.includes(end));
    });
  });

  /** Asks until the failing pod is left out; how many calls have failed. */
  async function untilEjected(): Promise<number> {
    const statuses: number[] = [];
    for (let i = 0; i < 60; i++) statuses.push((await askPoc(gateway, FAILING)).status);
    assert.deepEqual(new Set(statuses.slice(-20)), new Set([200]));
    return statuses.filter((status) => status === 500).length;
  }

  /** How many pods of poc-service get no requests. */
  async function ejected(): Promise<number> {
    return statOf(gateway, new RegExp(`${POC_SERVICE}.*\\.outlier_detection\\.ejections_active$`));
  }

  function logs(): string {
    return ["poc-service-v1", "poc-service-v3"]
      .map((name) => mesh.pod(name).applications[0]!.log)
      .join("");
  }
});

// The other way, which the recipe's comment tells of.
function withWaitingLimited([rule]: KubernetesObject[]): void {
  rule!.spec.trafficPolicy.connectionPool = {
    tcp: { maxConnections: 1 },
    http: { http1MaxPendingRequests: 1 },
  };
}

function withShortEjection([rule]: KubernetesObject[]): void {
  const detection = rule!.spec.trafficPolicy.outlierDetection;
  detection.baseEjectionTime = "3s";
  detection.interval = "1s";
}
