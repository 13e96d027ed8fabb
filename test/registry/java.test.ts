// Real Dubbo Java registers itself in a real ZooKeeper in each of its ways, and consumers without a registry
// call it by way of a real Envoy.

import assert from "node:assert/strict";
import { delimiter } from "node:path";
import { test, type TestContext } from "node:test";
import { DubboStatusError } from "../../demo/dubbo/errors.ts";
import { statusName } from "../../demo/dubbo/protocol.ts";
import { USERS } from "../../demo/record.ts";
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
const ENDPOINT = /^(.+)::(?:envoy:\/\/dubbo_guard\/)?[\d.]+:(\d+)::health_flags::healthy$/gm;
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

// docs/discovery.md says how calls fail in the meantime. The second is what dubbo_proxy makes of READONLY.
for (const [how, signal, failures] of [
  ["is killed", "SIGKILL", ["SERVER_ERROR"]],
  ["leaves in order", "SIGTERM", ["SERVER_ERROR", "BAD_RESPONSE"]],
] as [string, NodeJS.Signals, string[]][]) {
  test(
    `behind the guard one of two providers ${how}: no call hangs, and none goes there later`,
    TEST,
    async (t) => {
      const stage = await startStage(t, "--guard", "dubbo_guard");
      const properties = {
        "dubbo.application.register-mode": "interface",
        "dubbo.registry.session": `${SESSION_MS}`,
      };
      const [lost, kept] = await Promise.all([
        startJava(t, stage, properties),
        startJava(t, stage, properties),
      ]);
      const known = async (...ports: number[]) => {
        const all = await endpoints(stage);
        const wanted = ports.map(String).sort().join();
        return SERVICES.every((service) => all.get(service)?.sort().join() === wanted);
      };
      await until("both are known", () => known(lost.port, kept.port));
      const echo = load(stage);
      await until("calls go well", async () => echo.calls > 50);
      lost.process.kill(signal);
      await until("the registry knows", () => known(kept.port));
      await lost.process.ended;
      const failed = await echo.end();
      assert.deepEqual(
        failed.filter((name) => !failures.includes(name)),
        [],
      );
      const options = { user: stage.port, order: stage.port, calls: CALLS };
      await runJavaConsumer({ ...options, serialization: "hessian2" }, async (sent) => {
        assert.equal(totalSent(sent), CALLS);
        assert.equal(totalSent(...(await reportsOf(CALLS, [kept]))), CALLS);
      });
    },
  );
}

/** Calls `$echo`, which any service answers, until it is ended; that tells how calls have failed. */
function load(stage: Stage): { calls: number; end(): Promise<string[]> } {
  const failed: string[] = [];
  const one = { calls: 0, end: () => ((ended = true), running.then(() => failed)) };
  let ended = false;
  const call = { interface: USERS.interface, method: "$echo", descriptor: "Ljava/lang/Object;" };
  const running = (async () => {
    while (!ended) {
      await stage.client.call({ ...call, args: ["x"] }).catch((error: Error) => {
        failed.push(error instanceof DubboStatusError ? statusName(error.status) : `${error}`);
      });
      one.calls++;
    }
  })();
  return one;
}

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
  for (const [, cluster, port] of text.matchAll(ENDPOINT)) {
    all.set(cluster!, [...(all.get(cluster!) ?? []), port!]);
  }
  return all;
}
