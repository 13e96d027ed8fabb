// manifests/proxy-mesh with real istiod, agents and Envoys: the consumer's sidecar asks each provider for
// its health, leaves out one that is not well, and loses no call to one that goes. What Envoy makes of it
// in more detail is shown on one machine in test/e2e/proxy_mesh/proxy_mesh.test.ts.

import assert from "node:assert/strict";
import { after, before, describe, test, type TestContext } from "node:test";
import type { Json } from "../../harness/envoy_config.ts";
import { CLUSTER, healthCheckPatch } from "../../demo/proxy_mesh/topology.ts";
import { startLoad, type Load } from "../e2e/call_load.ts";
import { stateOf } from "./lab/envoy_state.ts";
import type { KubernetesObject } from "./lab/kubernetes.ts";
import { kustomized } from "./lab/manifests.ts";
import { startMesh, type Mesh } from "./lab/mesh.ts";
import type { Pod } from "./lab/pod.ts";
import { faultsByHost } from "./lab/upstreams.ts";

const SUITE = { timeout: 300_000 };
const PROVIDER = "dubbo-samples-mesh-provider";
const CONSUMER = "dubbo-samples-mesh-consumer";
const SERVICE = `${PROVIDER}.dubbo-demo.svc.cluster.local`;
const PORT = 50052;
const HEALTH_CHECK_FILTER = "envoy.filters.http.health_check";
const FAILED = "failed_active_health_check";
// The longest time between two checks is 16 s: 10 s on the edge, 1 s and 50 % of jitter.
const CHECKED_MS = 60_000;
const LOAD_MS = 60_000;
const GONE_S = 60;
const NAMESPACE = "dubbo-demo";
const ASK_MS = 30_000;
const CALLERS = 2;
const SOME = 40;
// Light: the machine has other things to do.
const PAUSE_MS = 20;

/** Istio makes calls again that fail, twice; here one sees what is lost without. */
const NO_RETRIES: KubernetesObject = {
  apiVersion: "networking.istio.io/v1",
  kind: "VirtualService",
  metadata: { name: "no-retries", namespace: "dubbo-demo" },
  spec: {
    hosts: [SERVICE],
    http: [{ retries: { attempts: 0 }, route: [{ destination: { host: SERVICE } }] }],
  },
};

describe("proxy-mesh in Istio", SUITE, () => {
  let mesh: Mesh;
  let first: Pod;
  let other: Pod;
  let both: string[];

  before(async () => {
    mesh = await startMesh({ objects: await kustomized("manifests/proxy-mesh") });
    await mesh.apply(NO_RETRIES);
    await mesh.run(PROVIDER, PROVIDER, CONSUMER);
    [first, other] = mesh.pods(PROVIDER) as [Pod, Pod];
    both = [first.name, other.name];
    for (const pod of [first, other]) await isIn(pod);
  });
  after(() => mesh?.stop());

  test("istiod merges the health check into the consumer's cluster, with all its values", async () => {
    const { clusters, problems } = await stateOf(mesh.pod(CONSUMER));
    assert.deepEqual(problems, []);
    assert.deepEqual(mesh.istiod.problems(), []);
    const cluster = clusters.get(CLUSTER);
    assert.deepEqual(cluster?.health_checks, [
      {
        timeout: "5s",
        interval: "5s",
        initial_jitter: "1s",
        interval_jitter: "1s",
        interval_jitter_percent: 50,
        unhealthy_threshold: 1,
        healthy_threshold: 1,
        reuse_connection: true,
        no_traffic_interval: "2s",
        no_traffic_healthy_interval: "4s",
        unhealthy_interval: "5s",
        unhealthy_edge_interval: "10s",
        healthy_edge_interval: "10s",
        grpc_health_check: { authority: SERVICE },
      },
    ]);
    // What the demo without Istio merges is the same.
    assert.deepEqual(healthCheckPatch().health_checks, cluster?.health_checks);
    // Merged, not in its place: endpoints still come from istiod, and its connections are HTTP/2.
    assert.equal(cluster?.type, "EDS");
    assert.match(
      JSON.stringify(cluster?.typed_extension_protocol_options),
      /http2_protocol_options/,
    );
  });

  test("nobody else's clusters have one", async () => {
    const provider = await stateOf(first);
    assert.ok(provider.clusters.has(CLUSTER), "the provider's sidecar has the cluster too");
    const consumer = await stateOf(mesh.pod(CONSUMER));
    consumer.clusters.delete(CLUSTER);
    for (const { name, health_checks } of [
      ...provider.clusters.values(),
      ...consumer.clusters.values(),
    ]) {
      assert.equal(health_checks, undefined, name);
    }
  });

  test("each provider's sidecar has the filter that fails health checks, on its port", async () => {
    for (const pod of [first, other]) {
      const { name } = pod;
      const { listeners, problems } = await stateOf(pod);
      assert.deepEqual(problems, [], name);
      const chains: Json[] = listeners.get("virtualInbound")?.filter_chains ?? [];
      const first = (chain: Json) =>
        chain.filters.at(-1).typed_config.http_filters?.[0]?.name === HEALTH_CHECK_FILTER;
      const ports = chains.filter(first).map((chain) => chain.filter_chain_match.destination_port);
      // With mutual TLS and, as it is PERMISSIVE by default, without.
      assert.deepEqual([...new Set(ports)], [PORT], name);
      assert.ok(ports.length >= 2, `${ports.length} filter chains`);
    }
  });

  test("NOT_SERVING takes a provider out of the load balancing, SERVING brings it back", async (t) => {
    const load = startCalls(t);
    await load.answeredBy(both, SOME, LOAD_MS);
    await say(first, "NOT_SERVING");
    await isOut(first);
    await load.answeredBy([other.name], SOME, LOAD_MS);

    await say(first, "SERVING");
    await isIn(first);
    await load.answeredBy(both, SOME, LOAD_MS);
    await load.stop();
  });

  test("/healthcheck/fail takes one out, /healthcheck/ok brings it back: no call fails", async (t) => {
    const load = startCalls(t);
    await load.answeredBy(both, SOME, LOAD_MS);
    await first.admin("healthcheck/fail", "POST");
    await isOut(first);
    await load.answeredBy([other.name], SOME, LOAD_MS);

    await first.admin("healthcheck/ok", "POST");
    await isIn(first);
    await load.answeredBy(both, SOME, LOAD_MS);
    await load.stop();
  });

  // Last: what comes in its place finds no room.
  test("a pod is deleted: its preStop hooks, its own end, the end of its sidecar; no call fails", async (t) => {
    const load = startCalls(t);
    await load.answeredBy(both, SOME, LOAD_MS);
    await mesh.kubectl("-n", NAMESPACE, "delete", "pod", other.name, "--wait=false");
    await isGone(other);
    await load.answeredBy([first.name], SOME, LOAD_MS);

    const wait = ["wait", "--for=delete", `pod/${other.name}`, `--timeout=${GONE_S}s`];
    await mesh.kubectl("-n", NAMESPACE, ...wait);
    const [application, sidecar] = other.hooks;
    assert.deepEqual([application?.end, sidecar?.end], ["exit code 0", "exit code 0"]);
    assert.equal(application!.log, "", "what it writes is a complaint");
    assert.deepEqual(
      [...other.applications, other.proxy!].map(({ end }) => end),
      ["exit code 0", "exit code 0"],
    );
    await load.answeredBy([first.name], SOME, LOAD_MS);
    await load.stop();
  });

  /** The consumer is asked, and makes a call of it; resolved with the pod that has answered. */
  function startCalls(t: TestContext): Load {
    const url = `http://${mesh.pod(CONSUMER).address}:7171/demo`;
    return startLoad(t, {
      callers: CALLERS,
      pauseMs: PAUSE_MS,
      call: async (number) => {
        const signal = AbortSignal.timeout(ASK_MS);
        const response = await fetch(`${url}?name=${number}`, { signal });
        const text = await response.text();
        if (!response.ok) throw new Error(`${response.status} ${text}`);
        const { message } = JSON.parse(text) as { message: string };
        return /this is (.*)\.$/.exec(message)?.[1] ?? message;
      },
    });
  }

  async function isIn(pod: Pod): Promise<void> {
    await isSeen(`using ${pod.name}`, async () => (await faults(pod))?.length === 0);
  }

  async function isOut(pod: Pod): Promise<void> {
    await isSeen(`without ${pod.name}`, async () => (await faults(pod))?.includes(FAILED) === true);
  }

  /** It is no endpoint any more, and Envoy keeps it no longer than its checks succeed. */
  async function isGone(pod: Pod): Promise<void> {
    await isSeen(`rid of ${pod.name}`, async () => (await faults(pod)) === undefined);
  }

  async function isSeen(what: string, holds: () => Promise<boolean>): Promise<void> {
    await mesh.pod(CONSUMER).proxy!.waitUntil(what, CHECKED_MS, holds);
  }

  async function faults({ address }: Pod): Promise<string[] | undefined> {
    const hosts = await faultsByHost(mesh.pod(CONSUMER), CLUSTER);
    return hosts.get(`${address}:${PORT}`);
  }

  /** Turns the switch of a provider's health, from inside of its pod. */
  async function say(pod: Pod, status: string): Promise<void> {
    await post(pod, `http://127.0.0.1:22222/health?status=${status}`);
  }
});

/** Rejects where it is not answered with 200. */
async function post(pod: Pod, url: string): Promise<void> {
  const program = `fetch("${url}", { method: "POST" }).then(({ status }) => {
    if (status !== 200) throw new Error(String(status));
  });`;
  await pod.run({ name: `POST ${url}`, command: [process.execPath, "-e", program] });
}
