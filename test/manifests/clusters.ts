// Whether the clusters that patches name are made by anything: a call whose cluster does not exist is
// answered with an error, and only traffic shows it.
//
// Istio makes a cluster for each port of each Service and ServiceEntry, and one for each subset of a
// DestinationRule on top: outbound|PORT|SUBSET|HOST. Names without bars are those that CLUSTER patches
// add, and two that every sidecar has.
// https://istio.io/latest/docs/ops/diagnostic-tools/proxy-cmd/

import type { Json } from "../../harness/envoy_config.ts";
import { finding, places, type Finding } from "./findings.ts";
import { ofKind, type Manifest } from "./manifest_files.ts";
import { EXTENSION_KINDS } from "./wasm_extensions.ts";

const DOMAIN = "svc.cluster.local";
const STANDING = ["PassthroughCluster", "BlackHoleCluster"];

/** Names of all clusters that a sidecar has once all manifests are applied. */
export function clustersMade(manifests: readonly Manifest[]): Set<string> {
  const services = ofKind(manifests, "Service").flatMap(({ object }) =>
    (object.spec.ports ?? []).map(({ port }: Json) => ({ host: hostOf(object), port })),
  );
  const entries = ofKind(manifests, "ServiceEntry").flatMap(({ object }) =>
    object.spec.hosts.flatMap((host: string) =>
      (object.spec.ports ?? []).map(({ number }: Json) => ({ host, port: number })),
    ),
  );
  const names = new Set(STANDING);
  for (const { host, port } of [...services, ...entries]) {
    names.add(`outbound|${port}||${host}`);
    for (const subset of subsetsOf(manifests, host))
      names.add(`outbound|${port}|${subset}|${host}`);
  }
  for (const { object } of ofKind(manifests, "EnvoyFilter")) {
    for (const { applyTo, patch } of object.spec.configPatches) {
      if (applyTo === "CLUSTER" && patch.operation === "ADD") names.add(patch.value.name);
    }
  }
  return names;
}

/** Where an object names clusters: routes of filters, weighted ones, and rules of our filter. */
export function clustersNamed(object: unknown): { path: string; name: string }[] {
  return [...places(object)]
    .filter(
      ({ path, key, value }) =>
        typeof value === "string" &&
        (key === "cluster" ||
          /\bclusters\[\d+\]\.name$/.test(path) ||
          value.startsWith("outbound|")),
    )
    .map(({ path, value }) => ({ path, name: value as string }));
}

/** Findings for clusters that EnvoyFilters name and nothing makes. */
export function checkClusters(manifests: readonly Manifest[]): Finding[] {
  const made = clustersMade(manifests);
  const message =
    "no Service, ServiceEntry, DestinationRule or patch in manifests/ makes this cluster";
  return ["EnvoyFilter", ...EXTENSION_KINDS].flatMap((kind) =>
    ofKind(manifests, kind).flatMap((manifest) =>
      clustersNamed(manifest.object)
        .filter(({ name }) => !made.has(name))
        .map(({ path, name }) => finding("cluster", manifest, path, name, message)),
    ),
  );
}

function subsetsOf(manifests: readonly Manifest[], host: string): string[] {
  return ofKind(manifests, "DestinationRule")
    .filter(({ object }) => {
      const { metadata, spec } = object;
      return spec.host === host || `${spec.host}.${metadata.namespace}.${DOMAIN}` === host;
    })
    .flatMap(({ object }) => (object.spec.subsets ?? []).map(({ name }: Json) => name));
}

function hostOf({ metadata }: Json): string {
  return `${metadata.name}.${metadata.namespace}.${DOMAIN}`;
}
