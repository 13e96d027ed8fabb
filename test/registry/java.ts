// Real Dubbo Java that registers itself, and what Envoy then has.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import type { TestContext } from "node:test";
import { freePorts } from "../../harness/ports.ts";
import { javaArguments } from "../peers/java_build.ts";
import { runJavaConsumer } from "../peers/java_peers.ts";
import { reportsOf, startPeerProvider, type PeerProvider } from "../peers/peer_process.ts";
import { linesOf, totalSent } from "../peers/report.ts";
import { registryJars } from "./jars.ts";
import type { ProgramStage } from "./stage.ts";

/** What it serves, as service keys. */
export const SERVICES = ["com.k8s.User.UserProvider", "blue/com.k8s.Order.OrderProvider:1.0.0"];

/** One of a cluster, at its address or by way of the guard. */
const ENDPOINT = /^(.+)::(?:envoy:\/\/dubbo_guard\/)?[\d.]+:(\d+)::health_flags::healthy$/gm;
const JAVA_START_MS = 60_000;
const CALLS = 300;

/**
 * A provider of `SERVICES` that registers itself; it ends with the test.
 *
 * @param registry its address, as Dubbo writes it, e.g. "zookeeper://127.0.0.1:2181"
 * @param properties of Dubbo
 */
export async function startJava(
  t: TestContext,
  registry: string,
  properties: Record<string, string>,
): Promise<PeerProvider> {
  const [port, admin] = (await freePorts(2)) as [number, number];
  const java = await javaArguments("Provider", "3.3.6");
  const jars = java.indexOf("-cp") + 1;
  java[jars] += delimiter + (await registryJars(registry.split(":")[0]!));
  // Clients of registries keep what they know there.
  const home = mkdtempSync(join(tmpdir(), "java-"));
  t.after(() => rmSync(home, { recursive: true, force: true }));
  // The peer has no registry of its own; Dubbo takes a property of the JVM over what the code says.
  const all = { "user.home": home, "dubbo.registry.address": registry, ...properties };
  const args = Object.entries(all).map(([key, value]) => `-D${key}=${value}`);
  args.push(...java, "-port", `${port}`, "-admin", `${admin}`);
  const peer = { name: "Dubbo Java provider", command: "java", args };
  const provider = await startPeerProvider(peer, port, admin, JAVA_START_MS);
  t.after(() => provider.stop());
  return provider;
}

/** A Dubbo Java consumer calls Envoy, and each of its calls arrives at one of these; all get some. */
export async function callsArrive(stage: ProgramStage, providers: PeerProvider[]): Promise<void> {
  const options = { user: stage.port, order: stage.port, calls: CALLS };
  await runJavaConsumer({ ...options, serialization: "hessian2" }, async (sent) => {
    assert.equal(totalSent(sent), CALLS);
    const reports = await reportsOf(CALLS, providers);
    for (const [i, report] of reports.entries()) assert.ok(totalSent(report) > 0, `${i}`);
    const count = (lines: ReturnType<typeof linesOf>) => {
      const sums: Record<string, number> = {};
      for (const line of lines) sums[line.interface] = (sums[line.interface] ?? 0) + line.sent;
      return sums;
    };
    assert.deepEqual(count(linesOf(...reports)), count(linesOf(sent)));
  });
}

/** The healthy endpoints' ports of each cluster that Envoy has. */
export async function endpoints(stage: ProgramStage): Promise<Map<string, string[]>> {
  const all = new Map<string, string[]>();
  const text = await stage.envoy.get("/clusters");
  for (const [, cluster, port] of text.matchAll(ENDPOINT)) {
    all.set(cluster!, [...(all.get(cluster!) ?? []), port!]);
  }
  return all;
}
