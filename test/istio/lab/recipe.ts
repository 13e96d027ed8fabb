// A file of manifests/traffic, applied for as long as a test takes, and what comes of it in the
// caller's Envoy, which is the one that does what the recipe says.

import assert from "node:assert/strict";
import type { Json } from "../../../harness/envoy_config.ts";
import { stateOf } from "./envoy_state.ts";
import { eventually } from "./eventually.ts";
import type { KubernetesObject } from "./kubernetes.ts";
import { manifest } from "./manifests.ts";
import type { Mesh } from "./mesh.ts";
import type { Pod } from "./pod.ts";

/** A change to a recipe's objects before they are applied. */
type Change = (objects: KubernetesObject[]) => void;

/**
 * Applies manifests/traffic/`name`.yaml, runs the body once the caller's Envoy has accepted what
 * follows and has nothing left to warm, and takes the recipe away again. What it has replaced comes
 * back. Rejects where istiod or Envoy refuses some of it.
 */
export async function withRecipe(
  mesh: Mesh,
  caller: Pod,
  name: string,
  body: () => Promise<void>,
  change: Change = () => {},
): Promise<void> {
  const objects = structuredClone(manifest(`manifests/traffic/${name}.yaml`));
  change(objects);
  const replaced = objects.flatMap(({ kind, metadata }) => mesh.find(kind, metadata));
  await mesh.apply(...objects);
  try {
    await accepted(mesh, caller);
    await body();
  } finally {
    await mesh.remove(...objects);
    await mesh.apply(...replaced);
    // Else the same recipe once more would be no change.
    await mesh.istiod.settled();
  }
}

/** Resolved once istiod and the pod's Envoy have done with what was applied, and well. */
async function accepted(mesh: Mesh, pod: Pod): Promise<void> {
  await mesh.istiod.settled();
  assert.deepEqual(mesh.istiod.problems(), []);
  let problems: string[] = [];
  await eventually("all active in Envoy", async () => {
    problems = (await stateOf(pod)).problems;
    return problems.length === 0;
  }).catch((error: Error) => assert.fail(`${error.message}: ${problems.join("\n")}`));
}

/** A cluster of the pod's Envoy for a host and, where there is one, a subset. Throws without one. */
export async function clusterOf(pod: Pod, host: string, port = 80, subset = ""): Promise<Json> {
  const name = `outbound|${port}|${subset}|${host}`;
  const cluster = (await stateOf(pod)).clusters.get(name);
  if (cluster === undefined) throw new Error(`${pod.object.metadata.name} has no ${name}`);
  return cluster;
}

/** The routes of the pod's Envoy for a host, as they are in its virtual host. */
export async function routesOf(pod: Pod, host: string, port = 80): Promise<Json[]> {
  const dump = await pod.admin("config_dump?resource=dynamic_route_configs");
  const { configs } = JSON.parse(dump) as { configs: Json[] };
  const hosts: Json[] = configs.flatMap(({ route_config }) => route_config.virtual_hosts ?? []);
  const found = hosts.find(({ name }) => name === `${host}:${port}`);
  if (found === undefined) throw new Error(`${pod.object.metadata.name} has no route to ${host}`);
  return found.routes;
}

/** The sum of those of Envoy's counters and gauges whose names match. */
export async function statOf(pod: Pod, name: RegExp): Promise<number> {
  const text = await pod.admin("stats?usedonly");
  let sum = 0;
  for (const line of text.split("\n")) {
    const [, stat, value] = /^(.+): (\d+)$/.exec(line) ?? [];
    if (stat !== undefined && name.test(stat)) sum += Number(value);
  }
  return sum;
}

/** Requests that the pod's Envoy has in flight to another pod, over all its clusters. */
export async function inFlight(pod: Pod, to: Pod): Promise<number> {
  const text = await pod.admin("clusters");
  const address = to.address.replaceAll(".", "\\.");
  const lines = text.matchAll(new RegExp(`::${address}:\\d+::rq_active::(\\d+)`, "g"));
  return [...lines].reduce((sum, [, active]) => sum + Number(active), 0);
}
