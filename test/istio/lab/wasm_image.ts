// The module as an image: a registry that serves it, and what is seen once the agents have pulled it.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { startProcess, type ManagedProcess } from "../../../harness/processes.ts";
import { fromRoot } from "../../../harness/repository.ts";
import { Expected } from "../../e2e/envoy_series.ts";
import { callTimes } from "./calling.ts";
import { istioCommand } from "./commands.ts";
import { namesWithWasm, stateOf } from "./envoy_state.ts";
import { eventually } from "./eventually.ts";
import type { Mesh } from "./mesh.ts";
import { HOST } from "./network.ts";
import { awaitSeries } from "./series.ts";

const { version } = JSON.parse(readFileSync(fromRoot("package.json"), "utf8"));
/** lab/istio.yaml has it as a registry without TLS. */
const REGISTRY = `${HOST}:5000`;
const IMAGE = `dubbo-wasm-filter:${version}`;
const USERS = { interface: "com.k8s.User.UserProvider", method: "GetUser" };

/** What WasmPlugins and TrafficExtensions ask for. */
export const IMAGE_URL = `oci://${REGISTRY}/${IMAGE}`;
/** Where consumers call, and who answers. */
export const BY_NAME = "user-provider:20880";
export const BLUE = "user-provider-blue";
/** How long a registry may take to have the image. */
export const PUSH_MS = 30_000;

/** Starts a registry with the image of what these further arguments say; it prints the digest once it is there. */
export function startRegistry(...source: string[]): ManagedProcess {
  const args = ["-listen", REGISTRY, "-image", IMAGE, ...source];
  return startProcess({ name: "registry", command: istioCommand("registry"), args });
}

/** Resolved once the registry has the image. */
export async function served(registry: ManagedProcess): Promise<void> {
  await registry.waitUntil("ready", PUSH_MS, () => /^sha256:\w+$/m.test(registry.log));
}

/** Makes this many calls, which consumer's and provider's sidecars count with the module that was pulled. */
export async function assertCountsOnBothSides(mesh: Mesh, count: number): Promise<void> {
  await mesh.istiod.settled();
  const [consumer, provider] = [mesh.pod("comsumer-blue"), mesh.pod("user-provider-blue")];
  for (const pod of [consumer, provider]) {
    await eventually(
      "the module is there",
      async () => namesWithWasm(await stateOf(pod)).length > 0,
    );
    assert.deepEqual((await stateOf(pod)).problems, []);
  }
  assert.deepEqual(
    await callTimes(consumer, { dubbo: BY_NAME }, count),
    Array.from({ length: count }, () => BLUE),
  );
  for (const [pod, side] of [
    [consumer, "consumer"],
    [provider, "provider"],
  ] as const) {
    const responses = { "OK success": count };
    const calls = { twoway: count, responses, requestBytes: 1, responseBytes: 1 };
    await awaitSeries(pod, new Expected(side).connections(1).calls(USERS, calls));
  }
  assert.deepEqual(mesh.istiod.problems(), []);
}
