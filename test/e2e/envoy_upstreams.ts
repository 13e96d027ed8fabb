// What an Envoy knows of the hosts behind it, and single values of its own.

import assert from "node:assert/strict";
import type { Json } from "../../harness/envoy_config.ts";
import type { EnvoyProcess } from "../../harness/envoy_process.ts";

/** A counter's or gauge's value by its full name. Rejects where Envoy has none of that name. */
export async function stat(envoy: EnvoyProcess, name: string): Promise<number> {
  const regex = `^${name.replace(/\W/g, "\\$&")}$`;
  const text = await envoy.get(`/stats?filter=${encodeURIComponent(regex)}`);
  assert.ok(text.startsWith(`${name}: `), `Envoy has no ${name}`);
  return Number(text.slice(name.length + 2));
}

/**
 * The hosts of a cluster by port, each with the names of what is wrong with it, as `/clusters` has them
 * in `health_status` (e.g. "failed_active_health_check"); none where it gets its share of calls.
 */
export async function faultsByPort(
  envoy: EnvoyProcess,
  cluster: string,
): Promise<Map<number, string[]>> {
  const { cluster_statuses: all } = JSON.parse(await envoy.get("/clusters?format=json")) as Json;
  const found: Json | undefined = all.find(({ name }: Json) => name === cluster);
  return new Map(
    (found?.host_statuses ?? []).map(({ address, health_status }: Json) => [
      address.socket_address.port_value,
      Object.keys(health_status).filter((flag) => health_status[flag] === true),
    ]),
  );
}
