// manifests/grpc-mesh with real istiod, agents and Envoys: mesha calls meshgrpc.Mesher/SayHello of meshb
// by a name that only a ServiceEntry makes. Istio is told what istio-operator.yaml there tells it.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { readConfig, type Json } from "../../harness/envoy_config.ts";
import { fromRoot } from "../../harness/repository.ts";
import { loggedRequests, type LoggedRequest } from "./lab/access_log.ts";
import { stateOf } from "./lab/envoy_state.ts";
import { eventually } from "./lab/eventually.ts";
import { sidecarsIn, type KubernetesObject, type PodObject } from "./lab/kubernetes.ts";
import { kustomized, manifest } from "./lab/manifests.ts";
import { startMesh, type Mesh } from "./lab/mesh.ts";
import { faultsByHost } from "./lab/upstreams.ts";

const SUITE = { timeout: 240_000 };
const OPERATOR = "manifests/grpc-mesh/istio-operator.yaml";
const PROXY = "istio-proxy";
const CALL = "POST /meshgrpc.Mesher/SayHello HTTP/2";
/** As mesha dials it, and as the ServiceEntry has it. */
const DIALLED = "AppMeshClient.mesh";
const HOST = "appmeshclient.mesh";
const PORT = 50000;
const CLUSTER = `outbound|${PORT}||${HOST}`;
/** Istio allocates addresses out of 240.240.0.0/16. */
const ALLOCATED = /^240\.240\.\d+\.\d+$/;
/** Makes istiod allocate none. */
const NO_ADDRESS = { "networking.istio.io/enable-autoallocate-ip": "false" };
const CALLS = 5;
const ASK_MS = 10_000;

describe("gRPC through Istio", SUITE, () => {
  let mesh: Mesh;
  /** As kustomize makes it. */
  let entry: KubernetesObject;

  before(async () => {
    const objects = await kustomized("manifests/grpc-mesh");
    mesh = await startMesh({ objects, operators: [OPERATOR] });
    entry = mesh.object("ServiceEntry", "app-mesh-client");
    await mesh.run("meshb", "mesha");
  });
  after(() => mesh?.stop());

  test("the pods are what istio-operator.yaml says: sidecar first, and it answers DNS", () => {
    const { defaultConfig } = readConfig(fromRoot(OPERATOR)).spec.meshConfig;
    assert.equal(defaultConfig.holdApplicationUntilProxyStarts, true);
    for (const name of ["mesha", "meshb"]) {
      const { spec } = mesh.pod(name).object;
      // At an API server of today a sidecar is an init container that stays: Kubernetes starts the application
      // once its probe has succeeded, and no hook has to hold it.
      const [sidecar] = sidecarsIn(mesh.pod(name).object) as [Json];
      assert.equal(sidecar.name, PROXY);
      assert.equal(sidecar.startupProbe.httpGet.path, "/healthz/ready");
      assert.deepEqual(
        spec.containers.map((container: Json) => container.name),
        [name],
      );
      for (const [variable, value] of Object.entries(defaultConfig.proxyMetadata)) {
        assert.equal(variableOf(mesh.pod(name).object, variable), value, variable);
      }
    }
  });

  test("istiod accepts it all, and so do the sidecars", async () => {
    assert.deepEqual(mesh.istiod.problems(), []);
    for (const name of ["mesha", "meshb"]) {
      assert.deepEqual((await stateOf(mesh.pod(name))).problems, [], name);
    }
  });

  test("/demo answers through both sidecars, whose access logs say so", async () => {
    const ids: string[] = [];
    for (let i = 0; i < CALLS; i++) {
      const { status, body } = await demo(`caller-${i}`);
      assert.equal(status, 200);
      assert.equal(body.message, `Hello caller-${i}, this is ${mesh.pod("meshb").name}.`);
      ids.push(body.headers["x-request-id"]);
    }
    const { address } = mesh.pod("meshb");
    for (const [name, cluster, serverName] of [
      ["mesha", CLUSTER, "-"],
      // Over mutual TLS, which says what the caller meant.
      ["meshb", `inbound|${PORT}||`, `outbound_.${PORT}_._.${HOST}`],
    ] as const) {
      // The same calls in both: the request's id goes along.
      const logged = await logOf(name, ids);
      assert.deepEqual(
        logged.map(({ id }) => id),
        ids,
      );
      for (const line of logged) {
        const { id, ...rest } = line;
        assert.deepEqual(rest, {
          request: CALL,
          status: 200,
          flags: "-",
          authority: `${DIALLED}:${PORT}`,
          upstream: `${address}:${PORT}`,
          cluster,
          serverName,
        });
      }
    }
  });

  test("istiod allocates an address for the name, and the sidecar answers DNS with it", async () => {
    const [address, ...more] = await addressesOf(DIALLED);
    assert.match(address ?? "none", ALLOCATED);
    assert.deepEqual(more, []);
    assert.deepEqual(await addressesOf(HOST), [address]);
    // An HTTP port's listener is for all addresses; its route knows this one. A TCP port gets a listener
    // of its own there.
    assert.ok((await domainsOf(CLUSTER)).includes(address!));
    await mesh.apply(withTcpPort(entry));
    const listener = `${address}_${PORT + 1}`;
    await eventually(`a listener ${listener}`, async () => {
      return (await stateOf(mesh.pod("mesha"))).listeners.has(listener);
    });
    assert.deepEqual(await addressesOf(DIALLED), [address], "it keeps its address");

    await mesh.apply({ ...entry, metadata: { ...entry.metadata, labels: NO_ADDRESS } });
    await eventually("no address", async () => (await addressesOf(DIALLED)).length === 0);
    assert.equal((await domainsOf(CLUSTER)).includes(address!), false);

    // Its label alone, taken away, brings none back.
    await mesh.remove(entry);
    await mesh.apply(entry);
    await eventually("an address", async () => (await addressesOf(DIALLED)).length === 1);
    await answersAgain();
  });

  test("without an endpoint /demo is 503, with a static one it answers", async () => {
    const [fixed] = manifest("manifests/grpc-mesh/app-mesh-client-static.yaml");
    const { endpoints, ...empty } = fixed!.spec;
    await withEntry({ ...fixed!, spec: empty }, async () => {
      await upstreamsAre([]);
      const { status, body } = await demo("nobody");
      assert.equal(status, 503);
      assert.match(body.error, /^14 UNAVAILABLE: no healthy upstream/);
      // To gRPC Envoy answers 200, with the failure in grpc-status; 503 is what mesha makes of it.
      const [line] = await logOf("mesha", [body.headers["x-request-id"]]);
      assert.deepEqual(
        [line!.request, line!.status, line!.flags, line!.upstream],
        [CALL, 200, "UH", "-"],
      );

      const { address } = mesh.pod("meshb");
      const mine = endpoints.map((endpoint: Json) => ({ ...endpoint, address }));
      await mesh.apply({ ...fixed!, spec: { ...empty, endpoints: mine } });
      await upstreamsAre([`${address}:${PORT}`]);
      const answer = await demo("static");
      assert.equal(answer.status, 200, answer.body.error);
      assert.equal(answer.body.message, `Hello static, this is ${mesh.pod("meshb").name}.`);
      // Nothing says that there is a sidecar at this address: the call comes without mutual TLS.
      const [arrived] = await logOf("meshb", [answer.body.headers["x-request-id"]]);
      assert.deepEqual(
        [arrived!.request, arrived!.status, arrived!.cluster, arrived!.serverName],
        [CALL, 200, `inbound|${PORT}||`, "-"],
      );
    });
  });

  test("a host in capitals gets a cluster and a route that do not know each other", async () => {
    const capitals = { ...entry, spec: { ...entry.spec, hosts: [DIALLED] } };
    await withEntry(capitals, async () => {
      await eventually("a cluster in capitals", async () => {
        const { clusters } = await stateOf(mesh.pod("mesha"));
        return clusters.has(`outbound|${PORT}||${DIALLED}`) && !clusters.has(CLUSTER);
      });
      const { status, body } = await demo("capitals");
      assert.equal(status, 503, body.error);
      const [line] = await logOf("mesha", [body.headers["x-request-id"]]);
      // No cluster.
      assert.deepEqual([line!.status, line!.flags], [200, "NC"]);
    });
  });

  /** GET /demo as somebody outside of the mesh. */
  async function demo(name: string): Promise<{ status: number; body: Json }> {
    const url = `http://${mesh.pod("mesha").address}:7171/demo?name=${name}`;
    const response = await fetch(url, { signal: AbortSignal.timeout(ASK_MS) });
    return { status: response.status, body: (await response.json()) as Json };
  }

  /** What a pod's sidecar has logged of the SayHello calls with these ids, once all are there. */
  async function logOf(pod: string, ids: string[]): Promise<LoggedRequest[]> {
    const logged = () =>
      loggedRequests(mesh.pod(pod)).filter(
        ({ id, request }) => ids.includes(id) && request.includes("SayHello"),
      );
    await eventually(`${ids.length} lines in ${pod}'s log`, async () => {
      return logged().length >= ids.length;
    });
    return logged();
  }

  /** What a name stands for to programs in mesha's pod. */
  async function addressesOf(name: string): Promise<string[]> {
    const program = `require("node:dns").lookup("${name}", { all: true }, (error, all = []) => {
      if (error !== null && error.code !== "ENOTFOUND") throw error;
      console.log(JSON.stringify(all.map(({ address }) => address)));
    });`;
    const command = [process.execPath, "-e", program];
    return JSON.parse(await mesh.pod("mesha").run({ name: "lookup", command })) as string[];
  }

  /** The domains that mesha's sidecar sends to a cluster. */
  async function domainsOf(cluster: string): Promise<string[]> {
    const dump = await mesh.pod("mesha").admin("config_dump?resource=dynamic_route_configs");
    const hosts = (JSON.parse(dump).configs as Json[]).flatMap(
      ({ route_config }) => (route_config.virtual_hosts ?? []) as Json[],
    );
    return hosts
      .filter(({ routes }) => routes.some(({ route }: Json) => route?.cluster === cluster))
      .flatMap(({ domains }) => domains as string[]);
  }

  /** Resolved once mesha's sidecar has these hosts behind the name. */
  async function upstreamsAre(expected: string[]): Promise<void> {
    await eventually(`hosts: ${expected}`, async () => {
      const found = await faultsByHost(mesh.pod("mesha"), CLUSTER);
      return [...found.keys()].join() === expected.join();
    });
  }

  /** Runs it with another ServiceEntry of the same name; afterwards the first is back, and works. */
  async function withEntry(other: KubernetesObject, run: () => Promise<void>): Promise<void> {
    await mesh.apply(other);
    await mesh.istiod.settled();
    try {
      await run();
    } finally {
      await mesh.apply(entry);
      await answersAgain();
    }
  }

  async function answersAgain(): Promise<void> {
    await mesh.istiod.settled();
    await eventually("answered", async () => (await demo("again")).status === 200);
  }
});

function withTcpPort(entry: KubernetesObject): KubernetesObject {
  const port = { number: PORT + 1, name: "tcp", protocol: "TCP" };
  return { ...entry, spec: { ...entry.spec, ports: [...entry.spec.ports, port] } };
}

/** A variable of a pod's sidecar. */
function variableOf(pod: PodObject, variable: string): string | undefined {
  const proxy = sidecarsIn(pod).find(({ name }) => name === PROXY);
  return (proxy?.env as Json[]).find(({ name }) => name === variable)?.value;
}
