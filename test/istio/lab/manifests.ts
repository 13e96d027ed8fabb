// manifests/ as `kubectl apply -k` and `kubectl apply -f` would send it.

import { readManifest } from "../../manifests/manifest_files.ts";
import { fromRoot } from "../../../harness/repository.ts";
import { openIstio } from "../istioctl.ts";
import type { KubernetesObject } from "./kubernetes.ts";

/** The objects of a folder with a kustomization.yaml, named from the repository's root. */
export async function kustomized(folder: string): Promise<KubernetesObject[]> {
  const istio = await openIstio();
  try {
    return (await istio.kustomize(fromRoot(folder))) as KubernetesObject[];
  } finally {
    await istio.close();
  }
}

/** The objects of one file, named from the repository's root. */
export function manifest(file: string): KubernetesObject[] {
  return readManifest(file).map(({ object }) => object as KubernetesObject);
}
