// The filter from a registry instead of a mounted file: the WasmPlugins of manifests/ translated by
// istiod, the image pulled by Istio's agent, and Envoy told where it has put the module.
//
// Of the manifests only `url` and `sha256`, which are the user's to fill in, are changed.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { ManagedProcess } from "../../harness/processes.ts";
import { fromRoot } from "../../harness/repository.ts";
import { sumOf } from "../e2e/envoy_series.ts";
import { callTimes, startCalling } from "./lab/calling.ts";
import { withoutFilter, withoutMounts } from "./lab/deployments.ts";
import { namesWithWasm, stateOf } from "./lab/envoy_state.ts";
import { eventually } from "./lab/eventually.ts";
import type { KubernetesObject } from "./lab/kubernetes.ts";
import { kustomized, manifest } from "./lab/manifests.ts";
import { startMesh, type Mesh } from "./lab/mesh.ts";
import { seriesOf } from "./lab/series.ts";
import {
  assertCountsOnBothSides,
  BLUE,
  BY_NAME,
  IMAGE_URL,
  PUSH_MS,
  served,
  startRegistry,
} from "./lab/wasm_image.ts";

const SUITE = { timeout: 240_000 };
const CALLS = 30;

describe("the filter as a WasmPlugin", SUITE, () => {
  let mesh: Mesh;
  let registry: ManagedProcess | undefined;
  let digest: string;

  before(async () => {
    const objects = await kustomized("manifests");
    mesh = await startMesh({ objects: objects.filter(({ kind }) => kind !== "EnvoyFilter") });
    registry = startRegistry("-wasm", fromRoot("manifests", "dubbo.wasm"));
    await served(registry);
    digest = registry.log.trim().slice("sha256:".length);

    for (const name of ["comsumer-blue", "user-provider-blue"]) {
      await mesh.apply(withoutMounts(mesh.object("Deployment", name)));
    }
    await mesh.apply(withoutFilter(mesh.object("Deployment", "grpc-server-blue")));
    await mesh.run("comsumer-blue", "user-provider-blue", "grpc-server-blue");
  });
  after(async () => {
    await mesh?.stop();
    await registry?.stop();
  });

  test("as committed it is loaded from nowhere, and bytes pass", async () => {
    const plugins = pluginsOf({});
    await mesh.apply(...plugins);
    await mesh.istiod.settled();
    assert.deepEqual(mesh.istiod.problems(), []);
    assert.deepEqual(await callTimes(mesh.pod("comsumer-blue"), { dubbo: BY_NAME }, 3), [
      BLUE,
      BLUE,
      BLUE,
    ]);
    assert.deepEqual(await seriesOf(mesh.pod("comsumer-blue")), new Map());
    await mesh.remove(...plugins);
    await mesh.istiod.settled();
  });

  test("pulled from a registry it counts on both sides, without a mount", async () => {
    await mesh.apply(...pluginsOf({ url: IMAGE_URL, sha256: digest }));
    await assertCountsOnBothSides(mesh, CALLS);
  });

  test("who is not selected gets none", async () => {
    const state = await stateOf(mesh.pod("grpc-server-blue"));
    assert.deepEqual(namesWithWasm(state), []);
    assert.deepEqual([...state.extensions.keys()], []);
  });

  test("its configuration is edited with calls under way, and none fails", async (t) => {
    const consumer = mesh.pod("comsumer-blue");
    const open = startCalling(consumer, { dubbo: BY_NAME });
    const fresh = startCalling(consumer, { dubbo: BY_NAME, fresh: true });
    t.after(() => Promise.all([open.stop(), fresh.stop()]));
    for (const calling of [open, fresh]) {
      await calling.until("answered", PUSH_MS, (outcomes) => outcomes.length > 20);
    }
    const outbound = structuredClone(mesh.object("WasmPlugin", "dubbo-outbound"));
    outbound.spec.pluginConfig.metrics.labels = ["interface", "version"];
    await mesh.apply(outbound);
    await eventually("counted with the new label", async () => {
      return sumOf(await seriesOf(consumer), "requests_total", { version: "0.0.0" }) > 20;
    });
    await Promise.all([open.stop(), fresh.stop()]);
    assert.deepEqual([...open.failures, ...fresh.failures], []);
  });
});

/** Both WasmPlugins of manifests/ with these fields changed. */
function pluginsOf(changes: { url?: string; sha256?: string }): KubernetesObject[] {
  return ["outbound", "inbound"].flatMap((side) =>
    manifest(`manifests/dubbo-wasm-plugin-${side}.yaml`).map((plugin) => ({
      ...plugin,
      spec: { ...plugin.spec, ...changes },
    })),
  );
}
