// Patches that change our filter instead of adding it: what is to be looked at is what becomes of it.

import { listenersOf, named, readConfig, type Json } from "../../harness/envoy_config.ts";

/** Whether a patch of an EnvoyFilter changes a network filter of ours that another one has added. */
export function changesFilter({ applyTo, patch }: Json): boolean {
  const name = patch.value?.name;
  return (
    applyTo === "NETWORK_FILTER" &&
    patch.operation === "MERGE" &&
    name === "envoy.filters.network.wasm"
  );
}

/** Whether a patch of an EnvoyFilter changes Istio's own tcp_proxy. */
export function changesTcpProxy({ applyTo, patch }: Json): boolean {
  const name = patch.value?.name;
  return (
    applyTo === "NETWORK_FILTER" &&
    patch.operation === "MERGE" &&
    name === "envoy.filters.network.tcp_proxy"
  );
}

/**
 * The filter of the listener `dubbo_tcp` in envoy-local.yaml as such a patch leaves it. Objects become
 * one with what they were; messages of another type (google.protobuf.Any) are replaced, as Istio does it.
 */
export function changedFilter(patch: Json): Json {
  const tcp = named(listenersOf(readConfig()), "dubbo_tcp", "listener").filter_chains[0].filters[0];
  const { config } = patch.patch.value.typed_config as Json;
  const filter: Json = structuredClone(tcp);
  filter.typed_config.config = { ...filter.typed_config.config, ...structuredClone(config) };
  return filter;
}
