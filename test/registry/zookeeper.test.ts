// Providers in a real ZooKeeper, called through a real Envoy that learns of them from `npm run registry`.

import assert from "node:assert/strict";
import { delimiter } from "node:path";
import { describe, test } from "node:test";
import { freePorts } from "../../harness/ports.ts";
import { javaArguments } from "../peers/java_build.ts";
import { runJavaConsumer } from "../peers/java_peers.ts";
import { reportsOf, startPeerProvider } from "../peers/peer_process.ts";
import { linesOf, totalSent } from "../peers/report.ts";
import { envoyStat, registrant, startNamed, startStage, until, who } from "./stage.ts";
import { zooKeeperJars } from "./zookeeper.ts";

const TEST = { timeout: 120_000 };
const CALLS = 300;
const JAVA_START_MS = 60_000;

function url(service: string, port: number, query = "application=test"): string {
  return `dubbo://127.0.0.1:${port}/${service}?interface=${service}&${query}`;
}

describe("from ZooKeeper into Envoy", () => {
  test("a provider comes, another joins it, asks for no more calls, leaves", TEST, async (t) => {
    const stage = await startStage(t);
    const session = await registrant(t, stage);
    const [one, two] = [await startNamed(t, "one", "a.A"), await startNamed(t, "two", "a.A")];
    await session.register(url("a.A", one));
    await until("one is called", async () => (await who(stage, "a.A")) === "one");
    await session.register(url("a.A", two));
    await until("two is called", async () => (await who(stage, "a.A")) === "two");

    await session.unregister(url("a.A", two));
    await session.register(url("a.A", two, "disabled=true"));
    // More than half of them: Envoy's panic would call them all the same.
    const three = await startNamed(t, "three", "a.A");
    await session.register(url("a.A", three, "weight=0"));
    await until("two and three are drained", async () => {
      const text = await stage.envoy.get("/clusters");
      return [two, three].every((port) =>
        text.includes(`a.A::127.0.0.1:${port}::health_flags::/eds_status_draining`),
      );
    });
    assert.deepEqual(await callers(stage, "a.A", 20), { one: 20 });

    await session.unregister(url("a.A", one));
    await session.register(url("a.A", two, "weight=50"));
    await session.unregister(url("a.A", two, "disabled=true"));
    await until("only two is called", async () => {
      return (await callers(stage, "a.A", 20)).two === 20;
    });
    assert.equal((await stage.metrics()).get("dubbo_registry_ads_refusals_total"), 0);
  });

  test("groups and versions of one interface, each its own", TEST, async (t) => {
    const stage = await startStage(t);
    const session = await registrant(t, stage);
    const names = ["blue", "green", "plain"] as const;
    for (const name of names) {
      const port = await startNamed(t, name, "a.A");
      const query = name === "plain" ? "side=provider" : `group=${name}&version=1.0.0`;
      await session.register(url("a.A", port, query));
    }
    await until("all are called", async () => {
      const blue = await who(stage, "a.A", "blue", "1.0.0");
      const green = await who(stage, "a.A", "green", "1.0.0");
      return blue === "blue" && green === "green" && (await who(stage, "a.A")) === "plain";
    });
  });

  test("weights 20 and 80 in the shares of calls", TEST, async (t) => {
    const stage = await startStage(t);
    const session = await registrant(t, stage);
    const [few, many] = [await startNamed(t, "few", "a.A"), await startNamed(t, "many", "a.A")];
    await session.register(url("a.A", few, "weight=20"));
    await session.register(url("a.A", many, "weight=80"));
    await until("both are called", async () => {
      const answers = await callers(stage, "a.A", 20);
      return answers.few! > 0 && answers.many! > 0;
    });
    const answers = await callers(stage, "a.A", 500);
    // Envoy's round robin goes by weight; a share may be off by where in its round it began.
    assert.ok(Math.abs(answers.few! - 100) <= 10, JSON.stringify(answers));
  });

  test(
    "a new interface and a lost registry cost no call and drain no listener",
    TEST,
    async (t) => {
      const stage = await startStage(t);
      const session = await registrant(t, stage);
      const port = await startNamed(t, "one", "a.A", "a.B");
      await session.register(url("a.A", port));
      await until("A is called", async () => (await who(stage, "a.A")) === "one");

      let calls = 0;
      let ended = false;
      const load = (async () => {
        while (!ended) {
          assert.equal(await who(stage, "a.A"), "one");
          calls++;
        }
      })();
      await session.register(url("a.B", port));
      await until("B is called", async () => (await who(stage, "a.B")) === "one");
      await stage.zooKeeper.kill();
      await until("the loss is noticed", async () => {
        return (await stage.metrics()).get("dubbo_registry_connected") === 0;
      });
      const before = calls;
      await until("calls go on", async () => calls > before + 50);
      await stage.zooKeeper.restart();
      await until("it is connected again", async () => {
        const metrics = await stage.metrics();
        return metrics.get("dubbo_registry_connections_total") === 2;
      });
      const after = calls;
      await until("calls go on", async () => calls > after + 50);
      ended = true;
      await load;
      const modified = await envoyStat(stage.envoy, "listener_manager.listener_modified");
      const draining = await envoyStat(stage.envoy, "listener_manager.total_listeners_draining");
      const updates = await envoyStat(stage.envoy, "listener_manager.listener_in_place_updated");
      assert.deepEqual([modified, draining, updates], [0, 0, 0]);
    },
  );

  test("what is no provider's URL is counted and left out", TEST, async (t) => {
    const stage = await startStage(t);
    const session = await registrant(t, stage);
    const port = await startNamed(t, "one", "a.A");
    await session.register(url("a.A", port, "weight=-1"));
    await session.register(url("a.A", port, "group=a%20b"));
    await session.register(url("a.A", port));
    await until("one is called", async () => (await who(stage, "a.A")) === "one");
    assert.equal((await stage.metrics()).get("dubbo_registry_unreadable"), 2);
  });

  test(
    "real Dubbo Java registers itself, and a consumer without a registry calls",
    TEST,
    async (t) => {
      const stage = await startStage(t);
      const [port, admin] = (await freePorts(2)) as [number, number];
      const java = await javaArguments("Provider", "3.3.6");
      const jars = java.indexOf("-cp") + 1;
      java[jars] += delimiter + (await zooKeeperJars());
      // The peer has no registry of its own; Dubbo takes a property of the JVM over what the code says.
      const args = [`-Ddubbo.registry.address=zookeeper://${stage.zooKeeper.address}`, ...java];
      args.push("-port", `${port}`, "-admin", `${admin}`);
      const peer = { name: "Dubbo Java provider", command: "java", args };
      const provider = await startPeerProvider(peer, port, admin, JAVA_START_MS);
      t.after(() => provider.stop());
      await until("both services are known", async () => {
        const text = await stage.envoy.get("/clusters");
        return ["com.k8s.User.UserProvider", "blue/com.k8s.Order.OrderProvider:1.0.0"].every(
          (name) => new RegExp(`^${name}::[\\d.]+:${port}::health_flags::healthy$`, "m").test(text),
        );
      });
      const options = { user: stage.port, order: stage.port, calls: CALLS };
      await runJavaConsumer({ ...options, serialization: "hessian2" }, async (sent) => {
        assert.equal(totalSent(sent), CALLS);
        const received = linesOf(...(await reportsOf(CALLS, [provider])));
        const count = (lines: typeof received) => lines.map((line) => [line.interface, line.sent]);
        assert.deepEqual(count(received), count(linesOf(sent)));
      });
    },
  );
});

/** How often each provider answers. */
async function callers(
  stage: Parameters<typeof who>[0],
  service: string,
  count: number,
): Promise<Record<string, number>> {
  const answers: Record<string, number> = {};
  for (let i = 0; i < count; i++) {
    const name = await who(stage, service);
    answers[name] = (answers[name] ?? 0) + 1;
  }
  return answers;
}
