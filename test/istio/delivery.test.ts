// Everything in manifests/ that istiod reads is understood by it, sent to real Envoys and accepted by
// them: a consumer's sidecar, a provider's, one without the filter, and the ingress gateway's.

import assert from "node:assert/strict";
import { get } from "node:http";
import { after, before, describe, test } from "node:test";
import { wasmPlugins, type Json } from "../../harness/envoy_config.ts";
import { broken, readBreaks } from "../manifests/broken.ts";
import { readManifests } from "../manifests/manifest_files.ts";
import { manifestSets } from "../manifests/manifest_sets.ts";
import { withoutFilter } from "./lab/deployments.ts";
import { namesWithWasm, stateOf } from "./lab/envoy_state.ts";
import { isRead } from "./lab/istiod.ts";
import type { KubernetesObject } from "./lab/kubernetes.ts";
import { kustomized, manifest } from "./lab/manifests.ts";
import { startMesh, type Mesh } from "./lab/mesh.ts";

const SUITE = { timeout: 400_000 };
/** A workload whose label and mount are taken away. */
const PLAIN = "grpc-server-green";
const PODS = [
  "comsumer-blue",
  "user-provider-blue",
  "grpc-server-blue",
  PLAIN,
  "istio-ingressgateway",
];
/** Alternatives to what is applied already; wasm_plugin and traffic_extension.test.ts have them by themselves. */
const ELSEWHERE = /dubbo-(wasm-plugin|traffic-extension)-/;
/** The listener of all Services with HTTP on this port. */
const GRPC = "0.0.0.0_50000";
const GATEWAY_PORT = 8080;
const ASK_MS = 10_000;

describe("manifests as istiod delivers them", SUITE, () => {
  let mesh: Mesh;

  before(async () => {
    mesh = await startMesh({ objects: await kustomized("manifests") });
    await mesh.apply(withoutFilter(mesh.object("Deployment", PLAIN)));
    await mesh.run(...PODS);
  });
  after(() => mesh?.stop());

  test("istiod understands them, and every Envoy accepts what it is sent", () => accepted());

  test("the consumer has the local listener, the filter before each Service's tcp_proxy and where gRPC goes", async () => {
    const state = await stateOf(mesh.pod("comsumer-blue"));
    const services = ["user-provider", "order-provider"].map(listenerOf);
    const expected = [...addedWithWasm(), ...services, GRPC];
    assert.deepEqual(namesWithWasm(state).sort(), expected.sort());
    assert.deepEqual(filterNames(state.listeners.get("local_proxy_20880")), [
      ["envoy.filters.network.wasm", "envoy.filters.network.dubbo_proxy"],
    ]);
    for (const name of services) {
      assert.deepEqual(filterNames(state.listeners.get(name)), [
        ["envoy.filters.network.wasm", "envoy.filters.network.tcp_proxy"],
      ]);
    }
    for (const cluster of namedClusters([...state.listeners.values()])) {
      assert.ok(state.clusters.has(cluster), `there is a cluster ${cluster}`);
    }
  });

  test("the provider has the filter where its port's connections arrive", async () => {
    const state = await stateOf(mesh.pod("user-provider-blue"));
    const inbound = state.listeners.get("virtualInbound");
    const chains = (inbound?.filter_chains ?? []).filter(
      (chain: Json) => chain.filter_chain_match?.destination_port === 20880,
    );
    const names = chains.map((chain: Json) => chain.filters.map((filter: Json) => filter.name));
    // With mutual TLS and, as it is PERMISSIVE by default, without.
    assert.ok(names.length >= 2, `${names.length} filter chains for port 20880`);
    for (const chain of names) {
      assert.deepEqual(chain.slice(-2), [
        "envoy.filters.network.wasm",
        "envoy.filters.network.tcp_proxy",
      ]);
    }
    const others = inbound?.filter_chains.filter((chain: Json) => !chains.includes(chain));
    assert.equal(JSON.stringify(others).includes("network.wasm"), false, "and nowhere else");
  });

  test("who has no label and no mount gets no filter", async () => {
    for (const name of [PLAIN, "istio-ingressgateway"]) {
      assert.deepEqual(namesWithWasm(await stateOf(mesh.pod(name))), [], name);
    }
  });

  test("the ingress gateway leads to the consumer", async () => {
    const { address } = mesh.pod("istio-ingressgateway");
    assert.match(
      await askGateway(address, "td.mesh.symcn.com"),
      /^200 .*"podName":"comsumer-blue-\w+-\w+"/s,
    );
    assert.match(await askGateway(address, "other.example.com"), /^404 /);
  });

  test("an EnvoyFilter with a type that nobody knows is refused at the API server", async () => {
    const edit = readBreaks().find(({ name }) => name === "type_url_unknown")!;
    const { object } = broken(readManifests(), edit).find(({ file }) => file === edit.file)!;
    await assert.rejects(
      mesh.apply(object as KubernetesObject),
      /webhook "validation\.istio\.io" denied the request: .*could not resolve Any message type/,
    );
  });

  for (const folder of ["istio-poc", "grpc-mesh", "proxy-mesh"]) {
    test(`manifests/${folder} beside them`, async () => {
      const objects = await kustomized(`manifests/${folder}`);
      await mesh.apply(...objects);
      await accepted();
    });
  }

  for (const file of filesAlone()) {
    test(`${file} on top`, async () => {
      const objects = manifest(file);
      const replaced = objects.flatMap(({ kind, metadata }) => mesh.find(kind, metadata));
      await mesh.apply(...objects);
      await accepted();
      await mesh.remove(...objects);
      await mesh.apply(...replaced);
    });
  }

  async function accepted(): Promise<void> {
    await mesh.istiod.settled();
    assert.deepEqual(mesh.istiod.problems(), []);
    const states = await Promise.all(PODS.map((name) => stateOf(mesh.pod(name))));
    assert.deepEqual(
      states.flatMap(({ problems }) => problems),
      [],
    );
  }

  /** Names of the listeners with our filter that EnvoyFilters add. */
  function addedWithWasm(): string[] {
    const patches: Json[] = mesh
      .all("EnvoyFilter")
      .flatMap(({ spec }) => spec.configPatches as Json[]);
    const added = patches.filter(
      ({ applyTo, patch }) =>
        applyTo === "LISTENER" && patch.operation === "ADD" && wasmPlugins(patch).length > 0,
    );
    return added.map(({ patch }) => patch.value.name);
  }

  function listenerOf(service: string): string {
    return `${mesh.object("Service", service).spec.clusterIP}_20880`;
  }
});

/** What is no part of a kustomization, and has something for istiod in it. */
function filesAlone(): string[] {
  const sets = manifestSets(readManifests()).map(({ name }) => name);
  return sets.filter(
    (name) => name.includes("/") && !ELSEWHERE.test(name) && manifest(name).some(isRead),
  );
}

function filterNames(listener: Json | undefined): string[][] {
  return listener?.filter_chains.map((chain: Json) => chain.filters.map(({ name }: Json) => name));
}

function namedClusters(value: unknown): string[] {
  const names = JSON.stringify(value).matchAll(/"cluster":\s*"([^"]+)"/g);
  return [...names].map(([, name]) => name!);
}

/** Status and body of what the gateway answers for a host. */
function askGateway(address: string, host: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { host: address, port: GATEWAY_PORT, path: "/version", headers: { host } };
    const request = get({ ...options, signal: AbortSignal.timeout(ASK_MS) }, (response) => {
      let body = "";
      response.setEncoding("utf8").on("data", (text: string) => (body += text));
      response.on("end", () => resolve(`${response.statusCode} ${body}`));
    });
    request.on("error", reject);
  });
}
