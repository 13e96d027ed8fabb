// Istio's own bootstrap of a sidecar, rendered from Istio's own template; see istiod/bootstrap/main.go.

import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { parse } from "yaml";
import type { Json } from "../../harness/envoy_config.ts";
import { istioCommand } from "./lab/commands.ts";

const RENDER_MS = 60_000;

/** The bootstrap of the sidecar of an injected workload's pods. Rejects where Istio makes none. */
export async function bootstrapOf({ spec }: Json): Promise<Json> {
  const { metadata, spec: pod }: Json = spec.template;
  const sidecar: Json = pod.containers.find(({ name }: Json) => name === "istio-proxy");
  const config = sidecar.env.find(({ name }: Json) => name === "PROXY_CONFIG");
  const given = {
    labels: metadata.labels,
    annotations: metadata.annotations,
    // What the mesh's defaultConfig and the annotation proxy.istio.io/config were made into.
    proxyConfig: parse(config.value) as Json,
  };
  const running = promisify(execFile)(istioCommand("bootstrap"), [], { timeout: RENDER_MS });
  running.child.stdin!.end(JSON.stringify(given));
  return JSON.parse((await running).stdout) as Json;
}
