// Real Dubbo Java registers itself in a real ZooKeeper in each of its ways, and consumers without a registry
// call it by way of a real Envoy.

import assert from "node:assert/strict";
import { test } from "node:test";
import { callsArrive, endpoints, SERVICES, startJava } from "./java.ts";
import { startStage, until } from "./stage.ts";

const TEST = { timeout: 120_000 };
/** Dubbo's own is a minute. */
const SESSION_MS = 4000;

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

test(
  "of two providers one is killed: no call goes there once its session has ended",
  TEST,
  async (t) => {
    const stage = await startStage(t);
    const properties = {
      "dubbo.application.register-mode": "interface",
      "dubbo.registry.session": `${SESSION_MS}`,
    };
    const registry = `zookeeper://${stage.zooKeeper.address}`;
    const lost = await startJava(t, registry, properties);
    const kept = await startJava(t, registry, properties);
    const known = async (...ports: number[]) => {
      const all = await endpoints(stage);
      const wanted = ports.map(String).sort().join();
      return SERVICES.every((service) => all.get(service)?.sort().join() === wanted);
    };
    await until("both are known", () => known(lost.port, kept.port));
    lost.process.kill("SIGKILL");
    await until("its session ends", () => known(kept.port));
    await callsArrive(stage, [kept]);
  },
);
