// Which pods of manifests/ an object is meant for, and the check that it is meant for any.
//
// A selector that is misspelt selects nobody, and neither Istio nor Kubernetes says a word.
// https://istio.io/latest/docs/reference/config/networking/envoy-filter/ (workloadSelector, root namespace)

import type { Json } from "../../harness/envoy_config.ts";
import { finding, places, type Finding } from "./findings.ts";
import { workloadsOf, type Manifest, type Workload } from "./manifest_files.ts";

/** Istio's root namespace: what stands there is meant for all namespaces. */
const ROOT_NAMESPACE = "istio-system";
/** Istio's own gateway, which its default profile installs. */
const GATEWAY_LABELS = { app: "istio-ingressgateway", istio: "ingressgateway" };

/** Labels by which an object selects pods, and where they stand. */
interface Selector {
  path: string;
  labels: Record<string, string>;
}

/** The workloads that an EnvoyFilter, a WasmPlugin or a TrafficExtension is meant for; without a selector all in its reach. */
export function selectedBy(manifest: Manifest, workloads: readonly Workload[]): Workload[] {
  const labels = ownSelector(manifest.object)?.labels ?? {};
  return inReach(manifest, workloads).filter((workload) => carries(workload.labels, labels));
}

/** Findings for all selectors that match no pod. */
export function checkSelectors(manifests: readonly Manifest[]): Finding[] {
  const workloads = workloadsOf(manifests);
  return manifests.flatMap((manifest) =>
    selectorsOf(manifest.object)
      .filter(({ labels }) => {
        if (manifest.object.kind === "Gateway" && carries(GATEWAY_LABELS, labels)) return false;
        return !inReach(manifest, workloads).some((workload) => carries(workload.labels, labels));
      })
      .map(({ path, labels }) =>
        finding("selector", manifest, path, labels, "no pod in manifests/ has these labels"),
      ),
  );
}

function selectorsOf(object: Json): Selector[] {
  const own = ownSelector(object);
  // Those of a workload's own spec: selector, affinity, topology spread.
  const inner = [...places(object.spec, "spec")]
    .filter(({ key, path }) => key === "matchLabels" && !path.includes("namespaceSelector"))
    .map(({ path, value }) => ({ path, labels: value as Record<string, string> }));
  return own === undefined || inner.some(({ path }) => path === own.path) ? inner : [own, ...inner];
}

function ownSelector({ spec }: Json): Selector | undefined {
  if (spec?.workloadSelector?.labels !== undefined) {
    return { path: "spec.workloadSelector.labels", labels: spec.workloadSelector.labels };
  }
  if (spec?.selector?.matchLabels !== undefined) {
    return { path: "spec.selector.matchLabels", labels: spec.selector.matchLabels };
  }
  return spec?.selector === undefined
    ? undefined
    : { path: "spec.selector", labels: spec.selector };
}

function inReach({ object }: Manifest, workloads: readonly Workload[]): Workload[] {
  const namespace: string = object.metadata?.namespace ?? "default";
  return workloads.filter(
    (workload) => namespace === ROOT_NAMESPACE || workload.namespace === namespace,
  );
}

function carries(labels: Record<string, string>, wanted: Record<string, string>): boolean {
  return Object.entries(wanted).every(([name, value]) => labels[name] === value);
}
