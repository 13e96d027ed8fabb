// The chain that `npm start` runs, out of envoy-local.yaml: the filter with all its rules and policies,
// dubbo_proxy with a route per version, the guard.
//
// Only the names of interfaces are wider than there, so that every call of a load meets the rules.

import {
  listenersOf,
  localConfig,
  named,
  wasmPlugins,
  type Json,
} from "../harness/envoy_config.ts";

/** `stat_prefix` of its dubbo_proxy. */
export const START_PREFIX = "dubbo_incomming_stats";

const INTERFACE = "com.k8s.User.UserProvider";

/** Its filters, with `module` as the Wasm module. */
export function startFilters(module: string): Json[] {
  const listener = named(listenersOf(localConfig({ wasm: module })), "dubbo", "listener");
  const [filter, proxy]: Json[] = listener.filter_chains[0].filters;
  for (const plugin of wasmPlugins(filter)) {
    const { routing } = plugin.configuration.value;
    for (const { match } of routing.rules) match.interface = { prefix: "com.k8s.User." };
  }
  const routes: Json[] = proxy!.typed_config.multiple_route_config.route_config;
  for (const route of routes) if (route.interface === INTERFACE) route.interface = "*";
  return [filter!, proxy!];
}
