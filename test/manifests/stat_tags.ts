// Whether Istio is told all labels: a name that is missing in extraStatTags stays in the metric's name,
// and a surplus one is a regex that every metric pays for.

import { parse } from "yaml";
import { readConfig, type Json } from "../../harness/envoy_config.ts";
import { finding, places, type Finding } from "./findings.ts";
import { workloadsOf, type Manifest } from "./manifest_files.ts";
import { selectedBy } from "./selectors.ts";
import { wasmFilesOf } from "./wasm_mounts.ts";

/** Deprecated, and still read. */
const ANNOTATION = "sidecar.istio.io/extraStatTags";
/** Its successor: a piece of the mesh's defaultConfig, as YAML. */
const PROXY_CONFIG = "proxy.istio.io/config";

/** The names of our labels, out of envoy-local.yaml. */
export function ourLabels(): string[] {
  return readConfig().stats_config.stats_tags.map(({ tag_name }: Json) => tag_name);
}

/**
 * Findings for workloads that run the filter and whose annotations have not just our labels, and for
 * lists of a whole mesh (`extraStatTags` in a mesh's configuration) of which the same is true.
 */
export function checkStatTags(manifests: readonly Manifest[]): Finding[] {
  const labels = ourLabels();
  const workloads = workloadsOf(manifests);
  const filtered = new Set(
    wasmFilesOf(manifests).flatMap(({ manifest }) => selectedBy(manifest, workloads)),
  );
  const annotated = [...filtered].flatMap(({ manifest, annotations }) => {
    const config: Json = parse(annotations[PROXY_CONFIG] ?? "{}");
    const old = annotations[ANNOTATION]?.split(",");
    const given: string[] = [...(old ?? []), ...(config.extraStatTags ?? [])];
    const message = difference(labels, given);
    if (message === undefined) return [];
    const name = old === undefined ? PROXY_CONFIG : ANNOTATION;
    const path = `spec.template.metadata.annotations[${JSON.stringify(name)}]`;
    return [finding("stat tags", manifest, path, annotations[name], message)];
  });
  const lists = manifests.flatMap((manifest) =>
    [...places(manifest.object)].flatMap(({ path, key, value }) => {
      if (key !== "extraStatTags") return [];
      const message = difference(labels, value as string[]);
      return message === undefined ? [] : [finding("stat tags", manifest, path, value, message)];
    }),
  );
  return [...annotated, ...lists];
}

function difference(wanted: readonly string[], given: readonly string[]): string | undefined {
  const missing = wanted.filter((label) => !given.includes(label));
  const surplus = given.filter((label, index) => {
    return !wanted.includes(label) || given.indexOf(label) !== index;
  });
  const parts = [];
  if (missing.length > 0) parts.push(`missing: ${missing.join(", ")}`);
  if (surplus.length > 0) parts.push(`surplus: ${surplus.join(", ")}`);
  return parts.length === 0 ? undefined : parts.join("; ");
}
