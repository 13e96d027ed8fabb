// The module's ConfigMap has a checksum in its name: another module replaces the pods, and the way back
// is the one that the README prints. With the real controllers; pods.ts says that Pods are ready.

import assert from "node:assert/strict";
import { appendFileSync, cpSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { Json } from "../../harness/envoy_config.ts";
import { fromRoot } from "../../harness/repository.ts";
import { startApiServer, type ApiServer } from "./api_server.ts";
import { startControllers } from "./controllers.ts";
import { ReadyPods } from "./pods.ts";
import { printed } from "./readme.ts";

const LIMIT = { timeout: 600_000 };
const README = "manifests/README.md";
const NAMESPACE = "/api/v1/namespaces/mesh-demo";
const FILTERED = "labelSelector=dubbo-filter%3Denabled";
/** A section that says nothing, https://webassembly.github.io/spec/core/binary/modules.html: id 0, size, name. */
const CUSTOM_SECTION = Uint8Array.of(0, 2, 1, 0x78);

describe("a rollout of the module", LIMIT, () => {
  let server: ApiServer;
  let ready: ReadyPods | undefined;
  let first: string;

  const run = (command: string) => server.shell(printed(README, command));

  before(async () => {
    server = await startApiServer();
    await server.defineIstio();
    await server.kubectl("create", "namespace", "istio-system");
    await startControllers(server);
    ready = new ReadyPods(server);
  });

  after(async () => {
    try {
      await ready?.end();
    } finally {
      await server?.stop();
    }
  });

  test("every Deployment has its Pods, and those with the label have the module", async () => {
    await run("kubectl apply -k manifests");
    await run("kubectl -n mesh-demo wait --for=condition=Available deployment --all --timeout=5m");
    const deployments: Json[] = (await get("/apis/apps/v1/namespaces/mesh-demo/deployments")).items;
    const wanted = deployments.reduce((sum, { spec }) => sum + spec.replicas, 0);
    assert.equal((await get(`${NAMESPACE}/pods`)).items.length, wanted);
    const names = await mounted();
    assert.equal(names.size, 1);
    first = [...names][0]!;
    assert.match(first, /^dubbo-wasm-\w+$/);
  });

  test("another module is another ConfigMap and other Pods; the old ConfigMap stays", async () => {
    const folder = join(server.folder, "manifests");
    cpSync(fromRoot("manifests"), folder, { recursive: true });
    appendFileSync(join(folder, "dubbo.wasm"), CUSTOM_SECTION);
    await server.kubectl("apply", "-k", folder);
    await rolledOut();
    const names = await mounted();
    assert.equal(names.size, 1);
    assert.ok(!names.has(first));
    const kept = await run(
      "kubectl -n mesh-demo get configmap -l app.kubernetes.io/name=dubbo-wasm",
    );
    for (const name of [first, ...names]) assert.match(kept, new RegExp(`^${name} `, "m"));
    const used = await run(
      "kubectl -n mesh-demo get replicaset -o yaml | grep 'name: dubbo-wasm-'",
    );
    assert.deepEqual(new Set(used.match(/dubbo-wasm-\w+/g)), new Set([first, ...names]));
  });

  test("`rollout undo` brings the old one back", async () => {
    await run("kubectl -n mesh-demo rollout undo deployment -l dubbo-filter=enabled");
    await rolledOut();
    assert.deepEqual(await mounted(), new Set([first]));
  });

  test("consumers that dial by name are new Pods, and so they are the second time", async () => {
    const uids = async () =>
      ((await get(`${NAMESPACE}/pods?labelSelector=app%3Dcomsumer`)).items as Json[])
        .map(({ metadata }) => metadata.uid as string)
        .sort();
    const before = await uids();
    await run(
      "kubectl -n mesh-demo set env deployment -l app=comsumer USER_DUBBO=user-provider:20880 ORDER_DUBBO=order-provider:20880",
    );
    await rolledOut();
    const between = await uids();
    assert.equal(between.length, before.length);
    assert.ok(between.every((uid) => !before.includes(uid)));
    await run("kubectl -n mesh-demo set env deployment -l app=comsumer USER_DUBBO- ORDER_DUBBO-");
    await rolledOut();
    assert.ok((await uids()).every((uid) => !between.includes(uid)));
  });

  test("it can all be taken out", async () => {
    await run(
      "kubectl -n istio-system delete envoyfilter local-dubbo-listener dubbo-guard dubbo-outbound dubbo-inbound dubbo-triple",
    );
    const left = await get(
      "/apis/networking.istio.io/v1alpha3/namespaces/istio-system/envoyfilters",
    );
    assert.deepEqual(left.items, []);
    await server.kubectl("-n", "mesh-demo", "delete", "deployment", "--all", "--wait");
    await server.kubectl("-n", "mesh-demo", "wait", "--for=delete", "pod", "--all");
    assert.deepEqual((await get(`${NAMESPACE}/pods`)).items, []);
  });

  async function get(path: string): Promise<Json> {
    return server.client.get(path);
  }

  async function rolledOut(): Promise<void> {
    const names = (await server.kubectl("-n", "mesh-demo", "get", "deployment", "-o", "name"))
      .split("\n")
      .filter((name) => name !== "");
    for (const name of names) {
      await server.kubectl("-n", "mesh-demo", "rollout", "status", name, "--timeout=60s");
    }
  }

  /** Names of the ConfigMaps that pods with the label have the module from. */
  async function mounted(): Promise<Set<string>> {
    const pods: Json[] = (await get(`${NAMESPACE}/pods?${FILTERED}`)).items;
    assert.notEqual(pods.length, 0);
    return new Set(
      pods.map(({ spec }) => {
        const volume = spec.volumes.find(({ name }: Json) => name === "dubbo-wasm");
        return volume.configMap.name as string;
      }),
    );
  }
});
