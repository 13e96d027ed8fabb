// Changes to Deployments, as kubectl's commands make them, and copies without the filter.

import type { Json } from "../../../harness/envoy_config.ts";
import type { KubernetesObject } from "./kubernetes.ts";

/** A copy with these variables in its first container: `kubectl set env`. */
export function withEnvironment(
  deployment: KubernetesObject,
  variables: Record<string, string>,
): KubernetesObject {
  const copy = structuredClone(deployment);
  const [container] = copy.spec.template.spec.containers as [Json];
  const kept = ((container.env ?? []) as Json[]).filter(({ name }) => !(name in variables));
  const added = Object.entries(variables).map(([name, value]) => ({ name, value }));
  container.env = [...kept, ...added];
  return copy;
}

/** A copy with these annotations on its pods. */
export function withAnnotations(
  deployment: KubernetesObject,
  annotations: Record<string, string>,
): KubernetesObject {
  const copy = structuredClone(deployment);
  const { metadata } = copy.spec.template;
  metadata.annotations = { ...metadata.annotations, ...annotations };
  return copy;
}

/** A copy whose sidecar mounts no volume of the pod's. */
export function withoutMounts(deployment: KubernetesObject): KubernetesObject {
  const copy = structuredClone(deployment);
  const { annotations } = copy.spec.template.metadata;
  delete annotations["sidecar.istio.io/userVolume"];
  delete annotations["sidecar.istio.io/userVolumeMount"];
  return copy;
}

/** A copy that has nothing of the filter: neither its label on the pods nor the mount. */
export function withoutFilter(deployment: KubernetesObject): KubernetesObject {
  const copy = withoutMounts(deployment);
  delete copy.spec.template.metadata.labels["dubbo-filter"];
  return copy;
}
