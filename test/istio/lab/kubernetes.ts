// Kubernetes' objects as we read and write them; only fields that are used here have types.

import type { Json } from "../../../harness/envoy_config.ts";

/** Any object. */
export interface KubernetesObject extends Json {
  apiVersion: string;
  kind: string;
  metadata: Metadata;
}

/** Who an object is. */
export interface Metadata extends Json {
  name: string;
  namespace?: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
}

/** A pod with its addresses, as a cluster has them. */
export interface PodObject extends KubernetesObject {
  spec: Json;
  status: { podIP: string; hostIP: string } & Json;
}

/** Kind, namespace and name in one, e.g. "EnvoyFilter istio-system/dubbo-inbound". */
export function idOf({ kind, metadata }: KubernetesObject): string {
  return `${kind} ${metadata.namespace ?? ""}/${metadata.name}`;
}

/** Of two with the same kind, namespace and name the later one, as `kubectl apply` does it. */
export function applied(objects: readonly KubernetesObject[]): KubernetesObject[] {
  return [...new Map(objects.map((object) => [idOf(object), object])).values()];
}

/** Whether an object is Istio's own, which istiod reads from its configuration. */
export function isIstio({ apiVersion }: KubernetesObject): boolean {
  return /\.istio\.io\//.test(apiVersion) && !apiVersion.startsWith("install.");
}

/** The Deployment whose Pod has this name: what its ReplicaSet and the Pod itself have added is cut off. */
export function deploymentOf(pod: string): string {
  return pod.replace(/-[a-z0-9]{6,10}-[a-z0-9]{5}$/, "");
}

/** Whether labels carry all that a selector asks for; an empty selector selects nothing. */
export function selects(
  selector: Record<string, string> | undefined,
  labels: Record<string, string> | undefined,
): boolean {
  const wanted = Object.entries(selector ?? {});
  return wanted.length > 0 && wanted.every(([name, value]) => labels?.[name] === value);
}

/** The ConfigMap of that name in a namespace, if there is one. */
export function findConfigMap(
  objects: readonly KubernetesObject[],
  namespace: string | undefined,
  name: string,
): KubernetesObject | undefined {
  return objects.find(
    ({ kind, metadata }) =>
      kind === "ConfigMap" && metadata.name === name && metadata.namespace === namespace,
  );
}

/** The init containers of a Pod that stay. */
export function sidecarsIn({ spec }: PodObject): Json[] {
  return ((spec.initContainers ?? []) as Json[]).filter(
    ({ restartPolicy }) => restartPolicy === "Always",
  );
}
