// The programs of a Kubernetes control plane that build.ts makes, and Istio's CRDs.

import { existsSync } from "node:fs";
import { join } from "node:path";
import { fromRoot } from "../../harness/repository.ts";

/** Where build.ts puts them. */
export const KUBERNETES_BUILD = fromRoot("build", "kubernetes");

/** What they are called there: a Go command has the name of its package's folder. */
const FILES = {
  etcd: "server",
  "kube-apiserver": "kube-apiserver",
  "kube-controller-manager": "kube-controller-manager",
  kubectl: "kubectl",
  streams: "streams",
} as const;

/** Kubernetes' own, etcd, and our part of a kubelet. */
export type KubernetesCommand = keyof typeof FILES;

/** File of the CustomResourceDefinitions in Istio's charts. */
export const ISTIO_CRDS = "istio-crds.yaml";

/** Path of a program. Throws where it was not built. */
export function kubernetesCommand(name: KubernetesCommand): string {
  return built(FILES[name]);
}

/** Path of Istio's CustomResourceDefinitions. Throws where they are not there. */
export function istioCrds(): string {
  return built(ISTIO_CRDS);
}

function built(file: string): string {
  const path = join(KUBERNETES_BUILD, file);
  if (!existsSync(path)) {
    throw new Error(`there is no ${path}; "node --import tsx test/kubernetes/build.ts" makes it`);
  }
  return path;
}
