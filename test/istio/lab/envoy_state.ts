// What a pod's Envoy holds of what istiod sent, out of its admin interface.

import type { Json } from "../../../harness/envoy_config.ts";
import { wasmPlugins } from "../../../harness/envoy_config.ts";
import type { Pod } from "./pod.ts";

/** What Envoy says about its configuration. */
export interface EnvoyState {
  /** Active listeners from istiod by name. */
  listeners: Map<string, Json>;
  /** Active clusters from istiod by name. */
  clusters: Map<string, Json>;
  /** Extension configurations that istiod sends by themselves, as for a WasmPlugin, by name. */
  extensions: Map<string, Json>;
  /** One line for each object that is refused or not active yet. */
  problems: string[];
}

type Section = "ListenersConfigDump" | "ClustersConfigDump" | "EcdsConfigDump";

/** Reads it. */
export async function stateOf(pod: Pod): Promise<EnvoyState> {
  const { configs } = JSON.parse(await pod.admin("config_dump")) as { configs: Json[] };
  const section = (name: Section): Json =>
    configs.find((config) => (config["@type"] as string).endsWith(`.${name}`)) ?? {};
  const listeners: Json[] = section("ListenersConfigDump").dynamic_listeners ?? [];
  const { dynamic_active_clusters = [], dynamic_warming_clusters = [] } =
    section("ClustersConfigDump");
  const extensions: Json[] = section("EcdsConfigDump").ecds_filters ?? [];
  return {
    listeners: byName(listeners.map(({ active_state }) => active_state?.listener)),
    clusters: byName((dynamic_active_clusters as Json[]).map(({ cluster }) => cluster)),
    extensions: byName(extensions.map(({ ecds_filter }) => ecds_filter)),
    problems: [
      ...listeners.flatMap(problemsOfListener),
      ...(dynamic_warming_clusters as Json[]).map(({ cluster }) => `${cluster.name} is warming`),
      ...extensions.flatMap(({ error_state }) => (error_state ? [error_state.details] : [])),
      ...(await rejectedUpdates(pod)),
    ],
  };
}

/** The names of listeners and extensions with our filter in them, or any other Wasm. */
export function namesWithWasm({ listeners, extensions }: EnvoyState): string[] {
  const all = [...listeners, ...extensions];
  return all.filter(([, config]) => wasmPlugins(config).length > 0).map(([name]) => name);
}

function byName(configs: (Json | undefined)[]): Map<string, Json> {
  const present = configs.filter((config) => config !== undefined);
  return new Map(present.map((config) => [config.name as string, config]));
}

function problemsOfListener(listener: Json): string[] {
  const { name, active_state, warming_state, draining_state, error_state } = listener;
  const problems: string[] = [];
  // What istiod has taken away drains, and is still listed.
  if (active_state === undefined && draining_state === undefined)
    problems.push(`${name} is not active`);
  if (warming_state !== undefined) problems.push(`${name} is warming`);
  if (error_state !== undefined) problems.push(`${name}: ${error_state.details}`);
  return problems;
}

async function rejectedUpdates(pod: Pod): Promise<string[]> {
  const stats = await pod.admin("stats?usedonly&filter=(update_rejected|remote_load_failures)$");
  return stats.split("\n").filter((line) => /: [1-9]/.test(line));
}
