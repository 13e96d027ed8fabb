// Whether every sidecar that is told to load a .wasm file has it: a sidecar without it refuses the
// whole listener, and Istio's tools know nothing of files.
//
// Istio's injection mounts what the annotation sidecar.istio.io/userVolumeMount says into istio-proxy;
// the volume is one of the pod's or stands in sidecar.istio.io/userVolume. Both are JSON objects, by
// volume name. A gateway's pod has the container istio-proxy itself, with its mounts. test/istio/injection.test.ts shows the same in what Istio really injects.

import { basename, dirname } from "node:path";
import type { Json } from "../../harness/envoy_config.ts";
import { finding, places, type Finding } from "./findings.ts";
import { ofKind, workloadsOf, type Manifest, type Workload } from "./manifest_files.ts";
import { selectedBy } from "./selectors.ts";
import { wasmExtensionsOf } from "./wasm_extensions.ts";

const MOUNTS = "sidecar.istio.io/userVolumeMount";
const VOLUMES = "sidecar.istio.io/userVolume";

/** A .wasm file that an object has sidecars load. */
export interface WasmFile {
  manifest: Manifest;
  path: string;
  /** Absolute, in the sidecar. */
  file: string;
}

/** All .wasm files that EnvoyFilters, WasmPlugins and TrafficExtensions have sidecars load. */
export function wasmFilesOf(manifests: readonly Manifest[]): WasmFile[] {
  const filters = ofKind(manifests, "EnvoyFilter").flatMap((manifest) =>
    [...places(manifest.object)]
      .filter(({ path }) => path.endsWith(".code.local.filename"))
      .map(({ path, value }) => ({ manifest, path, file: String(value) })),
  );
  const extensions = wasmExtensionsOf(manifests)
    .filter(({ wasm }) => String(wasm.url).startsWith("file://"))
    .map(({ manifest, path, wasm }) => ({
      manifest,
      path: `${path}.url`,
      file: String(wasm.url).slice("file://".length),
    }));
  return [...filters, ...extensions];
}

/** Findings for files that a selected workload's sidecar does not have, and malformed annotations. */
export function checkWasmMounts(manifests: readonly Manifest[]): Finding[] {
  const workloads = workloadsOf(manifests);
  const malformed = workloads.flatMap((workload) =>
    [MOUNTS, VOLUMES].flatMap((annotation) => checkAnnotation(workload, annotation)),
  );
  if (malformed.length > 0) return malformed;
  return wasmFilesOf(manifests).flatMap(({ manifest, path, file }) =>
    selectedBy(manifest, workloads)
      .filter((workload) => !mounted(workload, file, manifests))
      .map(({ manifest: { object } }) => {
        const { namespace, name } = object.metadata;
        const message = `the sidecars of ${namespace}/${name}, which it selects, have no such file`;
        return finding("wasm", manifest, path, file, message);
      }),
  );
}

function mounted(workload: Workload, file: string, manifests: readonly Manifest[]): boolean {
  const mounts = parsed(workload, MOUNTS);
  const name =
    Object.keys(mounts).find((volume) => mounts[volume].mountPath === dirname(file)) ??
    workload.proxyMounts.find(({ mountPath }) => mountPath === dirname(file))?.name;
  if (name === undefined) return false;
  const inPod = workload.volumes.find((volume) => volume.name === name);
  const source: Json | undefined = inPod ?? parsed(workload, VOLUMES)[name];
  return ofKind(manifests, "ConfigMap").some(
    ({ object: { metadata, data, binaryData } }) =>
      metadata.name === source?.configMap?.name &&
      metadata.namespace === workload.namespace &&
      basename(file) in { ...data, ...binaryData },
  );
}

function checkAnnotation({ manifest, annotations }: Workload, annotation: string): Finding[] {
  const text = annotations[annotation];
  if (text === undefined) return [];
  const path = `spec.template.metadata.annotations[${JSON.stringify(annotation)}]`;
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return [];
  } catch {
    // Told below.
  }
  return [finding("wasm", manifest, path, text, "not a JSON object by volume name")];
}

function parsed({ annotations }: Workload, annotation: string): Json {
  return JSON.parse(annotations[annotation] ?? "{}") as Json;
}
