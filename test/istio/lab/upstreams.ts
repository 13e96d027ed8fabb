// The hosts behind a pod's sidecar, and what its Envoy thinks of each.

import type { Json } from "../../../harness/envoy_config.ts";
import type { Pod } from "./pod.ts";

/**
 * The hosts of a cluster as host:port, each with the names of what is wrong with it, as `/clusters` has
 * them in `health_status` (e.g. "failed_active_health_check"); none where it gets its share of calls.
 * Empty for a cluster that Envoy does not have.
 */
export async function faultsByHost(pod: Pod, cluster: string): Promise<Map<string, string[]>> {
  const { cluster_statuses: all } = JSON.parse(await pod.admin("clusters?format=json")) as Json;
  const found: Json | undefined = all.find(({ name }: Json) => name === cluster);
  return new Map(
    (found?.host_statuses ?? []).map(({ address, health_status }: Json) => {
      const { address: host, port_value: port } = address.socket_address;
      const faults = Object.keys(health_status).filter((flag) => health_status[flag] === true);
      return [`${host}:${port}`, faults];
    }),
  );
}
