// Whether the manifests say what envoy-local.yaml says: what was tried on one machine is what a mesh
// gets. Compared are filters and routes, in full; three things may differ, and are made equal first:
//
//   where the .wasm lies    build/dubbo.wasm there, in Istio's sidecar where it is mounted
//   names of clusters       user-provider-v2 there, in Istio outbound|20880|v2|user-provider.….local;
//                           version 1 is user-provider there, in Istio subset v1 or, where the caller
//                           does not care, no subset
//   policies                those there are to be tried with curl, those in Istio are recipes
//
// A listener that is added answers to the listener `dubbo`, a filter in front of tcp_proxy to that of
// the listener `dubbo_tcp`, whose cluster is Istio's business; at a gateway to that of `dubbo_tcp_routed`. One in front of the HTTP router answers to
// that of the listener `triple`, but is configured like the one of `dubbo_tcp`: its routes are Istio's too,
// and no rules choose between them. Listeners and clusters of the guard,
// guard|20880|v2|user-provider.….local, answer to those of the guard, guard-user-provider-v2; routes may
// name them or what they stand before.

import { isDeepStrictEqual } from "node:util";
import {
  clustersOf,
  listenersOf,
  named,
  readConfig,
  wasmPlugins,
  type Json,
} from "../../harness/envoy_config.ts";
import { finding, places, type Finding } from "./findings.ts";
import { ofKind, type Manifest } from "./manifest_files.ts";
import { changedFilter, changesFilter, changesTcpProxy } from "./merged_filters.ts";
import { wasmExtensionsOf, type WasmExtension } from "./wasm_extensions.ts";

/** Names of the guard's listeners and clusters. */
const OF_GUARD = /^(guard|dial)\|/;
const MESSAGE = "envoy-local.yaml says something else here:";

/** Findings for places with our filter, of whatever kind, that differ from envoy-local.yaml. */
export function checkSameChain(manifests: readonly Manifest[]): Finding[] {
  const local = readConfig();
  for (const plugin of wasmPlugins(local)) delete plugin.configuration?.value.policies;
  const filters = ofKind(manifests, "EnvoyFilter").filter(
    ({ object }) => wasmPlugins(object).length > 0 || object.spec.configPatches.some(changesFilter),
  );
  return [
    ...filters.flatMap((filter) => checkFilter(filter, local)),
    ...wasmExtensionsOf(manifests).flatMap((extension) => checkExtension(extension, local)),
  ];
}

function checkFilter(manifest: Manifest, local: Json): Finding[] {
  const patches: Json[] = manifest.object.spec.configPatches;
  return patches.flatMap((change, index) => {
    const { applyTo, match, patch } = change;
    const value = changesFilter(change) ? withoutPolicies(changedFilter(change)) : patch.value;
    const [there, here] =
      match?.context === "GATEWAY" ? atGateway(change, local) : counterparts(applyTo, value, local);
    return compare(manifest, `spec.configPatches[${index}].patch.value`, there, here);
  });
}

/** Policies are what such a change is for, and FAIL_CLOSED goes with them; all else is as it was. */
function withoutPolicies(filter: Json): Json {
  const { config } = filter.typed_config;
  if (config.configuration.value.policies === undefined) return filter;
  delete config.configuration.value.policies;
  if (config.failure_policy === "FAIL_CLOSED") config.failure_policy = "FAIL_OPEN";
  return filter;
}

function checkExtension({ manifest, path, wasm }: WasmExtension, local: Json): Finding[] {
  const [plugin] = wasmPlugins(named(listenersOf(local), "dubbo_tcp", "listener"));
  const there = {
    pluginConfig: plugin!.configuration.value,
    failStrategy: plugin!.failure_policy,
    pluginName: plugin!.root_id,
  };
  const { pluginConfig, failStrategy, pluginName } = wasm;
  return compare(manifest, path, there, { pluginConfig, failStrategy, pluginName });
}

function compare(manifest: Manifest, path: string, there: unknown, here: unknown): Finding[] {
  return differences(there, here, path).map((different) => {
    const message = `${MESSAGE} ${JSON.stringify(different.there)}`;
    return finding("same chain", manifest, different.path, different.here, message);
  });
}

/** What envoy-local.yaml has in the place of a patch's value, and that value, both made comparable. */
function counterparts(applyTo: string, value: Json, local: Json): [there: unknown, here: unknown] {
  if (OF_GUARD.test(value.name)) {
    const [all, what] =
      applyTo === "CLUSTER" ? [clustersOf(local), "cluster"] : [listenersOf(local), "listener"];
    return [comparable(named(all, localName(value.name), what)), comparable(withLocalNames(value))];
  }
  if (applyTo === "CLUSTER") {
    const limits = clustersOf(local).map((cluster) => cluster.per_connection_buffer_limit_bytes);
    const [limit] = new Set(limits.filter((one) => one !== undefined));
    return [{ per_connection_buffer_limit_bytes: limit }, value];
  }
  const dubbo = named(listenersOf(local), "dubbo", "listener");
  if (applyTo === "LISTENER") {
    const chains = ({ traffic_direction, filter_chains }: Json) => ({
      traffic_direction,
      filter_chains,
    });
    return [comparable(chains(dubbo)), comparable(chains(value))];
  }
  const tcp = named(listenersOf(local), "dubbo_tcp", "listener").filter_chains[0].filters[0];
  if (applyTo === "HTTP_FILTER" && wasmPlugins(value).length > 0) {
    const [manager] = named(listenersOf(local), "triple", "listener").filter_chains[0].filters;
    const filter = comparable(manager.typed_config.http_filters[0]);
    filter.typed_config.config.configuration = tcp.typed_config.config.configuration;
    return [filter, comparable(value)];
  }
  return [comparable(tcp), comparable(value)];
}

/** The same for a patch at a gateway, which either adds our filter or changes tcp_proxy behind it. */
function atGateway(change: Json, local: Json): [there: unknown, here: unknown] {
  const [wasm, tcp] = named(listenersOf(local), "dubbo_tcp_routed", "listener").filter_chains[0]
    .filters as [Json, Json];
  const { value } = change.patch;
  if (!changesTcpProxy(change)) return [comparable(wasm), comparable(withLocalNames(value))];
  const { "@type": type, max_early_data_bytes } = tcp.typed_config;
  return [{ "@type": type, max_early_data_bytes }, value.typed_config];
}

function comparable(value: Json): Json {
  const copy: Json = structuredClone(value);
  for (const plugin of wasmPlugins(copy)) {
    plugin.vm_config.code.local.filename = "dubbo.wasm";
    // Only tells plugins apart.
    delete plugin.name;
  }
  for (const place of places(copy)) {
    if (place.key === "routes") shorten(place.value as Json[]);
  }
  return copy;
}

// Gives clusters their local names, and takes out the routes that then go where those behind them go
// anyway: Istio's own for version 1.
function shorten(routes: Json[]): void {
  for (const { route } of routes) route.cluster = localName(route.cluster).replace(/^guard-/, "");
  for (let index = routes.length - 2; index >= 0; index--) {
    const { match, route } = routes[index] as Json;
    const { headers: _, ...withoutHeaders } = match;
    if (isDeepStrictEqual({ match: withoutHeaders, route }, routes[index + 1])) {
      routes.splice(index, 1);
    }
  }
}

function localName(cluster: string): string {
  const [kind, , subset, host] = cluster.split("|");
  if (host === undefined) return cluster;
  const service = host.split(".")[0]!;
  const prefix = kind === "outbound" ? "" : `${kind}-`;
  return prefix + (subset === "" || subset === "v1" ? service : `${service}-${subset}`);
}

function withLocalNames(value: Json): Json {
  return JSON.parse(JSON.stringify(value), (_, one) =>
    typeof one === "string" ? localName(one) : one,
  ) as Json;
}

// Innermost places where two values differ; lists of routes as a whole.
function differences(
  there: unknown,
  here: unknown,
  path: string,
): { path: string; there: unknown; here: unknown }[] {
  if (isDeepStrictEqual(there, here)) return [];
  const objects = [there, here].every((value) => typeof value === "object" && value !== null);
  if (!objects || path.endsWith(".routes")) return [{ path, there, here }];
  const [a, b] = [there as Json, here as Json];
  return [...new Set([...Object.keys(a), ...Object.keys(b)])].flatMap((key) =>
    differences(a[key], b[key], Array.isArray(there) ? `${path}[${key}]` : `${path}.${key}`),
  );
}
