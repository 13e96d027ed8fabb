// Whether the port numbers that patches, WasmPlugins and TrafficExtensions match exist, and the names of
// ports that Services point at: what matches nothing does nothing, without a word.

import type { Json } from "../../harness/envoy_config.ts";
import { finding, type Finding } from "./findings.ts";
import { ofKind, workloadsOf, type Manifest, type Workload } from "./manifest_files.ts";
import { selectedBy } from "./selectors.ts";
import { EXTENSION_KINDS } from "./wasm_extensions.ts";

/** A port that something is meant for. */
interface PortMatch {
  path: string;
  port: number;
  /** Of connections that come in: a container's port. Of a gateway: that of a server. Else a Service's. */
  of: "container" | "server" | "service";
}

/** Contexts of patches in which a port is no Service's. */
const CONTEXTS: Record<string, PortMatch["of"]> = {
  SIDECAR_INBOUND: "container",
  GATEWAY: "server",
};

/** Findings for ports that nothing in manifests/ has. */
export function checkPorts(manifests: readonly Manifest[]): Finding[] {
  const workloads = workloadsOf(manifests);
  const services = [...ofKind(manifests, "Service"), ...ofKind(manifests, "ServiceEntry")];
  const service: number[] = services.flatMap(({ object }) =>
    (object.spec.ports ?? []).map(({ port, number }: Json) => port ?? number),
  );
  const server: number[] = ofKind(manifests, "Gateway").flatMap(({ object }) =>
    object.spec.servers.map(({ port }: Json) => port.number),
  );
  const message = "nothing that this is meant for has such a port";
  return manifests.flatMap((manifest) => {
    const matches = matchesOf(manifest.object);
    const inbound = matches.some((match) => match.of === "container");
    const selected = inbound ? selectedBy(manifest, workloads) : [];
    const container = selected.flatMap(({ ports }) => ports.map((port) => port.containerPort));
    const known: Record<PortMatch["of"], number[]> = { container, server, service };
    const unmatched = matches
      .filter(({ port, of }) => !known[of].includes(port))
      .map(({ path, port }) => finding("port", manifest, path, port, message));
    return [...unmatched, ...checkTargets(manifest, workloads)];
  });
}

function checkTargets(manifest: Manifest, workloads: readonly Workload[]): Finding[] {
  const { kind, spec } = manifest.object;
  if (kind !== "Service" || spec.selector === undefined) return [];
  const names = selectedBy(manifest, workloads).flatMap(({ ports }) =>
    ports.map(({ name }) => name),
  );
  const message = "no container of its pods has a port of this name";
  return spec.ports.flatMap(({ targetPort }: Json, index: number) => {
    if (typeof targetPort !== "string" || names.includes(targetPort)) return [];
    return [finding("port", manifest, `spec.ports[${index}].targetPort`, targetPort, message)];
  });
}

function matchesOf({ kind, spec }: Json): PortMatch[] {
  if (kind === "EnvoyFilter") {
    return spec.configPatches.flatMap(({ match = {} }: Json, index: number) =>
      ["listener", "cluster"]
        .filter((object) => match[object]?.portNumber !== undefined)
        .map((object) => ({
          path: `spec.configPatches[${index}].match.${object}.portNumber`,
          port: match[object].portNumber,
          of: CONTEXTS[match.context] ?? "service",
        })),
    );
  }
  if (EXTENSION_KINDS.includes(kind)) {
    return (spec.match ?? []).flatMap(({ mode, ports = [] }: Json, index: number) =>
      ports.map(({ number }: Json, at: number) => ({
        path: `spec.match[${index}].ports[${at}].number`,
        port: number,
        of: mode === "SERVER" ? ("container" as const) : ("service" as const),
      })),
    );
  }
  return [];
}
