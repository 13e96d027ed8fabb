// Real Dubbo Java registers itself in a real ZooKeeper in each of its ways, and consumers without a registry
// call it by way of a real Envoy.

import assert from "node:assert/strict";
import { test } from "node:test";
import { DubboStatusError } from "../../demo/dubbo/errors.ts";
import { statusName } from "../../demo/dubbo/protocol.ts";
import { USERS } from "../../demo/record.ts";
import { callsArrive, endpoints, SERVICES, startJava } from "./java.ts";
import { startLoad, startStage, until } from "./stage.ts";

const TEST = { timeout: 120_000 };
/** Dubbo's own is a minute. */
const SESSION_MS = 4000;
/** Any service answers it. */
const ECHO = { interface: USERS.interface, method: "$echo", descriptor: "Ljava/lang/Object;" };

for (const [mode, storage] of [
  ["interface", "local"],
  ["instance", "local"],
  ["instance", "remote"],
  ["all", "local"],
] as const) {
  test(`register-mode ${mode}, metadata ${storage}`, TEST, async (t) => {
    const stage = await startStage(t);
    const provider = await startJava(t, `zookeeper://${stage.zooKeeper.address}`, {
      "dubbo.application.register-mode": mode,
      "dubbo.application.metadata-type": storage,
    });
    await until("each service is known, once", async () => {
      const all = await endpoints(stage);
      return SERVICES.every((service) => all.get(service)?.join() === `${provider.port}`);
    });
    await callsArrive(stage, [provider]);
    assert.equal((await stage.metrics()).get("dubbo_registry_unreadable"), 0);
    await provider.stop();
    await until("nobody is left", async () => {
      const all = await endpoints(stage);
      return SERVICES.every((service) => !all.has(service));
    });
  });
}

// docs/discovery.md says how calls fail in the meantime. READONLY, of which dubbo_proxy would make a BAD_RESPONSE,
// does not come through the guard.
for (const [how, signal] of [
  ["is killed", "SIGKILL"],
  ["leaves in order", "SIGTERM"],
] as [string, NodeJS.Signals][]) {
  test(
    `behind the guard one of two providers ${how}: no call hangs, and none goes there later`,
    TEST,
    async (t) => {
      const stage = await startStage(t, "--guard", "dubbo_guard");
      const properties = {
        "dubbo.application.register-mode": "interface",
        "dubbo.registry.session": `${SESSION_MS}`,
      };
      const registry = `zookeeper://${stage.zooKeeper.address}`;
      const [lost, kept] = await Promise.all([
        startJava(t, registry, properties),
        startJava(t, registry, properties),
      ]);
      const known = async (...ports: number[]) => {
        const all = await endpoints(stage);
        const wanted = ports.map(String).sort().join();
        return SERVICES.every((service) => all.get(service)?.sort().join() === wanted);
      };
      await until("both are known", () => known(lost.port, kept.port));
      const failed: string[] = [];
      const load = startLoad(async () => {
        await stage.client.call({ ...ECHO, args: ["x"] }).catch((error: Error) => {
          failed.push(error instanceof DubboStatusError ? statusName(error.status) : `${error}`);
        });
      });
      await load.goesOn();
      lost.process.kill(signal);
      await until("the registry knows", () => known(kept.port));
      await lost.process.ended;
      await load.ends();
      assert.deepEqual(
        failed.filter((name) => name !== "SERVER_ERROR"),
        [],
      );
      await callsArrive(stage, [kept]);
    },
  );
}
