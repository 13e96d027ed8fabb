// The Kubernetes objects of manifests/, each with the file that it stands in.
//
// Read are all .yaml files, many objects per file. A kustomization.yaml is no object; of it only the
// ConfigMaps that it generates become objects here, with their keys and without their contents. Every
// manifest states its namespace itself, so what kustomize changes in objects is not done here.

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { parseAllDocuments } from "yaml";
import type { Json } from "../../harness/envoy_config.ts";
import { fromRoot } from "../../harness/repository.ts";

/** One object of one file. */
export interface Manifest {
  /** From the repository's root, e.g. "manifests/dubbo-inbound.yaml". */
  file: string;
  object: Json;
}

/** A pod that a workload makes. */
export interface Workload {
  manifest: Manifest;
  namespace: string;
  labels: Record<string, string>;
  annotations: Record<string, string>;
  /** Volumes of its spec. */
  volumes: Json[];
  /** What its own container istio-proxy mounts: a gateway has one, a sidecar is injected. */
  proxyMounts: Json[];
  /** All ports that its containers state: `containerPort`, and `name` where one is given. */
  ports: Json[];
}

/** What lists the files of a folder that are applied together. */
export const KUSTOMIZATION = "kustomization.yaml";

const FOLDER = "manifests";
/** How Istio's injector knows the container that is to be Envoy. */
const PROXY = "istio-proxy";
const WORKLOADS = ["Deployment", "StatefulSet", "DaemonSet"];

/** All objects below manifests/, in the order of the files' names. Throws where YAML is malformed. */
export function readManifests(): Manifest[] {
  const objects = manifestFiles()
    .filter((file) => basename(file) !== KUSTOMIZATION)
    .flatMap(readManifest);
  return [...objects, ...readKustomizations().flatMap(generated)];
}

/** Every kustomization.yaml below manifests/. */
export function readKustomizations(): Manifest[] {
  return manifestFiles()
    .filter((file) => basename(file) === KUSTOMIZATION)
    .flatMap(readManifest);
}

/** The objects of one file, named from the repository's root. Throws where its YAML is malformed. */
export function readManifest(file: string): Manifest[] {
  return parseAllDocuments(readFileSync(fromRoot(file), "utf8"), { merge: true })
    .map((document) => {
      if (document.errors[0] !== undefined) throw new Error(`${file}: ${document.errors[0]}`);
      // By way of JSON, so that what YAML aliases share is shared no longer and can be changed alone.
      return { file, object: JSON.parse(JSON.stringify(document.toJS())) as Json };
    })
    .filter(({ object }) => object !== null);
}

/** All .yaml files below manifests/ from the repository's root, in the order of their names. */
export function manifestFiles(): string[] {
  return readdirSync(fromRoot(FOLDER), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".yaml"))
    .map((file) => join(FOLDER, file))
    .sort();
}

/** Kind, namespace and name in one, e.g. "EnvoyFilter istio-system/dubbo-inbound". */
export function nameOf({ object }: Manifest): string {
  const { namespace, name } = object.metadata ?? {};
  return `${object.kind} ${namespace === undefined ? "" : `${namespace}/`}${name}`;
}

/** The objects of that kind. */
export function ofKind(manifests: readonly Manifest[], kind: string): Manifest[] {
  return manifests.filter(({ object }) => object.kind === kind);
}

/** The pods that the workloads among the manifests make. */
export function workloadsOf(manifests: readonly Manifest[]): Workload[] {
  return manifests
    .filter(({ object }) => WORKLOADS.includes(object.kind))
    .map((manifest) => {
      const { metadata = {}, spec = {} }: Json = manifest.object.spec?.template ?? {};
      const containers: Json[] = spec.containers ?? [];
      return {
        manifest,
        namespace: manifest.object.metadata?.namespace ?? "default",
        labels: metadata.labels ?? {},
        annotations: metadata.annotations ?? {},
        volumes: spec.volumes ?? [],
        proxyMounts: containers
          .filter(({ name }) => name === PROXY)
          .flatMap(({ volumeMounts = [] }) => volumeMounts),
        ports: containers.flatMap(({ ports = [] }) => ports),
      };
    });
}

function generated({ file, object: kustomization }: Manifest): Manifest[] {
  const generators: Json[] = kustomization.configMapGenerator ?? [];
  return generators.map(({ name, namespace, files = [], literals = [] }) => {
    const data: Json = {};
    for (const entry of files as string[]) {
      const [key, source = key] = entry.split("=") as [string, string?];
      if (!existsSync(fromRoot(dirname(file), source))) {
        throw new Error(`${file}: there is no file ${source} for the ConfigMap ${name}`);
      }
      data[basename(key)] = source;
    }
    for (const entry of literals as string[]) data[entry.split("=")[0]!] = entry;
    const metadata = { name, namespace: namespace ?? kustomization.namespace };
    return { file, object: { apiVersion: "v1", kind: "ConfigMap", metadata, data } };
  });
}
