// A pod's volumes as folders, filled as the kubelet does it.

import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Json } from "../../../harness/envoy_config.ts";
import { writeConfigMapVolume, type Files } from "./config_map_volume.ts";
import { fieldOf } from "./environment.ts";
import { findConfigMap, sidecarsIn, type KubernetesObject, type PodObject } from "./kubernetes.ts";
import type { Mount } from "./sandbox.ts";
import type { Tokens } from "./tokens.ts";

/** What a Pod's volumes are filled with. */
export interface Contents {
  /** Where ConfigMaps are looked up. */
  objects: readonly KubernetesObject[];
  tokens: Tokens;
}

/**
 * Makes a folder below `folder` for each volume that a container mounts, and says where they are to
 * be mounted. Throws where a ConfigMap is missing that is not optional, where two containers mount
 * different volumes at one path, or at a kind of volume that this does not know. /tmp, which
 * containers have to write to, is this machine's.
 */
export function makeVolumes(pod: PodObject, folder: string, contents: Contents): Mount[] {
  const volumes: Json[] = pod.spec.volumes ?? [];
  const mounts = new Map<string, string>();
  for (const container of [...sidecarsIn(pod), ...(pod.spec.containers as Json[])]) {
    for (const { name, mountPath, subPath } of (container.volumeMounts ?? []) as Json[]) {
      if (mountPath === "/tmp") continue;
      const from = join(folder, name, subPath ?? "");
      if ((mounts.get(mountPath) ?? from) !== from) {
        throw new Error(`${pod.metadata.name}: two volumes at ${mountPath}`);
      }
      mounts.set(mountPath, from);
    }
  }
  for (const volume of volumes) {
    const files = filesOf(pod, volume, contents);
    mkdirSync(join(folder, volume.name), { recursive: true, mode: 0o777 });
    if (volume.configMap !== undefined) {
      writeConfigMapVolume(join(folder, volume.name), files);
      continue;
    }
    for (const [path, content] of files) {
      const file = join(folder, volume.name, path);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, content);
    }
  }
  // What stands inside another comes after it.
  const sorted = [...mounts].sort(([one], [other]) => (one < other ? -1 : 1));
  return sorted.map(([to, from]) => ({ from, to }));
}

/** Brings the ConfigMaps in a running pod's volumes, made by `makeVolumes`, to what they are now. */
export function updateConfigMaps(
  pod: PodObject,
  folder: string,
  objects: readonly KubernetesObject[],
): void {
  for (const { name, configMap } of (pod.spec.volumes ?? []) as Json[]) {
    if (configMap === undefined) continue;
    // One that is gone stays as it was: the kubelet has nothing to put in its place.
    if (findConfigMap(objects, pod.metadata.namespace, configMap.name) === undefined) continue;
    writeConfigMapVolume(join(folder, name), configMapFiles(pod, configMap, objects));
  }
}

/** The ConfigMaps, by name, that a Pod cannot be started without and that are not among the objects. */
export function missingFrom(pod: PodObject, objects: readonly KubernetesObject[]): string[] {
  const volumes: Json[] = pod.spec.volumes ?? [];
  const sources = volumes.flatMap(({ configMap, projected }) => [
    configMap,
    ...((projected?.sources ?? []) as Json[]).map((source) => source.configMap),
  ]);
  const needed = sources.filter((one) => one !== undefined && one.optional !== true);
  return needed
    .map(({ name }) => name as string)
    .filter((name) => findConfigMap(objects, pod.metadata.namespace, name) === undefined);
}

function filesOf(pod: PodObject, volume: Json, contents: Contents): Files {
  const { name, emptyDir, configMap, downwardAPI, projected, secret, ...other } = volume;
  if (projected !== undefined) {
    return (projected.sources as Json[]).flatMap((source) =>
      source.serviceAccountToken === undefined
        ? filesOf(pod, { name, ...source }, contents)
        : [tokenFile(source.serviceAccountToken, contents.tokens)],
    );
  }
  if (configMap !== undefined) return configMapFiles(pod, configMap, contents.objects);
  if (downwardAPI !== undefined) {
    return downwardAPI.items.map(({ path, fieldRef }: Json) => [
      path,
      fieldOf(pod, fieldRef.fieldPath),
    ]);
  }
  if (secret !== undefined && secret.optional !== true) throw new Error(`no secret for ${name}`);
  // The injector writes volumes without a kind, which are empty folders as well.
  if (Object.keys(other).length > 0) throw new Error(`the volume ${name} is not known`);
  return [];
}

function tokenFile({ path, audience = "" }: Json, tokens: Tokens): [string, string] {
  const token = tokens.get(audience);
  if (token === undefined) throw new Error(`no token for "${audience}"`);
  return [path, token];
}

function configMapFiles(
  pod: PodObject,
  { name, optional, items }: Json,
  objects: readonly KubernetesObject[],
): Files {
  const { namespace } = pod.metadata;
  const found = findConfigMap(objects, namespace, name);
  if (found === undefined) {
    if (optional === true) return [];
    throw new Error(`there is no ConfigMap ${namespace}/${name}`);
  }
  const text: Files = Object.entries((found.data ?? {}) as Record<string, string>);
  const binary: Files = Object.entries((found.binaryData ?? {}) as Record<string, string>).map(
    ([path, content]) => [path, Buffer.from(content, "base64")],
  );
  const all = [...text, ...binary];
  if (items === undefined) return all;
  return (items as Json[]).map(({ key, path }) => {
    const entry = all.find(([file]) => file === key);
    if (entry === undefined) throw new Error(`the ConfigMap ${name} has no ${key}`);
    return [path, entry[1]];
  });
}
