// A container's environment out of its pod's specification, as the kubelet makes it.
// https://kubernetes.io/docs/concepts/workloads/pods/downward-api/

import { availableParallelism, totalmem } from "node:os";
import type { Json } from "../../../harness/envoy_config.ts";
import { findConfigMap, type KubernetesObject, type PodObject } from "./kubernetes.ts";

const NODE_HAS: Record<string, number> = { memory: totalmem(), cpu: availableParallelism() };
const UNITS: Record<string, number> = { "": 1, m: 0.001, Ki: 1024, Mi: 1024 ** 2, Gi: 1024 ** 3 };

/**
 * The variables of a container. ConfigMaps are looked up among the objects. Throws where something is
 * asked for that is not there, or that this does not know.
 */
export function environmentOf(
  pod: PodObject,
  container: Json,
  objects: readonly KubernetesObject[],
): Record<string, string> {
  const variables: Record<string, string> = {};
  for (const { configMapRef, prefix = "", ...other } of (container.envFrom ?? []) as Json[]) {
    if (configMapRef === undefined) throw new Error(`envFrom: ${JSON.stringify(other)}`);
    for (const [name, value] of Object.entries(configMap(pod, configMapRef.name, objects))) {
      variables[prefix + name] = value;
    }
  }
  for (const { name, value, valueFrom } of (container.env ?? []) as Json[]) {
    const given =
      valueFrom === undefined ? (value ?? "") : taken(pod, container, valueFrom, objects);
    variables[name] = expanded(given, variables);
  }
  return variables;
}

/** Arguments with `$(NAME)` replaced by the variable of that name. */
export function expanded(text: string, variables: Record<string, string>): string {
  return text.replace(/\$\((\w+)\)/g, (all, name: string) => variables[name] ?? all);
}

/** What a `fieldPath` stands for; labels or annotations as a whole are lines of `name="value"`. */
export function fieldOf(pod: PodObject, path: string): string {
  const one = /^metadata\.(labels|annotations)\['(.+)'\]$/.exec(path);
  if (one !== null) return (pod.metadata[one[1]!] as Json | undefined)?.[one[2]!] ?? "";
  const value = path.split(".").reduce<any>((object, key) => object?.[key], pod);
  if (value === undefined) throw new Error(`${pod.metadata.name} has no ${path}`);
  if (typeof value !== "object") return String(value);
  const lines = Object.entries(value).map(([name, text]) => `${name}=${JSON.stringify(text)}`);
  return lines.join("\n");
}

// The data of a ConfigMap in the pod's namespace.
function configMap(
  pod: PodObject,
  name: string,
  objects: readonly KubernetesObject[],
): Record<string, string> {
  const found = findConfigMap(objects, pod.metadata.namespace, name);
  if (found !== undefined) return found.data ?? {};
  throw new Error(`there is no ConfigMap ${pod.metadata.namespace}/${name}`);
}

function taken(
  pod: PodObject,
  container: Json,
  { fieldRef, resourceFieldRef, configMapKeyRef, ...other }: Json,
  objects: readonly KubernetesObject[],
): string {
  if (fieldRef !== undefined) return fieldOf(pod, fieldRef.fieldPath);
  if (configMapKeyRef !== undefined) {
    const value = configMap(pod, configMapKeyRef.name, objects)[configMapKeyRef.key];
    if (value !== undefined) return value;
    throw new Error(`the ConfigMap ${configMapKeyRef.name} has no ${configMapKeyRef.key}`);
  }
  if (resourceFieldRef === undefined) throw new Error(`valueFrom: ${JSON.stringify(other)}`);
  const [group, name] = (resourceFieldRef.resource as string).split(".");
  const said = container.resources?.[group!]?.[name!];
  // Who has no limit may have all of the node.
  return String(said === undefined ? NODE_HAS[name!] : Math.ceil(quantity(said)));
}

// "2", "2000m", "1Gi".
function quantity(text: unknown): number {
  const [, number, unit] = /^([\d.]+)(m|Ki|Mi|Gi|)$/.exec(String(text)) ?? [];
  if (number === undefined) throw new Error(`not a quantity: ${text}`);
  return Number(number) * UNITS[unit!]!;
}
