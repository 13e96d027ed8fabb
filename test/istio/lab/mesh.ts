// A mesh: istiod, and pods of manifests. The whole of it is real but for the cluster, which cluster.ts
// and pod.ts stand in for; see ../README.md.

import type { Socket } from "node:dgram";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  CLUSTER_OBJECTS,
  endpointsOf,
  podOf,
  recordsOf,
  resolverFile,
  serviceWithAddress,
} from "./cluster.ts";
import { serveDns } from "./dns.ts";
import { withDefaults } from "./deployments.ts";
import { generateIstio, type Installation } from "./installation.ts";
import { startIstiod, type Istiod } from "./istiod.ts";
import {
  applied,
  idOf,
  isIstio,
  type KubernetesObject,
  type Metadata,
  type PodObject,
} from "./kubernetes.ts";
import { closeNetwork, HOST, openNetwork, podAddress } from "./network.ts";
import { startPod, volumesFolder, type Pod } from "./pod.ts";
import { updateConfigMaps } from "./volumes.ts";

/** What a mesh begins with. */
export interface MeshOptions {
  /** What would be applied to the cluster. */
  objects: readonly KubernetesObject[];
  /** IstioOperators on top of lab/istio.yaml: files named from the repository's root. */
  operators?: readonly string[];
}

/** How a pod differs from its Deployment. */
export interface PodOptions {
  /** By container: what runs instead of its own program, with its environment. */
  programs?: Record<string, string[]>;
}

const SHOWN_PROBLEMS = 5;

/** A mesh; `startMesh` makes them. One at a time: it has the network for itself. */
export class Mesh {
  readonly istiod: Istiod;
  readonly #folder: string;
  readonly #installation: Installation;
  #objects: KubernetesObject[] = [];
  readonly #addresses = new Map<string, number>();
  readonly #pods = new Map<string, PodObject>();
  readonly #starting: Promise<Pod>[] = [];
  readonly #ready = new Map<string, Pod>();
  #dns: Socket | undefined;

  constructor(istiod: Istiod, folder: string, installation: Installation) {
    this.istiod = istiod;
    this.#folder = folder;
    this.#installation = installation;
  }

  /** Starts the pods of these Deployments, all at once; ready and known to all when it resolves. */
  async run(...deployments: string[]): Promise<Pod[]> {
    const pods = await Promise.all(deployments.map((name) => this.start(name)));
    await this.istiod.settled();
    return pods;
  }

  /** Starts the pod of a Deployment. It gets calls from when it is ready. */
  async start(deployment: string, options: PodOptions = {}): Promise<Pod> {
    const starting = this.#start(deployment, options);
    this.#starting.push(starting);
    const pod = await starting;
    this.#ready.set(deployment, pod);
    this.#tell();
    return pod;
  }

  /** Answers pods that ask for the names of Services. */
  async serveDns(): Promise<void> {
    this.#dns = await serveDns(HOST, (name) => {
      const services = this.#objects.filter(({ kind }) => kind === "Service");
      return recordsOf(services, this.#readyObjects()).get(name);
    });
  }

  /** The running pod of a Deployment. */
  pod(deployment: string): Pod {
    const pod = this.#ready.get(deployment);
    if (pod === undefined) throw new Error(`no pod of ${deployment} runs`);
    return pod;
  }

  /**
   * Adds objects, or replaces those of the same name, as `kubectl apply` does it. Proxies have
   * heard of it after `istiod.settled()`; a changed ConfigMap is in the volumes of running pods.
   */
  apply(...objects: KubernetesObject[]): void {
    const addressed = objects.map((object) =>
      object.kind === "Service" ? this.#addressed(object) : object,
    );
    this.#objects = applied([...this.#objects, ...addressed]);
    for (const pod of this.#readyObjects()) {
      updateConfigMaps(pod, volumesFolder(this.#folder, pod), this.#objects);
    }
    this.#tell();
  }

  /** Takes objects away, by kind and name. */
  remove(...objects: KubernetesObject[]): void {
    const gone = new Set(objects.map(idOf));
    this.#objects = this.#objects.filter((object) => !gone.has(idOf(object)));
    this.#tell();
  }

  /** The objects that were applied of this kind and name, one or none. */
  find(kind: string, { namespace, name }: Metadata): KubernetesObject[] {
    return this.#objects.filter(
      (object) =>
        object.kind === kind &&
        object.metadata.name === name &&
        object.metadata.namespace === namespace,
    );
  }

  /** All objects of this kind that were applied. */
  all(kind: string): KubernetesObject[] {
    return this.#objects.filter((object) => object.kind === kind);
  }

  /** The first object that was applied of this kind and name, in any namespace. Throws without one. */
  object(kind: string, name: string): KubernetesObject {
    const found = this.#objects.find(
      (object) => object.kind === kind && object.metadata.name === name,
    );
    if (found === undefined) throw new Error(`there is no ${kind} ${name}`);
    return found;
  }

  /** Ends pods, istiod and the network. */
  async stop(): Promise<void> {
    const started = await Promise.allSettled(this.#starting);
    const pods = started.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
    await Promise.all(pods.map((pod) => pod.stop()));
    await this.istiod.stop();
    this.#dns?.close();
    await this.#installation.close();
    await closeNetwork();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #start(deployment: string, { programs = {} }: PodOptions): Promise<Pod> {
    const injected = await this.#inject(this.object("Deployment", deployment));
    const object = podOf(injected, podAddress(this.#pods.size));
    const namespace = object.metadata.namespace!;
    this.#pods.set(deployment, object);
    this.#tell();
    try {
      return await startPod(object, {
        folder: this.#folder,
        objects: [...this.#objects, this.istiod.rootCert(namespace)],
        resolver: this.#resolver(namespace),
        programs,
      });
    } catch (error) {
      const problems = this.istiod.problems().slice(-SHOWN_PROBLEMS);
      throw new Error([String(error), "istiod:", ...problems].join("\n"), { cause: error });
    }
  }

  async #inject(deployment: KubernetesObject): Promise<KubernetesObject> {
    const { namespace } = deployment.metadata;
    const labels = this.#objects.find(
      ({ kind, metadata }) => kind === "Namespace" && metadata.name === namespace,
    )?.metadata.labels;
    // The cluster asks the injector only about pods of such namespaces.
    if (labels?.["istio-injection"] !== "enabled") return deployment;
    return this.#installation.inject(withDefaults(deployment));
  }

  #tell(): void {
    this.istiod.write(this.#state());
  }

  #state(): KubernetesObject[] {
    const services = this.#objects.filter(({ kind, spec }) => kind === "Service" && spec.selector);
    const endpoints = services.map((service) => endpointsOf(service, this.#readyObjects()));
    return [...this.#objects, ...this.#pods.values(), ...endpoints];
  }

  #readyObjects(): PodObject[] {
    return [...this.#ready.values()].map(({ object }) => object);
  }

  // A Service's address stays what it was once given.
  #addressed(service: KubernetesObject): KubernetesObject {
    const name = `${service.metadata.namespace}/${service.metadata.name}`;
    const number = this.#addresses.get(name) ?? this.#addresses.size;
    this.#addresses.set(name, number);
    return serviceWithAddress(service, number);
  }

  #resolver(namespace: string): string {
    const file = join(this.#folder, `resolv.conf-${namespace}`);
    writeFileSync(file, resolverFile(namespace));
    return file;
  }
}

/** Starts istiod with these objects, and no pod yet. */
export async function startMesh({ objects, operators }: MeshOptions): Promise<Mesh> {
  await openNetwork();
  const folder = mkdtempSync(join(tmpdir(), "mesh-"));
  const installation = await generateIstio(operators);
  try {
    const all = applied([...CLUSTER_OBJECTS, ...installation.gateway, ...objects]);
    const istiod = await startIstiod(folder, installation.meshFile, all.filter(isIstio));
    const mesh = new Mesh(istiod, folder, installation);
    mesh.apply(...all);
    await mesh.serveDns();
    return mesh;
  } catch (error) {
    await installation.close();
    await closeNetwork();
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
}
