// The listeners that real istiod makes of objects, without a proxy that takes them: what only Istio's own build
// of Envoy would accept.

import type { Json } from "../../../harness/envoy_config.ts";
import { istioCommand, output } from "./commands.ts";

/** Envoy's listeners, as JSON, of a sidecar or the waypoint of mesh-demo; `files` have the objects. */
export async function listenersWith(
  files: string[],
  { isWaypoint }: { isWaypoint: boolean },
): Promise<Json[]> {
  const env: Record<string, string> = isWaypoint ? { PILOT_ENABLE_AMBIENT: "true" } : {};
  const args = isWaypoint ? ["-waypoint", ...files] : files;
  return JSON.parse(await output(istioCommand("listeners"), args, env)) as Json[];
}
