// Stock istiod at a real API server. What the pages apply passes its validation; it injects sidecars into the
// Pods that kube-controller-manager makes of Deployments; and it certifies those whose tokens the server has
// issued. Nothing runs in the Pods: what does is test/istio's.

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { stringify } from "yaml";
import type { Json } from "../../harness/envoy_config.ts";
import { broken, readBreaks } from "../manifests/broken.ts";
import { readManifests } from "../manifests/manifest_files.ts";
import { certified } from "./agent.ts";
import { startApiServer, type ApiServer } from "./api_server.ts";
import { startControllers } from "./controllers.ts";
import { startIstiod, type Istiod } from "./istiod.ts";
import { printed } from "./readme.ts";

const LIMIT = { timeout: 600_000 };
const README = "manifests/README.md";
const NAMESPACE = "mesh-demo";
const ACCOUNT = "user-provider";
/** What Istio's agents have tokens for. */
const AUDIENCE = ["--audience", "istio-ca"];
const PODS_MS = 60_000;
const LOOK_MS = 200;
const MODULE_FOLDER = "/var/local/dubbo";

describe("istiod at a real API server", LIMIT, () => {
  let server: ApiServer;
  let istiod: Istiod;

  before(async () => {
    server = await startApiServer();
    await server.defineIstio();
    await startControllers(server);
    istiod = await startIstiod(server);
  });

  after(async () => server?.stop());

  test("it has nothing against what the README applies", async () => {
    const told = await server.shell(printed(README, "kubectl apply -k manifests"));
    assert.match(told, /^envoyfilter\S*\/local-dubbo-listener created$/m);
  });

  test("the Pods of the Deployments have its sidecar, and those with the label the module", async () => {
    const pods = await podsOf("Deployments of mesh-demo");
    for (const { metadata, spec } of pods) {
      const sidecar = sidecarOf(spec);
      assert.match(sidecar.image, /\/proxyv2:/, metadata.name);
      const filtered = metadata.labels["dubbo-filter"] === "enabled";
      assert.equal(hasModule(spec, sidecar), filtered, metadata.name);
    }
    assert.ok(pods.some(({ metadata }) => metadata.labels["dubbo-filter"] === "enabled"));
  });

  test("a sidecar is an init container that stays, so that it outlives the application", async () => {
    const [pod] = await podsOf("sidecars");
    const sidecar = pod!.spec.initContainers.find(({ name }: Json) => name === "istio-proxy");
    assert.equal(sidecar.restartPolicy, "Always");
  });

  test("the gateway's Pod is an Envoy of Istio's, with the module", async () => {
    await server.shell(printed(README, "kubectl apply -k manifests/gateway"));
    const [{ spec }] = (await podsOf("the gateway", "app=dubbo-gateway")) as [Json];
    assert.deepEqual(
      spec.containers.map(({ name }: Json) => name),
      ["istio-proxy"],
    );
    const proxy = sidecarOf(spec);
    assert.match(proxy.image, /\/proxyv2:/);
    assert.ok(proxy.args.includes("router"));
    assert.ok(hasModule(spec, proxy));
  });

  test("an EnvoyFilter with a type that nobody knows is refused by it", async () => {
    const edit = readBreaks().find(({ name }) => name === "type_url_unknown")!;
    const { object } = broken(readManifests(), edit).find(({ file }) => file === edit.file)!;
    const file = join(server.folder, "broken.yaml");
    writeFileSync(file, stringify(object));
    await assert.rejects(
      server.kubectl("apply", "--dry-run=server", "-f", file),
      /webhook "validation\.istio\.io" denied the request: .*could not resolve Any message type/,
    );
  });

  test("it certifies whom the API server has issued a token, and nobody else", async () => {
    const [{ metadata }] = (await podsOf(ACCOUNT, `app=${ACCOUNT}`)) as [Json];
    const pod: string = metadata.name;
    const agent = { namespace: NAMESPACE, account: ACCOUNT, pod };
    const bound = ["--bound-object-kind", "Pod", "--bound-object-name", pod];
    const token = await tokenOf(...AUDIENCE, ...bound);
    const identity = `URI:spiffe://cluster.local/ns/${NAMESPACE}/sa/${ACCOUNT}`;
    assert.equal(await certified(server, istiod, { ...agent, token }), identity);
    const forged = `${token.slice(0, token.lastIndexOf("."))}.AAAA`;
    const others = [forged, await tokenOf("--audience", "vault")];
    for (const token of others) {
      assert.equal(await certified(server, istiod, { ...agent, token }), undefined);
    }
  });

  /** All Pods with a label, once there are as many as their Deployments want. */
  async function podsOf(what: string, label = ""): Promise<Json[]> {
    const selector = `?labelSelector=${encodeURIComponent(label)}`;
    const namespace = `namespaces/${NAMESPACE}`;
    const deadline = Date.now() + PODS_MS;
    for (;;) {
      const deployments = await items(`/apis/apps/v1/${namespace}/deployments`);
      const wanted = deployments
        .filter(({ spec }) => label === "" || label === `app=${spec.selector.matchLabels.app}`)
        .reduce((sum, { spec }) => sum + spec.replicas, 0);
      const pods = await items(`/api/v1/${namespace}/pods${selector}`);
      if (wanted > 0 && pods.length === wanted) return pods;
      const told = `${what}: ${pods.length} Pods instead of ${wanted}`;
      assert.ok(Date.now() < deadline, told);
      await sleep(LOOK_MS);
    }
  }

  async function items(path: string): Promise<Json[]> {
    return (await server.client.get(path)).items as Json[];
  }

  async function tokenOf(...options: string[]): Promise<string> {
    const create = ["-n", NAMESPACE, "create", "token", ACCOUNT];
    return (await server.kubectl(...create, ...options)).trim();
  }
});

/** Of a Pod the container of Istio's; fails without one. */
function sidecarOf({ containers, initContainers = [] }: Json): Json {
  const found = [...containers, ...initContainers].find(({ name }) => name === "istio-proxy");
  assert.ok(found, "no istio-proxy");
  return found;
}

/** Whether it mounts the module from a ConfigMap that kustomize has named. */
function hasModule({ volumes }: Json, { volumeMounts }: Json): boolean {
  const mount = volumeMounts.find(({ mountPath }: Json) => mountPath === MODULE_FOLDER);
  if (mount === undefined) return false;
  const { configMap } = volumes.find(({ name }: Json) => name === mount.name);
  return /^dubbo-wasm-\w+$/.test(configMap.name);
}
