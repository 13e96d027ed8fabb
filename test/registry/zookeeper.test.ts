// Providers in a real ZooKeeper, called through a real Envoy that learns of them from `npm run registry`.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  callers,
  endpoint,
  envoyStat,
  registrant,
  startLoad,
  startNamed,
  startStage,
  until,
  who,
} from "./stage.ts";

const TEST = { timeout: 120_000 };
/** Dubbo's own is ten minutes. */
const WARM_UP_MS = 15_000;
/** Envoy's round robin begins anew with each change of weights. */
const SHARE_ERROR = 0.12;

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

  test("a call's tag decides, and without it only who has none is called", TEST, async (t) => {
    const stage = await startStage(t);
    const session = await registrant(t, stage);
    const [plain, gray] = [await startNamed(t, "plain", "a.A"), await startNamed(t, "gray", "a.A")];
    await session.register(url("a.A", plain));
    await session.register(url("a.A", gray, "dubbo.tag=gray"));
    const tagged = (tag: string) => who(stage, "a.A", "", "0.0.0", tag);
    await until("gray is called", async () => (await tagged("gray")) === "gray");
    for (let i = 0; i < 20; i++) assert.equal(await tagged("gray"), "gray");
    assert.deepEqual(await callers(stage, "a.A", 20), { plain: 20 });
    await session.unregister(url("a.A", gray, "dubbo.tag=gray"));
    await until("then plain is", async () => (await tagged("gray")) === "plain");
    assert.equal((await stage.metrics()).get("dubbo_registry_ads_refusals_total"), 0);
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

  test("a provider that warms up takes more and more calls", TEST, async (t) => {
    const stage = await startStage(t);
    const session = await registrant(t, stage);
    const [cold, warm] = [await startNamed(t, "cold", "a.A"), await startNamed(t, "warm", "a.A")];
    await session.register(url("a.A", warm));
    await until("warm is called", async () => (await who(stage, "a.A")) === "warm");
    await session.register(url("a.A", cold, `timestamp=${Date.now()}&warmup=${WARM_UP_MS}`));
    const weight = async () => Number((await endpoint(stage, cold))?.load_balancing_weight ?? 0);
    await until("cold is known", async () => (await weight()) > 0);
    const weights: number[] = [];
    for (let at = await weight(); at < 100; at = await weight()) {
      const answers = await callers(stage, "a.A", 100);
      const after = await weight();
      weights.push(at);
      // Its share lies between that of the weight before and that of the weight after.
      const share = (answers.cold ?? 0) / 100;
      const told = JSON.stringify({ at, after, answers });
      assert.ok(share >= at / (at + 100) - SHARE_ERROR, told);
      assert.ok(share <= after / (after + 100) + SHARE_ERROR, told);
    }
    assert.ok(new Set(weights).size >= 3, weights.join());
    assert.deepEqual(
      weights,
      [...weights].sort((a, b) => a - b),
    );
    const answers = await callers(stage, "a.A", 200);
    assert.ok(Math.abs(answers.cold! - 100) <= 20, JSON.stringify(answers));
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

      const load = startLoad(async () => assert.equal(await who(stage, "a.A"), "one"));
      await session.register(url("a.B", port));
      await until("B is called", async () => (await who(stage, "a.B")) === "one");
      await stage.zooKeeper.kill();
      await until("the loss is noticed", async () => {
        return (await stage.metrics()).get("dubbo_registry_connected") === 0;
      });
      await load.goesOn();
      await stage.zooKeeper.restart();
      await until("it is connected again", async () => {
        const metrics = await stage.metrics();
        return metrics.get("dubbo_registry_connections_total") === 2;
      });
      await load.goesOn();
      await load.ends();
      const modified = await envoyStat(stage.envoy, "listener_manager.listener_modified");
      const draining = await envoyStat(stage.envoy, "listener_manager.total_listeners_draining");
      const updates = await envoyStat(stage.envoy, "listener_manager.listener_in_place_updated");
      assert.deepEqual([modified, draining, updates], [0, 0, 0]);
    },
  );

  test("overrides and tags of operators, and the end of them", TEST, async (t) => {
    const stage = await startStage(t);
    const session = await registrant(t, stage);
    const [one, two] = [await startNamed(t, "one", "a.A"), await startNamed(t, "two", "a.A")];
    await session.register(url("a.A", one));
    await session.register(url("a.A", two));
    await until("both are known", async () => (await endpoint(stage, one)) !== undefined);
    const service = "/dubbo/config/dubbo/a.A::.configurators";
    const weigh = (port: number, weight: number) =>
      `{addresses: ['127.0.0.1:${port}'], parameters: {weight: ${weight}}}`;
    await session.put(service, `{scope: service, configs: [${weigh(one, 20)}, ${weigh(two, 80)}]}`);
    await until("the shares of calls follow", async () => {
      return Math.abs((await callers(stage, "a.A", 500)).one! - 100) <= 10;
    });

    const tags = `{tags: [{name: gray, addresses: ['127.0.0.1:${two}']}]}`;
    await session.put("/dubbo/config/dubbo/test.tag-router", tags);
    await until("the tag is with Envoy", async () => {
      const [its, other] = [await endpoint(stage, one), await endpoint(stage, two)];
      return (
        JSON.stringify(other!.metadata).includes('"tag":"gray"') &&
        !/gray/.test(JSON.stringify(its))
      );
    });
    assert.deepEqual(await callers(stage, "a.A", 20), { one: 20 });
    const tagged = async (tag: string) => (await who(stage, "a.A", "", "0.0.0", tag)) === "two";
    await until("calls with the tag follow", () => tagged("gray"));
    for (let i = 0; i < 20; i++) assert.ok(await tagged("gray"));
    assert.ok(!(await tagged("green")), "a tag that nobody has");
    await session.remove("/dubbo/config/dubbo/test.tag-router");
    await until("the tag is gone", async () => {
      return !/gray/.test(JSON.stringify(await endpoint(stage, two)));
    });
    await until("both are called again", async () => (await callers(stage, "a.A", 20)).two! > 0);
    assert.ok((await callers(stage, "a.A", 20)).one! > 0);

    const off = `override://127.0.0.1:${two}/a.A?category=configurators&disabled=true`;
    const node = `/dubbo/a.A/configurators/${encodeURIComponent(off)}`;
    await session.put(node, "");
    await until("two is drained", async () => {
      // So Envoy tells of DRAINING here.
      return (await endpoint(stage, two))!.health_status === "UNHEALTHY";
    });
    assert.deepEqual(await callers(stage, "a.A", 20), { one: 20 });

    await session.put(
      "/dubbo/config/dubbo/test.configurators",
      "configs: [{parameters: {weight: x}}]",
    );
    await until("a broken rule is counted", async () => {
      return (await stage.metrics()).get("dubbo_registry_unreadable_rules") === 1;
    });
    for (const path of [service, node]) await session.remove(path);
    await until("all is as it was", async () => {
      const its = (await endpoint(stage, two))!;
      return its.health_status === "HEALTHY" && its.load_balancing_weight === 100;
    });
  });

  test("a registry that comes back empty is not believed at once", TEST, async (t) => {
    const stage = await startStage(
      t,
      ...["--empty-protection-ms", "8000", "--session-timeout-ms", "2000"],
    );
    const session = await registrant(t, stage);
    const port = await startNamed(t, "one", "a.A");
    await session.register(url("a.A", port));
    await until("one is called", async () => (await who(stage, "a.A")) === "one");
    // Not before: the provider would take back what it has registered, which is to be believed.
    await stage.zooKeeper.kill();
    session.close();
    stage.zooKeeper.wipe();
    await stage.zooKeeper.restart();
    await until("the session is lost and its successor reads an empty list", async () => {
      const metrics = await stage.metrics();
      return (
        metrics.get("dubbo_registry_sessions_expired_total")! > 0 &&
        metrics.get("dubbo_registry_empty_lists_kept_total")! > 0
      );
    });
    assert.equal(await who(stage, "a.A"), "one");
    await until("then it is believed", async () => (await endpoint(stage, port)) === undefined);
  });

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
});
