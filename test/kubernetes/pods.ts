// In a kubelet's place: every Pod is said to run and to be ready as soon as it is there. Nothing runs.
//
// A Pod without a node is gone with its deletion, as the API server waits for no kubelet there.

import type { Json } from "../../harness/envoy_config.ts";
import { ApiError } from "./api.ts";
import type { ApiServer } from "./api_server.ts";

const PODS = "/api/v1/pods";
const GONE = 404;
const CONDITIONS = ["PodScheduled", "Initialized", "ContainersReady", "Ready"];

/** Pods are called ready from now on; `end` says until when. */
export class ReadyPods {
  readonly #server: ApiServer;
  readonly #told = new Set<string>();
  #refused: unknown;
  #telling: Promise<void> = Promise.resolve();
  readonly #end: () => Promise<void>;

  constructor(server: ApiServer) {
    this.#server = server;
    const watch = server.client.watch(PODS, (type, pod) => this.#heard(type, pod));
    const done = watch.done.catch((error: unknown) => (this.#refused ??= error));
    this.#end = async () => {
      watch.end();
      await done;
    };
  }

  /** Stops. Rejects with what the API server has refused, if it has refused anything. */
  async end(): Promise<void> {
    await this.#end();
    await this.#telling;
    if (this.#refused !== undefined) throw this.#refused;
  }

  #heard(type: string, { metadata }: Json): void {
    if (type === "DELETED" || this.#told.has(metadata.uid)) return;
    this.#told.add(metadata.uid);
    this.#telling = this.#telling.then(() => this.#tell(metadata));
  }

  async #tell({ namespace, name }: Json): Promise<void> {
    const conditions = CONDITIONS.map((type) => ({ type, status: "True" }));
    const status = { phase: "Running", conditions };
    try {
      await this.#server.client.merge(`/api/v1/namespaces/${namespace}/pods/${name}/status`, {
        status,
      });
    } catch (error) {
      if (!(error instanceof ApiError && error.status === GONE)) this.#refused ??= error;
    }
  }
}
