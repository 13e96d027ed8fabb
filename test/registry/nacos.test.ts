// Providers in a real server of Nacos' protocols, rnacos, called through a real Envoy that learns of them
// from `npm run registry`.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Registrant } from "../../demo/registrant.ts";
import { ZooKeeperServer } from "../../harness/zookeeper.ts";
import { callsArrive, endpoints, SERVICES, startJava } from "./java.ts";
import type { Registration } from "./nacos.ts";
import {
  callers,
  endpoint,
  nacosClient,
  startLoad,
  startNacosStage,
  startNamed,
  until,
  who,
  type ProgramStage,
} from "./stage.ts";

const [USER] = SERVICES as [string];
const ORDER = "com.k8s.Order.OrderProvider";
const TEST = { timeout: 120_000 };
/** As Dubbo has it: a place of its own for the level, and for where the metadata is. */
const JAVA = [
  { name: "by-interface", "register-mode": "interface" },
  { name: "by-instance", "register-mode": "instance" },
  { name: "by-instance-remote", "register-mode": "instance", "metadata-type": "remote" },
  { name: "by-all", "register-mode": "all" },
];

/** As Dubbo registers a service. */
function provider(
  key: string,
  port: number,
  more: Record<string, string> = {},
): Registration & { metadata: Record<string, string> } {
  const [name = "", version = "", group = ""] = key.split(":");
  const own = { interface: name, path: name, protocol: "dubbo", side: "provider" };
  const parts = { ...(version && { version }), ...(group && { group }) };
  const metadata = { ...own, application: "test", ...parts, ...more };
  return { service: `providers:${name}:${version}:${group}`, port, metadata };
}

describe("from Nacos into Envoy", () => {
  test("a provider comes, another joins it, asks for no more calls, leaves", TEST, async (t) => {
    const stage = await startNacosStage(t, "?namespace=dev&group=shop");
    const client = await nacosClient(t, stage.nacos);
    const here = { namespace: "dev", group: "shop" };
    const ports: Record<string, number> = {};
    for (const name of ["one", "two", "elsewhere"]) {
      ports[name] = await startNamed(t, name, "a.A");
    }
    // Only one namespace and one group of it are read.
    await client.register({ ...provider("a.A::", ports.elsewhere!), group: "shop" });
    await client.register({ ...provider("a.A::", ports.elsewhere!), namespace: "dev" });
    const one = { ...provider("a.A::", ports.one!), ...here };
    await client.register(one);
    await until("one is called", async () => (await who(stage, "a.A")) === "one");
    const blue = provider("a.A:1.0.0:blue", ports.two!, { weight: "20", "dubbo.tag": "gray" });
    // Nacos' own weight, which an operator sets, on top of Dubbo's.
    await client.register({ ...blue, ...here, weight: 2 });
    await until(
      "two is called",
      async () => (await who(stage, "a.A", "blue", "1.0.0", "gray")) === "two",
    );
    const told = (await endpoint(stage, ports.two!))!;
    assert.equal(told.load_balancing_weight, 40);
    assert.match(JSON.stringify(told.metadata), /"tag":"gray"/);
    assert.deepEqual(await callers(stage, "a.A", 20), { one: 20 });

    const two = { ...provider("a.A::", ports.two!), ...here };
    await client.register(two);
    await until("both are called", async () => (await callers(stage, "a.A", 20)).two! > 0);
    // rnacos keeps the metadata of an address's first registration, and takes a weight of 1 for none given.
    await client.register({ ...two, weight: 0 });
    await until("two is drained", async () => (await callers(stage, "a.A", 20)).one === 20);
    await client.register({ ...two, weight: 3 });
    await client.unregister(one);
    await until("only two is left", async () => (await callers(stage, "a.A", 20)).two === 20);
    await client.register({ ...provider("a.B::", ports.one!, { interface: "a B" }), ...here });
    await until("what is no provider's is counted", async () => {
      return (await stage.metrics()).get("dubbo_registry_unreadable") === 1;
    });
    assert.equal((await stage.metrics()).get("dubbo_registry_ads_refusals_total"), 0);
  });

  test("overrides and tags of operators, and the end of them", TEST, async (t) => {
    const stage = await startNacosStage(t, "");
    const client = await nacosClient(t, stage.nacos);
    const [one, two] = [await startNamed(t, "one", "a.A"), await startNamed(t, "two", "a.A")];
    // This one is there before its provider.
    await client.publish("test.tag-router", `{tags: [{name: gray, addresses: ['*:${two}']}]}`);
    await client.register(provider("a.A::", one));
    await client.register(provider("a.A::", two));
    const weigh = (port: number, weight: number) =>
      `{addresses: ['127.0.0.1:${port}'], parameters: {weight: ${weight}}}`;
    const service = "a.A::.configurators";
    await client.publish(service, `{scope: service, configs: [${weigh(one, 20)}]}`);
    await until("the weight and the tag are with Envoy", async () => {
      const [its, other] = [await endpoint(stage, one), await endpoint(stage, two)];
      const isTagged = JSON.stringify(other!.metadata).includes('"tag":"gray"');
      return its!.load_balancing_weight === 20 && isTagged && !/gray/.test(JSON.stringify(its));
    });
    await client.publish("test.configurators", "configs: [{parameters: {weight: x}}]");
    await until("a broken rule is counted", async () => {
      return (await stage.metrics()).get("dubbo_registry_unreadable_rules") === 1;
    });
    const off = "configs: [{parameters: {disabled: true}}]";
    await client.publish("test.configurators", off);
    await until("both are drained", async () => {
      const all = await Promise.all([one, two].map((port) => endpoint(stage, port)));
      return all.every((its) => its!.health_status === "UNHEALTHY");
    });
    for (const name of [service, "test.configurators", "test.tag-router"]) {
      await client.remove(name);
    }
    await until("all is as it was", async () => {
      const all = await Promise.all([one, two].map((port) => endpoint(stage, port)));
      return all.every(
        (its) =>
          its!.health_status === "HEALTHY" &&
          its!.load_balancing_weight === 100 &&
          !/gray/.test(JSON.stringify(its)),
      );
    });
    assert.equal((await stage.metrics()).get("dubbo_registry_unreadable_rules"), 0);
  });

  test("a server that is killed and restarted costs no call", TEST, async (t) => {
    const stage = await startNacosStage(t, "", "--empty-protection-ms", "6000");
    const client = await nacosClient(t, stage.nacos);
    const port = await startNamed(t, "one", "a.A", "a.B");
    await client.register(provider("a.A::", port));
    await client.publish(
      "a.A::.configurators",
      "{scope: service, configs: [{parameters: {weight: 7}}]}",
    );
    await until("it is called", async () => (await who(stage, "a.A")) === "one");

    const load = startLoad(async () => assert.equal(await who(stage, "a.A"), "one"));
    await stage.nacos.kill();
    await until("the loss is noticed", async () => {
      return (await stage.metrics()).get("dubbo_registry_connected") === 0;
    });
    await load.goesOn();
    await stage.nacos.restart();
    // Its provider registers again, as Dubbo's do; and anew.
    await until("it is connected again", () => isConnectedAgain(stage));
    await client.register(provider("a.B::", port));
    await until("an interface more is called", async () => (await who(stage, "a.B")) === "one");
    await load.goesOn();
    assert.equal((await endpoint(stage, port))!.load_balancing_weight, 7);

    await load.ends();

    client.close();
    await until("its instances are gone", async () => (await endpoint(stage, port)) === undefined);
  });

  test("an empty list after a new connection is not believed at once", TEST, async (t) => {
    const stage = await startNacosStage(t, "", "--empty-protection-ms", "5000");
    const client = await nacosClient(t, stage.nacos);
    const port = await startNamed(t, "one", "a.A");
    await client.register(provider("a.A::", port));
    await until("it is called", async () => (await who(stage, "a.A")) === "one");
    const load = startLoad(async () => assert.equal(await who(stage, "a.A"), "one"));
    await stage.nacos.kill();
    client.close();
    await stage.nacos.restart();
    await until("an empty list is kept", async () => {
      return (await stage.metrics()).get("dubbo_registry_empty_lists_kept_total")! > 0;
    });
    await load.goesOn();
    await load.ends();
    await until("then it is believed", async () => (await endpoint(stage, port)) === undefined);
  });

  test("ZooKeeper and Nacos at once: each address counts once", TEST, async (t) => {
    const zooKeeper = await ZooKeeperServer.start();
    t.after(() => zooKeeper.stop());
    const stage = await startNacosStage(t, "", "--zookeeper", zooKeeper.address);
    const inNacos = await nacosClient(t, stage.nacos);
    const inZooKeeper = await Registrant.connect(zooKeeper.address);
    t.after(() => inZooKeeper.close());
    const both = await startNamed(t, "both", "a.A", "a.B");
    const other = await startNamed(t, "other", "a.A");
    await inNacos.register(provider("a.A::", both));
    await inZooKeeper.register(`dubbo://127.0.0.1:${both}/a.A?interface=a.A`);
    await inZooKeeper.register(`dubbo://127.0.0.1:${other}/a.A?interface=a.A`);
    await inNacos.register(provider("a.B::", both));
    const wanted = { "a.A": [both, other], "a.B": [both] };
    await until("all are known, each once", async () => {
      const all = await endpoints(stage);
      return Object.entries(wanted).every(
        ([name, ports]) => all.get(name)?.sort().join() === ports.map(String).sort().join(),
      );
    });
    assert.equal((await stage.metrics()).get("dubbo_registry_connected"), 2);
    // The other registry still has it.
    await inNacos.unregister(provider("a.A::", both));
    await inNacos.unregister(provider("a.B::", both));
    await until("B has nobody left", async () => !(await endpoints(stage)).has("a.B"));
    assert.deepEqual(Object.keys(await callers(stage, "a.A", 20)).sort(), ["both", "other"]);
  });

  test("Dubbo Java 3.3.6 in each of its ways, and without one that is killed", TEST, async (t) => {
    // One that is killed before the program has seen it again would stay for so long.
    const stage = await startNacosStage(t, "", "--empty-protection-ms", "10000");
    const registry = `nacos://${stage.nacos.address}`;
    const providers = await Promise.all(
      JAVA.map((its) => {
        const all = Object.entries(its).map(([key, value]) => [`dubbo.application.${key}`, value]);
        return startJava(t, registry, Object.fromEntries(all));
      }),
    );
    const known = async (some: typeof providers) => {
      const all = await endpoints(stage);
      const wanted = some.map(({ port }) => `${port}`).sort();
      return SERVICES.every((service) => all.get(service)?.sort().join() === wanted.join());
    };
    await until("each is known, once", () => known(providers));
    await callsArrive(stage, providers);
    assert.equal((await stage.metrics()).get("dubbo_registry_unreadable"), 0);

    // They register anew by themselves, one by one.
    const load = startLoad(async () => assert.ok(await getUser(stage)));
    await stage.nacos.kill();
    await load.goesOn();
    await stage.nacos.restart();
    await until("it is connected again", () => isConnectedAgain(stage));
    await until("all have registered again", async () => {
      const interfaces = [`providers:${USER}::`, `providers:${ORDER}:1.0.0:blue`];
      const services = [...interfaces, ...JAVA.slice(1).map(({ name }) => name)];
      const counts = await Promise.all(services.map((one) => stage.nacos.instances(one)));
      return counts.join() === "2,2,1,1,1";
    });
    await until("each is known again", () => known(providers));
    await load.goesOn();
    await load.ends();

    const [killed, ...left] = providers;
    killed!.process.kill("SIGKILL");
    await left.pop()!.stop();
    await until("the two others are left", () => known(left));
  });
});

/** A user, as one of the providers gives it. */
function getUser(stage: ProgramStage): Promise<unknown> {
  const what = { interface: USER, method: "GetUser", descriptor: "Ljava/lang/String;" };
  return stage.client.call({ ...what, args: ["7"] });
}

async function isConnectedAgain(stage: ProgramStage): Promise<boolean> {
  const metrics = await stage.metrics();
  const connections = metrics.get("dubbo_registry_connections_total");
  return metrics.get("dubbo_registry_connected") === 1 && connections === 2;
}
