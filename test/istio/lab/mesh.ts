// A mesh: Istio on a cluster (control_plane.ts), with the pods of manifests that a test wants to run on a node of
// its own; see ../README.md.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Json } from "../../../harness/envoy_config.ts";
import { ControlPlane, startControlPlane } from "./control_plane.ts";
import { install } from "./installation.ts";
import type { Istiod } from "./istiod.ts";
import { startKubelet, type Kubelet } from "./kubelet.ts";
import { serveService, type ServedService } from "./kube_proxy.ts";
import { applied, idOf, selects, type KubernetesObject, type Metadata } from "./kubernetes.ts";
import type { Pod } from "./pod.ts";
import { schedule, type DeploymentName } from "./scheduler.ts";

/** What a mesh begins with. */
export interface MeshOptions {
  /** What is applied to the cluster. */
  objects: readonly KubernetesObject[];
  /** IstioOperators on top of lab/istio.yaml: files named from the repository's root. */
  operators?: readonly string[];
}

/** How a pod differs from its Deployment. */
export interface PodOptions {
  /** By container: what runs instead of its own program, with its environment. */
  programs?: Record<string, string[]>;
}

const NODE = "lab";
/** Kubernetes' own. */
const KUBELET_PORT = 10250;
/** Its Deployment is part of the installation. */
const INGRESS: DeploymentName = { namespace: "istio-system", name: "istio-ingressgateway" };
const SHOWN_PROBLEMS = 5;
const KNOWN_MS = 30_000;
const GONE_MS = 30_000;
const LOOK_MS = 100;
const SLICES = "endpointslices";

/** A mesh; `startMesh` makes them. One at a time: it has the cluster for itself. */
export class Mesh {
  readonly istiod: Istiod;
  readonly #plane: ControlPlane;
  readonly #kubelet: Kubelet;
  readonly #folder = mkdtempSync(join(tmpdir(), "mesh-"));
  #objects: KubernetesObject[] = [];
  /** All that was ever applied, by id. */
  readonly #known = new Map<string, KubernetesObject>();
  readonly #pods = new Map<string, Pod[]>();
  #files = 0;

  constructor(plane: ControlPlane, kubelet: Kubelet) {
    this.#plane = plane;
    this.#kubelet = kubelet;
    this.istiod = plane.istiod();
  }

  /** Starts a pod of each of these Deployments, two where one is named twice, all at once; ready and known to all when it resolves. */
  async run(...deployments: string[]): Promise<Pod[]> {
    const pods = await Promise.all(deployments.map((name) => this.start(name)));
    await this.istiod.settled();
    return pods;
  }

  /** Starts a pod of a Deployment. It gets calls from when it is ready. */
  async start(deployment: string, { programs = {} }: PodOptions = {}): Promise<Pod> {
    const name =
      deployment === INGRESS.name ? INGRESS : this.object("Deployment", deployment).metadata;
    const { server } = this.#plane;
    try {
      const bound = (uid: string) => this.#kubelet.replace(uid, programs);
      const pod = await this.#kubelet.running(await schedule(server, name, NODE, bound));
      await this.#endpointOf(pod);
      this.#pods.set(deployment, [...(this.#pods.get(deployment) ?? []), pod]);
      return pod;
    } catch (error) {
      const problems = this.istiod.problems().slice(-SHOWN_PROBLEMS);
      throw new Error([String(error), "istiod:", ...problems].join("\n"), { cause: error });
    }
  }

  /** The running pod of a Deployment; of several, the latest. */
  pod(deployment: string): Pod {
    const pod = this.#pods.get(deployment)?.at(-1);
    if (pod === undefined) throw new Error(`no pod of ${deployment} runs`);
    return pod;
  }

  /** All pods of a Deployment that were started, in that order. */
  pods(deployment: string): Pod[] {
    return this.#pods.get(deployment) ?? [];
  }

  /** Runs kubectl, as an administrator in the repository's root; gives its standard output. */
  async kubectl(...args: string[]): Promise<string> {
    return this.#plane.server.kubectl(...args);
  }

  /** Runs a line of a shell in which `kubectl` is an administrator's; gives its standard output. */
  async shell(line: string): Promise<string> {
    return this.#plane.server.shell(line);
  }

  /** Takes these for its own, as if `apply` had applied them: `kubectl` has. */
  adopt(...objects: KubernetesObject[]): void {
    for (const object of objects) this.#known.set(idOf(object), object);
    this.#objects = applied([...this.#objects, ...objects]);
  }

  /** Serves a Service's own address, with the pods of these Deployments behind it. The caller has to close it. */
  async serve(service: string, ...deployments: string[]): Promise<ServedService> {
    const pods = deployments.map((name) => this.pod(name));
    return serveService(this.#plane.server, this.object("Service", service).metadata, pods);
  }

  /**
   * Adds objects, or replaces those of the same name: `kubectl apply`. Proxies have heard of it after
   * `istiod.settled()`; a changed ConfigMap comes into the volumes of running pods. Rejects where the API server,
   * or istiod whom it asks, refuses one.
   */
  async apply(...objects: KubernetesObject[]): Promise<void> {
    if (objects.length === 0) return;
    this.istiod.expectPush();
    // Some may be there where others are refused.
    for (const object of objects) this.#known.set(idOf(object), object);
    const told = await this.kubectl("apply", "-f", this.#write(objects));
    if (!told.split("\n").some(isPushed)) this.istiod.expectNothing();
    this.adopt(...(await Promise.all(objects.map((object) => this.#addressed(object)))));
  }

  /** Takes objects away, by kind and name. */
  async remove(...objects: KubernetesObject[]): Promise<void> {
    const gone = new Set(objects.map(idOf));
    this.istiod.expectPush();
    const told = await this.kubectl("delete", "--ignore-not-found", "-f", this.#write(objects));
    if (told.trim() === "") this.istiod.expectNothing();
    this.#objects = this.#objects.filter((object) => !gone.has(idOf(object)));
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

  /** Ends its pods, and takes away all that it has applied but namespaces. */
  async stop(): Promise<void> {
    try {
      const objects = [...this.#known.values()].filter(({ kind }) => kind !== "Namespace");
      const args = ["delete", "--ignore-not-found", "--wait=false", "-f"];
      await Promise.all([this.kubectl(...args, this.#write(objects)), this.#kubelet.stop()]);
      const namespaces = new Set(objects.map(({ metadata }) => metadata.namespace));
      namespaces.delete(INGRESS.namespace);
      for (const one of namespaces) if (one !== undefined) await this.#empty(one);
    } finally {
      rmSync(this.#folder, { recursive: true, force: true });
      await this.#plane.stop();
    }
  }

  /** A file with the objects, for kubectl. */
  #write(objects: readonly KubernetesObject[]): string {
    const file = join(this.#folder, `${this.#files++}.json`);
    writeFileSync(file, JSON.stringify({ apiVersion: "v1", kind: "List", items: objects }));
    return file;
  }

  /** A Service with the address that the API server has given it. */
  async #addressed(object: KubernetesObject): Promise<KubernetesObject> {
    if (object.kind !== "Service") return object;
    const { namespace, name } = object.metadata;
    const path = `/api/v1/namespaces/${namespace}/services/${name}`;
    const { clusterIP } = (await this.#plane.server.client.get(path)).spec;
    return clusterIP === undefined ? object : { ...object, spec: { ...object.spec, clusterIP } };
  }

  /** Resolved once all Services that select the pod have it for an endpoint. */
  async #endpointOf({ object, address }: Pod): Promise<void> {
    const { namespace, labels } = object.metadata;
    const services = this.all("Service").filter(
      ({ metadata, spec }) => metadata.namespace === namespace && selects(spec.selector, labels),
    );
    const path = `/apis/discovery.k8s.io/v1/namespaces/${namespace}/${SLICES}`;
    const deadline = Date.now() + KNOWN_MS;
    for (const { metadata } of services) {
      for (;;) {
        const slices: Json[] = (await this.#plane.server.client.get(path)).items;
        const endpoints = slices
          .filter(
            (slice) => slice.metadata.labels?.["kubernetes.io/service-name"] === metadata.name,
          )
          .flatMap((slice) => (slice.endpoints ?? []) as Json[]);
        if (endpoints.some((one) => one.conditions.ready && one.addresses.includes(address))) break;
        if (Date.now() > deadline) throw new Error(`${metadata.name} has no endpoint ${address}`);
        await sleep(LOOK_MS);
      }
    }
  }

  /** Resolved once the controllers have taken away what belonged to something deleted. */
  async #empty(namespace: string): Promise<void> {
    const { client } = this.#plane.server;
    const deadline = Date.now() + GONE_MS;
    for (const path of [
      `/api/v1/namespaces/${namespace}/pods`,
      `/apis/discovery.k8s.io/v1/namespaces/${namespace}/${SLICES}`,
    ]) {
      for (;;) {
        const { items } = await client.get(path);
        if (items.length === 0) break;
        const names = (items as Json[]).map(({ metadata }) => metadata.name);
        if (Date.now() > deadline) throw new Error(`still in ${namespace}: ${names}`);
        await sleep(LOOK_MS);
      }
    }
  }
}

/** Whether istiod sends its proxies something for what a line of `kubectl apply` says. */
function isPushed(line: string): boolean {
  return /^(service\/|\S+\.istio\.io\/)\S+ (created|configured)/.test(line);
}

/** Applies these objects to a cluster with Istio; no pod runs yet. */
export async function startMesh({ objects, operators }: MeshOptions): Promise<Mesh> {
  const plane = ControlPlane.attach() ?? (await startControlPlane());
  let mesh: Mesh | undefined;
  try {
    mesh = new Mesh(plane, await startKubelet(plane.server, NODE, { port: KUBELET_PORT }));
    mesh.istiod.expectPush();
    // Else it would come to proxies later, and connections would keep what was before.
    if (await install(plane.server, operators)) await mesh.istiod.settled();
    else mesh.istiod.expectNothing();
    await mesh.apply(...objects);
    // Else the first proxies would hear of what the mesh before has left.
    await mesh.istiod.settled();
    return mesh;
  } catch (error) {
    await (mesh ?? plane).stop();
    throw error;
  }
}
