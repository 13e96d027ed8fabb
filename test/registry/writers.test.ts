// What the writers besides ADS write: files that a real Envoy takes its endpoints from, the list of
// interfaces, and ServiceEntries.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { promisify } from "node:util";
import { parseAllDocuments } from "yaml";
import { DubboClient } from "../../demo/dubbo/client.ts";
import { startEnvoy } from "../../harness/envoy_process.ts";
import { freePorts } from "../../harness/ports.ts";
import { fromRoot, ROOT } from "../../harness/repository.ts";
import { Directory, INTERFACE_LEVEL } from "../../registry/directory.ts";
import { FilesWriter } from "../../registry/files_writer.ts";
import { interfacesText } from "../../registry/interfaces_writer.ts";
import { hostOf, serviceEntries } from "../../registry/istio_resources.ts";
import { instanceOf } from "../../registry/provider_url.ts";
import { startNamed, until } from "./stage.ts";
import { Registrant } from "../../demo/registrant.ts";
import { ZooKeeperServer } from "../../harness/zookeeper.ts";

const TEST = { timeout: 120_000 };
const RUN_MS = 30_000;
const KEY = "blue/a.A:1.0.0";
const TYPES = "type.googleapis.com/envoy.extensions";

function instance(port: number, query = "group=blue&version=1.0.0", name = "a.A") {
  return instanceOf(encodeURIComponent(`dubbo://127.0.0.1:${port}/${name}?${query}`))!;
}

function directoryOf(...instances: ReturnType<typeof instance>[]): Directory {
  const directory = new Directory();
  directory.set("test", instances, INTERFACE_LEVEL);
  return directory;
}

test(
  "files: Envoy takes its endpoints from one, and follows it when it is replaced",
  TEST,
  async (t) => {
    const folder = temporary(t);
    const [admin, port] = (await freePorts(2)) as [number, number];
    const [one, two] = [await startNamed(t, "one", "a.A"), await startNamed(t, "two", "a.A")];
    const directory = directoryOf(
      instance(one, "group=blue&version=1.0.0&weight=7&dubbo.tag=gray"),
    );
    const writer = new FilesWriter(directory, folder, assert.fail);
    writer.start();
    t.after(() => {
      writer.close();
      directory.close();
    });
    const envoy = await startEnvoy({ config: envoyConfig(admin, port, folder) });
    t.after(() => envoy.stop());
    const client = new DubboClient({ port });
    t.after(() => client.close());
    const who = () => client.call({ interface: "a.A", method: "who", descriptor: "", args: [] });
    await until("one is called", async () => (await who()) === "one");
    const dump = await envoy.get("/config_dump?include_eds");
    assert.match(dump, /"tag": "gray"/);
    assert.match(dump, /"load_balancing_weight": 7\b/);

    directory.set("test", [instance(two)], INTERFACE_LEVEL);
    await until("two is called", async () => (await who()) === "two");
    assert.deepEqual(
      readdirSync(folder),
      [`${encodeURIComponent(KEY)}.json`],
      "nothing half written",
    );
    assert.equal(writer.state.written, 2);

    directory.set("test", [], INTERFACE_LEVEL);
    await until("nobody is left", async () => {
      return !/::127\.0\.0\.1:/.test(await envoy.get("/clusters?filter=blue"));
    });
  },
);

test("the list of interfaces: each once, whatever its groups and versions", () => {
  const directory = directoryOf(instance(1), instance(1, ""), instance(1, "", "a.B"));
  assert.deepEqual(JSON.parse(interfacesText(directory.services())), ["a.A", "a.B"]);
  directory.close();
});

test("ServiceEntries: host, endpoints, labels, owner; none of what is not called", () => {
  const directory = directoryOf(
    instance(1, "group=blue&version=1.0.0&weight=7&dubbo.tag=gray&application=order"),
    instance(2, "group=blue&version=1.0.0&disabled=true"),
    instance(3, "", "com.k8s.User_$.UserProvider"),
    instance(4, "weight=0", "a.Idle"),
  );
  const entries = serviceEntries(directory.services(), "dubbo");
  directory.close();
  assert.deepEqual(
    entries.map(({ spec }) => spec.hosts),
    [["a.a.1-0-0.blue.dubbo"], ["com.k8s.user.userprovider.dubbo"]],
  );
  assert.deepEqual(entries[0], {
    apiVersion: "networking.istio.io/v1",
    kind: "ServiceEntry",
    metadata: {
      name: entries[0]!.metadata.name,
      namespace: "dubbo",
      labels: { "app.kubernetes.io/managed-by": "dubbo-registry" },
    },
    spec: {
      hosts: ["a.a.1-0-0.blue.dubbo"],
      location: "MESH_INTERNAL",
      resolution: "STATIC",
      ports: [{ number: 20880, name: "tcp-dubbo", protocol: "TCP" }],
      endpoints: [
        {
          address: "127.0.0.1",
          ports: { "tcp-dubbo": 1 },
          weight: 7,
          labels: { application: "order", tag: "gray", version: "1.0.0", group: "blue" },
        },
      ],
    },
  });
  for (const { metadata } of entries) {
    assert.match(metadata.name, /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/);
  }
});

test("keys that differ in case alone make one host and two objects", () => {
  const directory = directoryOf(instance(1, "", "a.Aa"), instance(1, "", "a.aA"));
  const entries = serviceEntries(directory.services(), "dubbo");
  directory.close();
  assert.equal(hostOf("a.Aa"), hostOf("a.aA"));
  assert.equal(new Set(entries.map(({ metadata }) => metadata.name)).size, 2);
});

test(
  "once: ServiceEntries to standard output, files and the list, and nothing else runs",
  TEST,
  async (t) => {
    const zooKeeper = await ZooKeeperServer.start();
    t.after(() => zooKeeper.stop());
    const provider = await Registrant.connect(zooKeeper.address);
    t.after(() => provider.close());
    const url = "dubbo://192.0.2.1:20880/a.A?interface=a.A&group=blue&version=1.0.0&weight=7";
    await provider.register(url);
    await provider.register("dubbo://192.0.2.1:20880/a.B?interface=a.B&disabled=true");
    const folder = temporary(t);
    const list = join(folder, "interfaces.json");
    const args = [fromRoot("harness/run.mjs"), "registry/main.ts", "--once", "--dry-run"];
    args.push("--zookeeper", zooKeeper.address, "--istio", "dubbo");
    args.push("--files", join(folder, "eds"), "--interfaces", list);
    const options = { cwd: ROOT, timeout: RUN_MS };
    const { stdout, stderr } = await promisify(execFile)(process.execPath, args, options);
    const entries = parseAllDocuments(stdout).map((one) => one.toJS());
    assert.deepEqual(
      entries.map(({ kind, spec }) => [kind, spec.hosts, spec.endpoints]),
      [
        [
          "ServiceEntry",
          ["a.a.1-0-0.blue.dubbo"],
          [
            {
              address: "192.0.2.1",
              ports: { "tcp-dubbo": 20880 },
              weight: 7,
              labels: { version: "1.0.0", group: "blue" },
            },
          ],
        ],
      ],
    );
    for (const line of stderr.trim().split("\n")) assert.ok(JSON.parse(line).message, line);
    assert.deepEqual(JSON.parse(readFileSync(list, "utf8")), ["a.A", "a.B"]);
    const files = ["a.B", KEY].map((key) => `${encodeURIComponent(key)}.json`);
    assert.deepEqual(readdirSync(join(folder, "eds")).sort(), files.sort());
  },
);

for (const [what, args, message] of [
  [
    "Istio once, without --dry-run",
    ["--istio", "dubbo", "--once"],
    "--once --istio needs --dry-run",
  ],
  ["no namespace", ["--istio", "Dubbo", "--dry-run"], '--istio is "Dubbo", expected a namespace'],
  ["--once without a writer", ["--once"], "--once needs --files, --interfaces or --istio"],
  ["a level", ["--register-mode", "both"], '--register-mode is "both", expected all, interface'],
] as const) {
  test(`refused: ${what}`, TEST, async () => {
    const main = [fromRoot("harness/run.mjs"), "registry/main.ts", "--zookeeper", "127.0.0.1:1"];
    await assert.rejects(promisify(execFile)(process.execPath, [...main, ...args], { cwd: ROOT }), {
      code: 2,
      stderr: new RegExp(`^registry: ${message}`),
    });
  });
}

function temporary(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "registry-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

function envoyConfig(admin: number, port: number, folder: string) {
  const file = join(folder, `${encodeURIComponent(KEY)}.json`);
  const dubboProxy = {
    "@type": `${TYPES}.filters.network.dubbo_proxy.v3.DubboProxy`,
    stat_prefix: "files",
    route_config: [
      {
        name: "files",
        interface: "a.A",
        routes: [
          {
            match: { method: { name: { safe_regex: { regex: ".*" } } } },
            route: { cluster: "blue" },
          },
        ],
      },
    ],
  };
  return {
    node: { id: "test", cluster: "test" },
    admin: { address: address(admin) },
    static_resources: {
      listeners: [
        {
          name: "dubbo",
          address: address(port),
          filter_chains: [
            { filters: [{ name: "envoy.filters.network.dubbo_proxy", typed_config: dubboProxy }] },
          ],
        },
      ],
      clusters: [
        {
          name: "blue",
          type: "EDS",
          connect_timeout: "1s",
          eds_cluster_config: {
            service_name: KEY,
            eds_config: {
              path_config_source: { path: file, watched_directory: { path: folder } },
              resource_api_version: "V3",
            },
          },
        },
      ],
    },
  };
}

function address(port: number) {
  return { socket_address: { address: "127.0.0.1", port_value: port } };
}
