// istiod as a test sees it: stock pilot-discovery, a Pod of the cluster, by its log and its debug interface.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Json } from "../../../harness/envoy_config.ts";
import type { ApiServer } from "../../kubernetes/api_server.ts";
import { eventually } from "./eventually.ts";
import { isIstio, type KubernetesObject } from "./kubernetes.ts";

/** File in the cluster's folder with what it has logged. */
export const LOG_OF_ISTIOD = "istiod.log";

/** Kinds of Kubernetes' own that istiod reads, and sends its proxies what follows from them. */
const OWN_KINDS = [
  "Namespace",
  "Node",
  "Service",
  "ServiceAccount",
  "Secret",
  "EndpointSlice",
  "Pod",
];
const NAMESPACE = "/api/v1/namespaces/istio-system";
/** It gathers changes for 100 ms. */
const QUIET_MS = 400;
const DEBUG_MS = 5000;
const DEBUG_PORT = 8080;
/** What its certificates and its debug interface take tokens for. */
const AUDIENCE = "istio-ca";
/**
 * What istiod writes into its log about objects it cannot read, and proxies that refuse one. Nothing that
 * base64 could be: there are certificates in the log.
 */
const PROBLEM = /Failed to parse|failure during|ACK ERROR/;

/** Whether istiod reads such an object. */
export function isRead(object: KubernetesObject): boolean {
  return isIstio(object) || OWN_KINDS.includes(object.kind);
}

/** The istiod of a cluster, from the moment on in which this was made. */
export class Istiod {
  readonly #server: ApiServer;
  /** Where its log begins for us, in characters. */
  readonly #begin: number;
  #pushesBefore = -1;
  #debug: { url: string; token: string } | undefined;

  constructor(server: ApiServer) {
    this.#server = server;
    this.#begin = this.#whole.length;
  }

  /** From now on `settled` waits for what follows from a change that is going to be made. */
  expectPush(): void {
    this.#pushesBefore = this.#pushes;
  }

  /** Where the change has turned out to be none. */
  expectNothing(): void {
    this.#pushesBefore = -1;
  }

  /**
   * Resolved once all proxies have accepted or refused what follows from the last change. Rejects
   * where that does not come true in half a minute.
   */
  async settled(): Promise<void> {
    let why = "";
    await eventually("settled", async () => {
      const pushes = this.#pushes;
      why = `${pushes} pushes, ${this.#pushesBefore} before the change`;
      if (pushes <= this.#pushesBefore) return false;
      await sleep(QUIET_MS);
      const unheard = await this.#unheard();
      why = `to be heard by ${unheard}`;
      return pushes === this.#pushes && unheard.length === 0;
    }).catch((error: Error) => {
      throw new Error(`${error.message}: ${why}`);
    });
  }

  /** Lines of its log that say that an object is not understood, or was refused by a proxy. */
  problems(): string[] {
    return this.#log.split("\n").filter((line) => PROBLEM.test(line));
  }

  get #whole(): string {
    return readFileSync(join(this.#server.folder, LOG_OF_ISTIOD), "utf8");
  }

  get #log(): string {
    return this.#whole.slice(this.#begin);
  }

  // How often it has set out to tell its proxies of changes.
  get #pushes(): number {
    return this.#log.split("Push debounce stable").length - 1;
  }

  // The proxies that have not answered yet to the last that they were sent, of each kind.
  async #unheard(): Promise<string[]> {
    const { url, token } = (this.#debug ??= await this.#debugAccess());
    const signal = AbortSignal.timeout(DEBUG_MS);
    const headers = { authorization: `Bearer ${token}` };
    const response = await fetch(`${url}/debug/syncz`, { signal, headers });
    if (!response.ok) throw new Error(`syncz: ${response.status} ${await response.text()}`);
    const proxies = ((await response.json()) ?? []) as Json[];
    // One that is gone is listed for a while.
    const pods: Json[] = (await this.#server.client.get("/api/v1/pods")).items;
    const names = new Set(pods.map(({ metadata }) => `${metadata.name}.${metadata.namespace}`));
    return proxies
      .filter(({ proxy }) => names.has(proxy))
      .filter(({ resources = {} }) =>
        (Object.values(resources) as Json[]).some(
          ({ sent, acked, lastError }) => sent !== acked && !lastError,
        ),
      )
      .map((one) => JSON.stringify(one));
  }

  async #debugAccess(): Promise<{ url: string; token: string }> {
    const { client } = this.#server;
    const pods: Json[] = (await client.get(`${NAMESPACE}/pods?labelSelector=app%3Distiod`)).items;
    const running = pods.find(({ status }) => status.podIP !== undefined);
    const { status } = await client.create(`${NAMESPACE}/serviceaccounts/istiod/token`, {
      spec: { audiences: [AUDIENCE] },
    });
    return { url: `http://${running!.status.podIP}:${DEBUG_PORT}`, token: status.token };
  }
}
