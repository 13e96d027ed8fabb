// A kubelet for the lab: it watches the Pods of its node, runs them (pod.ts), writes what has become of them into
// their status, keeps ConfigMaps in their volumes up to date, and takes deleted Pods away with grace.
//
// It knows just what these manifests use. A container that ends stays ended, and readiness is looked at until it is
// there for the first time: tests that stop a program want to see what its callers see.

import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Json } from "../../../harness/envoy_config.ts";
import { startProcess, type ManagedProcess } from "../../../harness/processes.ts";
import { ApiError, type Watch } from "../../kubernetes/api.ts";
import type { ApiServer } from "../../kubernetes/api_server.ts";
import { kubernetesCommand } from "../../kubernetes/commands.ts";
import { resolverFile } from "./cluster_dns.ts";
import { idOf, type KubernetesObject, type PodObject } from "./kubernetes.ts";
import { HOST, nextPodAddress } from "./network.ts";
import { startPod, volumesFolder, type Pod, type Surroundings } from "./pod.ts";
import { tokensOf } from "./tokens.ts";
import { missingFrom, updateConfigMaps } from "./volumes.ts";

/** How a kubelet runs its Pods. */
export interface KubeletOptions {
  /** Where it takes what `kubectl exec` and `kubectl port-forward` send; nowhere unless given. */
  port?: number;
  /** By container: the file in the cluster's folder that its output goes to. */
  logs?: Record<string, string>;
}

const CONFIG_MAPS = "/api/v1/configmaps";
const GONE = 404;
const CONFLICT = 409;
const READY_MS = 10_000;
const RUNNING_MS = 90_000;
const LOOK_MS = 100;
/** What a Pod gets where nothing else is said. */
const GRACE_S = 30;

/** Fields that may not be missing, and that nobody here asks for. */
const NODE_INFO = {
  architecture: "",
  bootID: "",
  containerRuntimeVersion: "",
  kernelVersion: "",
  kubeProxyVersion: "",
  machineID: "",
  operatingSystem: "linux",
  osImage: "",
  systemUUID: "",
};

interface Known {
  object: PodObject;
  started: Promise<Pod>;
  pod?: Pod;
  ended?: Promise<void>;
}

/** A node's; `startKubelet` makes them. */
export class Kubelet {
  readonly #server: ApiServer;
  readonly #node: string;
  readonly #folder: string;
  readonly #logs: Record<string, string>;
  readonly #port: number | undefined;
  readonly #known = new Map<string, Known>();
  readonly #programs = new Map<string, Record<string, string[]>>();
  readonly #configMaps = new Map<string, KubernetesObject>();
  #watches: Watch[] = [];
  #streams: ManagedProcess | undefined;
  #failed: unknown;
  #stopping = false;

  constructor(server: ApiServer, node: string, { port, logs = {} }: KubeletOptions) {
    this.#server = server;
    this.#node = node;
    this.#folder = join(server.folder, `node-${node}`);
    this.#logs = logs;
    this.#port = port;
  }

  /** Has containers of a Pod, by its uid, run other programs than their own. Before it is bound. */
  replace(uid: string, programs: Record<string, string[]>): void {
    this.#programs.set(uid, programs);
  }

  /** The Pod with this uid, once it is ready. Rejects where it does not become that, with what it says. */
  async running(uid: string): Promise<Pod> {
    const deadline = Date.now() + RUNNING_MS;
    while (!this.#known.has(uid)) {
      if (this.#failed !== undefined) throw this.#failed;
      if (Date.now() > deadline) throw new Error(`node ${this.#node} hears nothing of Pod ${uid}`);
      await sleep(LOOK_MS);
    }
    return this.#known.get(uid)!.started;
  }

  /** Begins to watch. */
  async start(): Promise<void> {
    mkdirSync(this.#folder, { recursive: true });
    await this.#register();
    await this.#serveStreams();
    const { client } = this.#server;
    // Before any Pod: one that is optional is mounted only where it is known.
    for (const object of (await client.get(CONFIG_MAPS)).items) this.#changed("ADDED", object);
    const mine = `/api/v1/pods?fieldSelector=${encodeURIComponent(`spec.nodeName=${this.#node}`)}`;
    this.#watches = [
      client.watch(mine, (type, pod) => this.#heard(type, pod as PodObject)),
      client.watch(CONFIG_MAPS, (type, object) => this.#changed(type, object)),
    ];
    for (const { done } of this.#watches) done.catch((error) => (this.#failed ??= error));
  }

  /**
   * Ends all its Pods at once, without grace, and takes them out of the cluster. Rejects with the first thing that has
   * gone wrong since it was started, after it has ended the rest.
   */
  async stop(): Promise<void> {
    this.#stopping = true;
    for (const watch of this.#watches) watch.end();
    await Promise.allSettled(this.#watches.map(({ done }) => done));
    const known = [...this.#known.values()];
    const stopped = await Promise.allSettled(known.map((one) => this.#stop(one)));
    await this.#streams?.stop();
    for (const one of stopped) if (one.status === "rejected") this.#failed ??= one.reason;
    if (this.#failed !== undefined) throw this.#failed;
  }

  async #stop({ object, started, ended }: Known): Promise<void> {
    // One that has not started has ended what it began, and whoever wanted it has heard why.
    const pod = await started.catch(() => undefined);
    await ended;
    await pod?.stop();
    await this.#remove(object);
  }

  async #serveStreams(): Promise<void> {
    if (this.#port === undefined) return;
    const args = ["-listen", `${HOST}:${this.#port}`, "-pods", this.#folder];
    const command = kubernetesCommand("streams");
    this.#streams = startProcess({ name: `streams of ${this.#node}`, command, args });
    await this.#streams.waitUntil("ready", READY_MS, () => this.#streams!.log.includes("ready"));
  }

  async #register(): Promise<void> {
    const node = {
      apiVersion: "v1",
      kind: "Node",
      metadata: { name: this.#node, labels: { "kubernetes.io/hostname": this.#node } },
    };
    try {
      await this.#server.client.create("/api/v1/nodes", node);
    } catch (error) {
      if (!(error instanceof ApiError && error.status === CONFLICT)) throw error;
    }
    const { gitVersion } = await this.#server.client.get("/version");
    await this.#server.client.merge(`/api/v1/nodes/${this.#node}/status`, {
      status: {
        addresses: [{ type: "InternalIP", address: HOST }],
        daemonEndpoints: { kubeletEndpoint: { Port: this.#port ?? 0 } },
        conditions: [{ type: "Ready", status: "True", reason: "KubeletReady" }],
        // The injector goes by it where it chooses between an init container and another one.
        nodeInfo: { ...NODE_INFO, kubeletVersion: gitVersion },
      },
    });
  }

  #heard(type: string, object: PodObject): void {
    if (this.#stopping) return;
    const { uid, deletionTimestamp, deletionGracePeriodSeconds } = object.metadata;
    const known = this.#known.get(uid);
    if (known === undefined) {
      if (type === "DELETED" || deletionTimestamp !== undefined) return;
      const started = this.#run(object);
      this.#known.set(uid, { object, started });
      // Whoever has asked for it hears of it.
      started.catch(() => {});
    } else if (deletionTimestamp !== undefined || type === "DELETED") {
      known.ended ??= this.#end(known, (deletionGracePeriodSeconds as number) ?? GRACE_S);
      known.ended.catch((error) => (this.#failed ??= error));
    }
  }

  async #run(bound: PodObject): Promise<Pod> {
    const address = nextPodAddress(this.#server.folder);
    const status = {
      podIP: address,
      podIPs: [{ ip: address }],
      hostIP: HOST,
      hostIPs: [{ ip: HOST }],
      startTime: new Date().toISOString().replace(/\.\d+/, ""),
    };
    const object = { ...bound, status: { ...bound.status, ...status } } as PodObject;
    const { uid } = object.metadata;
    await this.#say(object, { ...status, phase: "Pending" });
    const pod = await startPod(object, await this.#around(object));
    try {
      const known = this.#known.get(uid)!;
      known.pod = pod;
      // What has changed while it was started.
      updateConfigMaps(object, volumesFolder(this.#folder, object), [...this.#configMaps.values()]);
      writeFileSync(this.#accessFile(object), JSON.stringify(pod.access));
      const ready = ["Initialized", "ContainersReady", "Ready", "PodScheduled"];
      await this.#say(object, {
        phase: "Running",
        conditions: ready.map((type) => ({ type, status: "True" })),
        containerStatuses: statusesOf(object.spec.containers),
        initContainerStatuses: statusesOf(object.spec.initContainers),
      });
      return pod;
    } catch (error) {
      await pod.stop();
      throw error;
    }
  }

  async #around(object: PodObject): Promise<Surroundings> {
    const { uid, namespace } = object.metadata;
    return {
      folder: this.#folder,
      objects: await this.#mountable(object),
      tokens: await tokensOf(this.#server, object),
      resolver: this.#resolver(namespace!),
      programs: this.#programs.get(uid) ?? {},
      logs: Object.fromEntries(
        Object.entries(this.#logs).map(([name, file]) => [name, join(this.#server.folder, file)]),
      ),
    };
  }

  /** What streams reads of a Pod. */
  #accessFile({ metadata }: PodObject): string {
    return join(this.#folder, `${metadata.namespace}_${metadata.name}.json`);
  }

  async #end({ started }: Known, graceS: number): Promise<void> {
    const pod = await started.catch(() => undefined);
    if (pod === undefined) return;
    rmSync(this.#accessFile(pod.object));
    await pod.terminate(graceS * 1000);
    await this.#remove(pod.object);
  }

  /** All ConfigMaps, once those that a Pod mounts are there: istiod makes one for each namespace. */
  async #mountable(object: PodObject): Promise<KubernetesObject[]> {
    const deadline = Date.now() + RUNNING_MS;
    for (;;) {
      const objects = [...this.#configMaps.values()];
      const missing = missingFrom(object, objects);
      if (missing.length === 0) return objects;
      if (Date.now() > deadline) throw new Error(`${object.metadata.name}: there is no ${missing}`);
      await sleep(LOOK_MS);
    }
  }

  #changed(type: string, object: Json): void {
    const configMap = { ...object, apiVersion: "v1", kind: "ConfigMap" } as KubernetesObject;
    if (type === "DELETED") this.#configMaps.delete(idOf(configMap));
    else this.#configMaps.set(idOf(configMap), configMap);
    for (const { pod } of this.#known.values()) {
      if (pod === undefined || pod.object.metadata.namespace !== object.metadata.namespace)
        continue;
      updateConfigMaps(pod.object, volumesFolder(this.#folder, pod.object), [configMap]);
    }
  }

  async #say({ metadata }: PodObject, status: Json): Promise<void> {
    const { namespace, name } = metadata;
    try {
      await this.#server.client.merge(`/api/v1/namespaces/${namespace}/pods/${name}/status`, {
        status,
      });
    } catch (error) {
      // It may have been deleted meanwhile.
      if (!(error instanceof ApiError && error.status === GONE)) throw error;
    }
  }

  async #remove({ metadata }: PodObject): Promise<void> {
    const { namespace, name } = metadata;
    try {
      const path = `/api/v1/namespaces/${namespace}/pods/${name}`;
      await this.#server.client.delete(`${path}?gracePeriodSeconds=0`);
    } catch (error) {
      if (!(error instanceof ApiError && error.status === GONE)) throw error;
    }
  }

  #resolver(namespace: string): string {
    const file = join(this.#folder, `resolv.conf-${namespace}`);
    writeFileSync(file, resolverFile(namespace));
    return file;
  }
}

/** A kubelet at work, for a node of this name. */
export async function startKubelet(
  server: ApiServer,
  node: string,
  options: KubeletOptions = {},
): Promise<Kubelet> {
  const kubelet = new Kubelet(server, node, options);
  try {
    await kubelet.start();
    return kubelet;
  } catch (error) {
    await kubelet.stop();
    throw error;
  }
}

// What kubectl shows of containers, and asks for before it runs a command in one.
function statusesOf(containers: Json[] = []): Json[] {
  return containers.map(({ name, image, restartPolicy }) => ({
    name,
    image,
    imageID: "",
    ready: true,
    started: true,
    restartCount: 0,
    state:
      // An init container that does not stay has done its work.
      name === "istio-init" && restartPolicy === undefined
        ? { terminated: { exitCode: 0, reason: "Completed" } }
        : { running: {} },
  }));
}
