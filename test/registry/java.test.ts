// Real Dubbo Java registers itself in a real ZooKeeper in each of its ways, and consumers without a registry
// call it by way of a real Envoy.

import assert from "node:assert/strict";
import { delimiter } from "node:path";
import { test, type TestContext } from "node:test";
import { freePorts } from "../../harness/ports.ts";
import { javaArguments } from "../peers/java_build.ts";
import { runJavaConsumer } from "../peers/java_peers.ts";
import { reportsOf, startPeerProvider, type PeerProvider } from "../peers/peer_process.ts";
import { linesOf, totalSent } from "../peers/report.ts";
import { startStage, until, type Stage } from "./stage.ts";
import { zooKeeperJars } from "../../harness/zookeeper.ts";

const TEST = { timeout: 120_000 };
const CALLS = 300;
const JAVA_START_MS = 60_000;
/** Dubbo's own is a minute. */
const SESSION_MS = 4000;
const SERVICES = ["com.k8s.User.UserProvider", "blue/com.k8s.Order.OrderProvider:1.0.0"];

for (const [mode, storage] of [
  ["interface", "local"],
  ["instance", "local"],
  ["instance", "remote"],
  ["all", "local"],
] as const) {
  test(`register-mode ${mode}, metadata ${storage}`, TEST, async (t) => {
    const stage = await startStage(t);
    const provider = await startJava(t, stage, {
      "dubbo.application.register-mode": mode,
      "dubbo.application.metadata-type": storage,
    });
    await until("each service is known, once", async () => {
      const all = await endpoints(stage);
      return SERVICES.every((service) => all.get(service)?.join() === `${provider.port}`);
    });
    const options = { user: stage.port, order: stage.port, calls: CALLS };
    await runJavaConsumer({ ...options, serialization: "hessian2" }, async (sent) => {
      assert.equal(totalSent(sent), CALLS);
      const received = linesOf(...(await reportsOf(CALLS, [provider])));
      const count = (lines: typeof received) => lines.map((line) => [line.interface, line.sent]);
      assert.deepEqual(count(received), count(linesOf(sent)));
    });
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
    const lost = await startJava(t, stage, properties);
    const kept = await startJava(t, stage, properties);
    const known = async (...ports: number[]) => {
      const all = await endpoints(stage);
      const wanted = ports.map(String).sort().join();
      return SERVICES.every((service) => all.get(service)?.sort().join() === wanted);
    };
    await until("both are known", () => known(lost.port, kept.port));
    lost.process.kill("SIGKILL");
    await until("its session ends", () => known(kept.port));
    const options = { user: stage.port, order: stage.port, calls: CALLS };
    await runJavaConsumer({ ...options, serialization: "hessian2" }, async (sent) => {
      assert.equal(totalSent(sent), CALLS);
      assert.equal(totalSent(...(await reportsOf(CALLS, [kept]))), CALLS);
    });
  },
);

/** A provider that registers itself; it ends with the test. */
async function startJava(
  t: TestContext,
  stage: Stage,
  properties: Record<string, string>,
): Promise<PeerProvider> {
  const [port, admin] = (await freePorts(2)) as [number, number];
  const java = await javaArguments("Provider", "3.3.6");
  const jars = java.indexOf("-cp") + 1;
  java[jars] += delimiter + (await zooKeeperJars());
  // The peer has no registry of its own; Dubbo takes a property of the JVM over what the code says.
  const all = {
    "dubbo.registry.address": `zookeeper://${stage.zooKeeper.address}`,
    ...properties,
  };
  const args = Object.entries(all).map(([key, value]) => `-D${key}=${value}`);
  args.push(...java, "-port", `${port}`, "-admin", `${admin}`);
  const peer = { name: "Dubbo Java provider", command: "java", args };
  const provider = await startPeerProvider(peer, port, admin, JAVA_START_MS);
  t.after(() => provider.stop());
  return provider;
}

/** The healthy endpoints' ports of each cluster that Envoy has. */
async function endpoints(stage: Stage): Promise<Map<string, string[]>> {
  const all = new Map<string, string[]>();
  const text = await stage.envoy.get("/clusters");
  for (const [, cluster, port] of text.matchAll(/^(.+)::[\d.]+:(\d+)::health_flags::healthy$/gm)) {
    all.set(cluster!, [...(all.get(cluster!) ?? []), port!]);
  }
  return all;
}
