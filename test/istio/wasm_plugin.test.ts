// The filter from a registry instead of a mounted file: the WasmPlugins of manifests/ translated by
// istiod, the image pulled by Istio's agent, and Envoy told where it has put the module.
//
// Of the manifests only `url` and `sha256`, which are the user's to fill in, are changed.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { startProcess, type ManagedProcess } from "../../harness/processes.ts";
import { fromRoot } from "../../harness/repository.ts";
import { Expected, sumOf } from "../e2e/envoy_series.ts";
import { callTimes, startCalling } from "./lab/calling.ts";
import { istioCommand } from "./lab/commands.ts";
import { withoutFilter, withoutMounts } from "./lab/deployments.ts";
import { namesWithWasm, stateOf } from "./lab/envoy_state.ts";
import { eventually } from "./lab/eventually.ts";
import type { KubernetesObject } from "./lab/kubernetes.ts";
import { kustomized, manifest } from "./lab/manifests.ts";
import { startMesh, type Mesh } from "./lab/mesh.ts";
import { HOST } from "./lab/network.ts";
import { awaitSeries, seriesOf } from "./lab/series.ts";

const SUITE = { timeout: 240_000 };
/** lab/istio.yaml has it as a registry without TLS. */
const REGISTRY = `${HOST}:5000`;
const IMAGE = "dubbo-wasm-filter:0.2.0";
const BY_NAME = "user-provider:20880";
const BLUE = "user-provider-blue-0";
const USERS = { interface: "com.k8s.User.UserProvider", method: "GetUser" };
const PUSH_MS = 30_000;
const CALLS = 30;

describe("the filter as a WasmPlugin", SUITE, () => {
  let mesh: Mesh;
  let registry: ManagedProcess | undefined;
  let digest: string;

  before(async () => {
    const objects = await kustomized("manifests");
    mesh = await startMesh({ objects: objects.filter(({ kind }) => kind !== "EnvoyFilter") });
    registry = startProcess({
      name: "registry",
      command: istioCommand("registry"),
      args: ["-listen", REGISTRY, "-image", IMAGE, "-wasm", fromRoot("manifests", "dubbo.wasm")],
    });
    const { log } = await served(registry);
    digest = log.trim().slice("sha256:".length);

    for (const name of ["comsumer-blue", "user-provider-blue"]) {
      mesh.apply(withoutMounts(mesh.object("Deployment", name)));
    }
    mesh.apply(withoutFilter(mesh.object("Deployment", "grpc-server-blue")));
    await mesh.run("comsumer-blue", "user-provider-blue", "grpc-server-blue");
  });
  after(async () => {
    await mesh?.stop();
    await registry?.stop();
  });

  test("as committed it is loaded from nowhere, and bytes pass", async () => {
    const plugins = pluginsOf({});
    mesh.apply(...plugins);
    await mesh.istiod.settled();
    assert.deepEqual(mesh.istiod.problems(), []);
    assert.deepEqual(await callTimes(mesh.pod("comsumer-blue"), { dubbo: BY_NAME }, 3), [
      BLUE,
      BLUE,
      BLUE,
    ]);
    assert.deepEqual(await seriesOf(mesh.pod("comsumer-blue")), new Map());
    mesh.remove(...plugins);
    await mesh.istiod.settled();
  });

  test("pulled from a registry it counts on both sides, without a mount", async () => {
    mesh.apply(...pluginsOf({ url: `oci://${REGISTRY}/${IMAGE}`, sha256: digest }));
    await mesh.istiod.settled();
    const [consumer, provider] = [mesh.pod("comsumer-blue"), mesh.pod("user-provider-blue")];
    for (const pod of [consumer, provider]) {
      await eventually(
        "the module is there",
        async () => namesWithWasm(await stateOf(pod)).length > 0,
      );
      assert.deepEqual((await stateOf(pod)).problems, []);
    }
    const outcomes = await callTimes(consumer, { dubbo: BY_NAME }, CALLS);
    assert.deepEqual(
      outcomes,
      Array.from({ length: CALLS }, () => BLUE),
    );
    for (const [pod, side] of [
      [consumer, "consumer"],
      [provider, "provider"],
    ] as const) {
      const responses = { "OK success": CALLS };
      const calls = { twoway: CALLS, responses, requestBytes: 1, responseBytes: 1 };
      await awaitSeries(pod, new Expected(side).connections(1).calls(USERS, calls));
    }
    assert.deepEqual(mesh.istiod.problems(), []);
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
    mesh.apply(outbound);
    await eventually("counted with the new label", async () => {
      return sumOf(await seriesOf(consumer), "requests_total", { version: "0.0.0" }) > 20;
    });
    await Promise.all([open.stop(), fresh.stop()]);
    assert.deepEqual([...open.failures, ...fresh.failures], []);
  });
});

/** Resolved with the registry once it has printed the image's digest. */
async function served(registry: ManagedProcess): Promise<ManagedProcess> {
  await registry.waitUntil("ready", PUSH_MS, () => /^sha256:\w+$/m.test(registry.log));
  return registry;
}

/** Both WasmPlugins of manifests/ with these fields changed. */
function pluginsOf(changes: { url?: string; sha256?: string }): KubernetesObject[] {
  return ["outbound", "inbound"].flatMap((side) =>
    manifest(`manifests/dubbo-wasm-plugin-${side}.yaml`).map((plugin) => ({
      ...plugin,
      spec: { ...plugin.spec, ...changes },
    })),
  );
}
