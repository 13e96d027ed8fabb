// What `istioctl install` would put into a cluster, without one: the mesh's configuration and the
// ingress gateway. And the sidecar injector, one pod after another.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fromRoot } from "../../../harness/repository.ts";
import { configMap, openIstio, type Istio } from "../istioctl.ts";
import type { KubernetesObject } from "./kubernetes.ts";

const OPERATOR = fromRoot("test", "istio", "lab", "istio.yaml");
const GATEWAY = "istio-ingressgateway";

/** Istio, as generated from its charts; `generateIstio` makes them. */
export class Installation {
  /** File of the mesh's configuration. */
  readonly meshFile: string;
  /** The ingress gateway: a Deployment that needs no injection, and a Service. */
  readonly gateway: KubernetesObject[];
  readonly #istio: Istio;
  readonly #operators: string[];
  #last: Promise<unknown> = Promise.resolve();

  constructor(istio: Istio, operators: string[], meshFile: string, gateway: KubernetesObject[]) {
    this.#istio = istio;
    this.#operators = operators;
    this.meshFile = meshFile;
    this.gateway = gateway;
  }

  /** The Deployment with a sidecar, where its labels and annotations do not say no. */
  async inject(deployment: KubernetesObject): Promise<KubernetesObject> {
    // One at a time: they share a file.
    const injected = this.#last.then(() => this.#istio.inject([deployment], ...this.#operators));
    this.#last = injected.catch(() => {});
    return (await injected)[0] as KubernetesObject;
  }

  /** Removes its files. */
  async close(): Promise<void> {
    await this.#istio.close();
  }
}

/**
 * Generates Istio with the lab's settings, and these IstioOperators on top: files named from the
 * repository's root.
 */
export async function generateIstio(operators: readonly string[] = []): Promise<Installation> {
  const istio = await openIstio();
  const files = [OPERATOR, ...operators.map((file) => fromRoot(file))];
  const objects = await istio.installation(...files);
  const meshFile = join(istio.folder, "mesh.yaml");
  writeFileSync(meshFile, configMap(objects, "istio").mesh);
  const gateway = objects.filter(
    ({ kind, metadata }) => metadata.name === GATEWAY && /^(Deployment|Service)$/.test(kind),
  );
  return new Installation(istio, files, meshFile, gateway as KubernetesObject[]);
}
