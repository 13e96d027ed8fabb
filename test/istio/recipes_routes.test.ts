// Recipes of manifests/traffic that say where a call goes: weights, a header, a mirror, and weights
// for connections over TCP. The poc services, their sidecars and istiod are real.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Json } from "../../harness/envoy_config.ts";
import { assertLikely, counted } from "./lab/chance.ts";
import { eventually } from "./lab/eventually.ts";
import { askInside } from "./lab/inside.ts";
import type { Mesh } from "./lab/mesh.ts";
import { askPoc, GATEWAY, POC_SERVICE, deploymentsOf, startPoc } from "./lab/poc.ts";
import type { Pod } from "./lab/pod.ts";
import { routesOf, withRecipe } from "./lab/recipe.ts";

const SUITE = { timeout: 240_000 };
const CALLS = 300;
const V1 = "poc-service-v1";
const V2 = "poc-service-v2";
const V3 = "poc-service-v3";

describe("recipes for routes", SUITE, () => {
  let mesh: Mesh;
  let gateway: Pod;

  before(async () => {
    const services = ["poc-service-v1", "poc-service-v2", "poc-service-v3", "poc-data-v1"];
    mesh = await startPoc([GATEWAY, ...services, "poc-tcp-echo-v1", "poc-tcp-echo-v2"]);
    gateway = mesh.pod(GATEWAY);
  });
  after(() => mesh?.stop());

  test("without a recipe all versions answer", async () => {
    assert.deepEqual(Object.keys(counted(await deploymentsOf(gateway, 60))).sort(), [V1, V2, V3]);
  });

  test("weights: 20 % to version 1, 80 % to version 2", async () => {
    await withRecipe(mesh, gateway, "weights", async () => {
      assert.deepEqual(weightsIn(await routesOf(gateway, POC_SERVICE)), { v1: 20, v2: 80 });
      const met = counted(await deploymentsOf(gateway, CALLS));
      assert.deepEqual(Object.keys(met).sort(), [V1, V2]);
      assertLikely(met[V1]!, CALLS, 0.2);
    });
  });

  test("header-route: end-user jason to version 2, all others to version 3", async () => {
    await withRecipe(mesh, gateway, "header-route", async () => {
      const met = async (headers: Record<string, string>) =>
        counted(await deploymentsOf(gateway, 20, { headers }));
      assert.deepEqual(await met({ "end-user": "jason" }), { [V2]: 20 });
      assert.deepEqual(await met({ "end-user": "anna" }), { [V3]: 20 });
      assert.deepEqual(await met({ "end-user": "jasonx" }), { [V3]: 20 }, "not just the beginning");
      assert.deepEqual(await met({}), { [V3]: 20 });
    });
  });

  test("mirroring: version 1 answers, version 2 hears of each call, its answers go nowhere", async () => {
    await withRecipe(mesh, gateway, "mirroring", async () => {
      const ids = Array.from({ length: 20 }, (_, i) => `mirrored-${i}`);
      for (const id of ids) {
        const headers = { "x-request-id": id };
        // What the copy comes to is nothing to the caller.
        const path = "/service?at=poc-service-v2&status=500";
        const { status, pod } = await askPoc(gateway, { headers, path });
        assert.deepEqual([status, pod], [200, mesh.pod(V1).name]);
      }
      await eventually("all copies at version 2", async () =>
        ids.every((id) =>
          logOf("poc-service-v2").includes(`500 authority=poc-service x-request-id=${id}\n`),
        ),
      );
      assert.equal(linesWith("poc-service-v2", "x-request-id=mirrored-").length, ids.length);
      assert.equal(linesWith("poc-service-v1", "x-request-id=mirrored-").length, ids.length);
      assert.deepEqual(linesWith("poc-service-v3", "x-request-id=mirrored-"), []);
    });
  });

  test("tcp-shifting: 80 % of connections to version 1", async () => {
    await withRecipe(mesh, gateway, "tcp-shifting", async () => {
      const question = { host: "poc-tcp-echo", port: 9000, line: "x" };
      const answers = await askInside(gateway, Array(CALLS).fill(question));
      const met = counted(answers.map(({ line, error }) => line ?? error!));
      const [one, two] = ["v1", "v2"].map(
        (version) => `${version} ${mesh.pod(`poc-tcp-echo-${version}`).name} x`,
      ) as [string, string];
      assert.deepEqual(Object.keys(met).sort(), [one, two]);
      assertLikely(met[one]!, CALLS, 0.8);
    });
  });

  function logOf(deployment: string): string {
    return mesh.pod(deployment).applications[0]!.log;
  }

  function linesWith(deployment: string, text: string): string[] {
    return logOf(deployment)
      .split("\n")
      .filter((line) => line.includes(text));
  }
});

/** Weights by subset. */
function weightsIn(routes: Json[]): Record<string, number> {
  const clusters: Json[] = routes.flatMap(({ route }) => route.weighted_clusters.clusters);
  return Object.fromEntries(clusters.map(({ name, weight }) => [name.split("|")[2], weight]));
}
