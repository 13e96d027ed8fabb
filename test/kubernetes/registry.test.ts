// manifests/registry in a real API server, and two copies of its program with the ServiceAccount's token:
// ServiceEntries come, change and go with what is registered in a real ZooKeeper, and the copies do not
// fight. The program runs from a folder that has what its Dockerfile copies.

import assert from "node:assert/strict";
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { DubboClient } from "../../demo/dubbo/client.ts";
import {
  addCluster,
  clustersOf,
  listenersOf,
  LOCAL_CONFIG,
  localConfig,
  named,
  wasmPlugins,
  type Json,
} from "../../harness/envoy_config.ts";
import { startEnvoy } from "../../harness/envoy_process.ts";
import { freePorts } from "../../harness/ports.ts";
import { startProcess, type ManagedProcess } from "../../harness/processes.ts";
import { answers } from "../../harness/readiness.ts";
import { fromRoot } from "../../harness/repository.ts";
import { readManifest } from "../manifests/manifest_files.ts";
import { startNamed, until, who } from "../registry/stage.ts";
import { Registrant } from "../../demo/registrant.ts";
import { ZooKeeperServer } from "../../harness/zookeeper.ts";
import { ApiClient } from "./api.ts";
import { startApiServer, type ApiServer } from "./api_server.ts";
import { startIstiod } from "./istiod.ts";
import { printed } from "./readme.ts";

const LIMIT = { timeout: 600_000 };
const README = "manifests/registry/README.md";
const READY_MS = 60_000;
/** Longer than a copy holds the Lease without renewing it. */
const TWO_RENEWALS_MS = 5000;
const ENTRIES = "/apis/networking.istio.io/v1/namespaces/dubbo/serviceentries";
const LEASE = "/apis/coordination.k8s.io/v1/namespaces/dubbo/leases/dubbo-registry";
/** How a sidecar's cluster of it ends. */
const HOST = "a.a.1-0-0.blue.dubbo";

/** A running program. */
interface Copy {
  process: ManagedProcess;
  state: string;
}

describe("the registry's program in a real API server", LIMIT, () => {
  let server: ApiServer;
  let zooKeeper: ZooKeeperServer;
  let provider: Registrant;
  let folder: string;
  const copies: Copy[] = [];

  before(async () => {
    server = await startApiServer();
    await server.defineIstio();
    zooKeeper = await ZooKeeperServer.start();
    provider = await Registrant.connect(zooKeeper.address);
    folder = imageFolder();
  });

  after(async () => {
    for (const { process } of copies) await process.stop();
    provider?.close();
    await zooKeeper?.stop();
    await server?.stop();
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  });

  test("takes the manifests, and finds nothing to change the second time", async () => {
    await server.kubectl("apply", "-f", "manifests/registry/namespace.yaml");
    const tried = await server.kubectl("apply", "--dry-run=server", "-k", "manifests/registry");
    assert.equal(tried.match(/ \(server dry run\)$/gm)?.length, 6);
    await server.shell(printed(README, "kubectl apply -k manifests/registry"));
    const again = await server.kubectl("apply", "-k", "manifests/registry");
    for (const line of again.trim().split("\n")) assert.match(line, / unchanged$/);
  });

  test("the ServiceAccount may do what the program does, and no more", async () => {
    const token = await newToken();
    const rules = await server.shell(
      `kubectl --kubeconfig=${kubeconfig(token)} auth can-i --list --namespace=dubbo`,
    );
    const granted = rules.split("\n").filter((line) => /serviceentries|leases/.test(line));
    assert.equal(granted.length, 2, rules);
    assert.match(granted.join("\n"), /leases\S*\s+\[\]\s+\[dubbo-registry\]\s+\[get update\]/);
    assert.match(
      granted.join("\n"),
      /serviceentries\S*\s+\[\]\s+\[\]\s+\[list create patch delete\]/,
    );
    for (const path of ["/api/v1/namespaces/dubbo/secrets", `${ENTRIES}/x`, "/api/v1/nodes"]) {
      const status = await asked(token, path);
      assert.equal(status, 403, path);
    }
  });

  test("a ServiceEntry comes, changes and goes with its service", async () => {
    await server.client.create(
      ENTRIES,
      entryOf("left", { "app.kubernetes.io/managed-by": "dubbo-registry" }),
    );
    await server.client.create(ENTRIES, entryOf("foreign", {}));
    await provider.register(url(20_001, "weight=7"));
    copies.push(await startCopy());
    await until("it is there", async () => (await endpoints())?.length === 1);
    const [entry] = await mine();
    assert.deepEqual(entry!.spec.endpoints, [
      {
        address: "192.0.2.1",
        ports: { "tcp-dubbo": 20_001 },
        weight: 7,
        labels: { application: "order", version: "1.0.0", group: "blue" },
      },
    ]);
    const managers = entry!.metadata.managedFields.map(({ manager, operation }: Json) => [
      manager,
      operation,
    ]);
    assert.deepEqual(managers, [["dubbo-registry", "Apply"]]);
    await provider.register(url(20_002));
    await until("it has two endpoints", async () => (await endpoints())?.length === 2);
    await provider.unregister(url(20_001, "weight=7"));
    await provider.unregister(url(20_002));
    await until("it is gone", async () => (await mine()).length === 0);
    await until(
      "what an earlier run left is gone too",
      async () => !(await names()).includes("left"),
    );
    assert.deepEqual(await names(), ["foreign"]);
  });

  test("what somebody else changed is put right", async () => {
    await provider.register(url(20_001));
    await until("it is there", async () => (await endpoints())?.length === 1);
    const [entry] = await mine();
    await server.client.merge(`${ENTRIES}/${entry!.metadata.name}`, { spec: { endpoints: [] } });
    await provider.register(url(20_002));
    await until("both are there", async () => (await endpoints())?.length === 2);
  });

  test("istiod tells a sidecar of a service, whose provider it then calls, and of its end", async (t) => {
    // Without an agent the sidecar has no certificate to show.
    const istiod = await startIstiod(server, "meshConfig.enableAutoMtls=false");
    const port = await startNamed(t, "one", "b.B");
    const there = `dubbo://127.0.0.1:${port}/b.B?interface=b.B&side=provider`;
    await provider.register(there);
    const cluster = "outbound|20880||b.b.dubbo";
    const [listener, admin] = (await freePorts(2)) as [number, number];
    const envoy = await startEnvoy({
      config: sidecar({ listener, admin, istiod: istiod.grpcPort, cluster }),
    });
    t.after(() => envoy.stop());
    const client = new DubboClient({ port: listener });
    t.after(() => client.close());
    await until("it is called", async () => (await who({ client }, "b.B")) === "one");
    const clusters = async () => JSON.stringify(await envoy.get("/clusters"));
    assert.ok((await clusters()).includes(`${cluster}::127.0.0.1:${port}`));
    await provider.unregister(there);
    await until("its cluster is gone", async () => !(await clusters()).includes(cluster));
  });

  test("of two copies one writes; when it is killed the other does", async () => {
    copies.push(await startCopy());
    await sleep(TWO_RENEWALS_MS);
    const leaders = await Promise.all(copies.map(isLeader));
    assert.deepEqual(leaders, [1, 0]);
    const { resourceVersion, generation } = (await mine())[0]!.metadata;
    await sleep(TWO_RENEWALS_MS);
    const still = (await mine())[0]!.metadata;
    assert.deepEqual([still.resourceVersion, still.generation], [resourceVersion, generation]);

    const first = copies.shift()!;
    first.process.kill("SIGKILL");
    await provider.unregister(url(20_002));
    await untilLong("the other writes", async () => (await endpoints())?.length === 1);
    assert.equal(await isLeader(copies[0]!), 1);
    const failures = await metric(copies[0]!, "dubbo_registry_istio_failures_total");
    assert.equal(failures, 0, copies[0]!.process.log);
  });

  test("one that ends in order gives the Lease up at once", async () => {
    await copies.shift()!.process.stop();
    assert.equal((await server.client.get(LEASE)).spec.holderIdentity, "");
    assert.equal((await mine()).length, 1, "its entries stay");
  });

  /** Starts a copy as dubbo-registry.yaml does, with the registry that is here. */
  async function startCopy(): Promise<Copy> {
    const [http, ads] = (await freePorts(2)) as [number, number];
    const [deployment] = readManifest("manifests/registry/dubbo-registry.yaml");
    const container = deployment!.object.spec.template.spec.containers[0];
    const given = (container.args as string[])
      .join(" ")
      .replace("zookeeper.example.com:2181", zooKeeper.address)
      .replace("0.0.0.0:18001", `127.0.0.1:${http}`)
      .split(" ");
    const args = ["--import", "tsx", "registry/main.ts", ...given, "--ads", `127.0.0.1:${ads}`];
    args.push("--empty-protection-ms", "3000");
    const env = { KUBECONFIG: kubeconfig(await newToken()) };
    const process_ = startProcess({
      name: "registry",
      command: process.execPath,
      args,
      cwd: folder,
      env,
    });
    const state = `http://127.0.0.1:${http}`;
    await process_.waitUntil("ready", READY_MS, () => answers(`${state}/readyz`));
    return { process: process_, state };
  }

  async function newToken(): Promise<string> {
    return (await server.kubectl("-n", "dubbo", "create", "token", "dubbo-registry")).trim();
  }

  /** A file with which a client is who has the token. */
  function kubeconfig(token: string): string {
    const config = JSON.parse(readFileSync(server.kubeconfig, "utf8"));
    config.users[0].user = { token };
    const path = join(server.folder, `account-${Math.random().toString(36).slice(2)}`);
    writeFileSync(path, JSON.stringify(config));
    return path;
  }

  /** The status with which a GET is answered. */
  async function asked(token: string, path: string): Promise<number> {
    const ca = readFileSync(server.caFile, "utf8");
    const client = new ApiClient({ url: server.url, token, ca });
    try {
      await client.get(path);
      return 200;
    } catch (error) {
      return (error as { status?: number }).status ?? 0;
    } finally {
      client.close();
    }
  }

  async function names(): Promise<string[]> {
    const { items } = await server.client.get(ENTRIES);
    return (items as Json[]).map(({ metadata }) => metadata.name as string);
  }

  async function mine(): Promise<Json[]> {
    const { items } = await server.client.get(ENTRIES);
    return (items as Json[]).filter(({ spec }) => spec.hosts[0] === HOST);
  }

  async function endpoints(): Promise<Json[] | undefined> {
    return (await mine())[0]?.spec.endpoints;
  }
});

/**
 * An Envoy that istiod takes for a sidecar and tells all clusters. Of its own it has the listener, where the filter
 * names the cluster of calls to b.B: nothing leads connections to istiod's own listeners here.
 */
function sidecar(at: { listener: number; admin: number; istiod: number; cluster: string }): Json {
  const config = localConfig(
    { listeners: { dubbo_tcp_routed: at.listener }, admin: at.admin },
    LOCAL_CONFIG,
  );
  const listener = named(listenersOf(config), "dubbo_tcp_routed", "listener");
  const [plugin] = wasmPlugins(listener) as [Json];
  plugin.configuration.value = {
    routing: {
      rules: [{ name: "b", match: { interface: { exact: "b.B" } }, cluster: at.cluster }],
    },
  };
  config.node = {
    id: "sidecar~127.0.0.1~consumer.dubbo~dubbo.svc.cluster.local",
    cluster: "consumer.dubbo",
    metadata: { NAMESPACE: "dubbo", CLUSTER_ID: "Kubernetes" },
  };
  const user = named(clustersOf(config), "user-provider", "cluster");
  config.static_resources = { listeners: [listener], clusters: [user] };
  addCluster(config, "istiod", at.istiod);
  named(clustersOf(config), "istiod", "cluster").typed_extension_protocol_options = {
    "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
      "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
      explicit_http_config: { http2_protocol_options: {} },
    },
  };
  config.dynamic_resources = {
    ads_config: {
      api_type: "DELTA_GRPC",
      transport_api_version: "V3",
      grpc_services: [{ envoy_grpc: { cluster_name: "istiod" } }],
    },
    cds_config: { ads: {}, resource_api_version: "V3" },
  };
  return config;
}

async function metric(copy: Copy, name: string): Promise<number> {
  const text = await (await fetch(`${copy.state}/metrics`)).text();
  return Number(new RegExp(`^${name} (\\d+)$`, "m").exec(text)?.[1]);
}

function isLeader(copy: Copy): Promise<number> {
  return metric(copy, "dubbo_registry_istio_leader");
}

/** The Lease must be seen unchanged for fifteen seconds first. */
async function untilLong(what: string, probe: () => Promise<boolean>): Promise<void> {
  try {
    await until(what, probe);
  } catch {
    await until(what, probe);
  }
}

/** A folder with what registry/Dockerfile copies, and no more. */
function imageFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "registry-image-"));
  const text = readFileSync(fromRoot("registry", "Dockerfile"), "utf8");
  const copied = [...text.matchAll(/^COPY (?!--from)(.+) \.\/\S*$/gm)].flatMap(([, all]) =>
    all!.split(" "),
  );
  for (const path of copied) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    cpSync(fromRoot(path), join(folder, path), { recursive: true });
  }
  symlinkSync(fromRoot("node_modules"), join(folder, "node_modules"));
  return folder;
}

function url(port: number, query = "side=provider"): string {
  return `dubbo://192.0.2.1:${port}/a.A?interface=a.A&application=order&group=blue&version=1.0.0&${query}`;
}

function entryOf(name: string, labels: Record<string, string>): Json {
  return {
    apiVersion: "networking.istio.io/v1",
    kind: "ServiceEntry",
    metadata: { name, namespace: "dubbo", labels },
    spec: {
      hosts: [`${name}.example.com`],
      location: "MESH_INTERNAL",
      resolution: "STATIC",
      ports: [{ number: 20_880, name: "tcp-dubbo", protocol: "TCP" }],
      endpoints: [{ address: "192.0.2.9" }],
    },
  };
}
