// Which interfaces a revision of an application serves: from the registry, or by asking a provider.
//
//   remote   JSON, where the registry keeps it
//   local    org.apache.dubbo.metadata.MetadataService:1.0.0, group <application>, of the instance itself
//
// A revision never changes, so each is learnt once, whichever instance tells it.

import { setTimeout as sleep } from "node:timers/promises";
import { DubboClient } from "../demo/dubbo/client.ts";
import {
  serviceInfos,
  type ApplicationInstance,
  type ServiceInfo,
} from "./application_instance.ts";

const SERVICE = "org.apache.dubbo.metadata.MetadataService";
const SERVICE_VERSION = "1.0.0";
/** A provider that does not answer in this time is asked again, after so long, then twice as long… */
const ANSWER_MS = 3000;
const RETRY_MS = 1000;
const LONGEST_RETRY_MS = 30_000;
/** Of applications with many releases the oldest are forgotten, and learnt anew when they are asked for. */
const MAX_REVISIONS = 10_000;

/** All revisions of one registry. */
export class ApplicationMetadata {
  readonly #read: (one: ApplicationInstance) => Promise<string>;
  readonly #known = new Map<string, ServiceInfo[]>();
  readonly #asked = new Map<string, Promise<ServiceInfo[]>>();

  /** @param read what the registry has of a revision, as JSON; rejects where it has nothing */
  constructor(read: (one: ApplicationInstance) => Promise<string>) {
    this.#read = read;
  }

  /**
   * What an instance serves, once that is known; undefined once nobody needs it.
   *
   * @param needed whether it is still to be asked for
   * @param failed is told of each failure
   */
  async services(
    one: ApplicationInstance,
    needed: () => boolean,
    failed: (why: string) => void,
  ): Promise<ServiceInfo[] | undefined> {
    const key = `${one.application} ${one.revision}`;
    for (let wait = RETRY_MS; needed(); wait = Math.min(2 * wait, LONGEST_RETRY_MS)) {
      const known = this.#known.get(key);
      if (known !== undefined) return known;
      // One at a time asks; where it fails, the next asks its own instance.
      const other = this.#asked.get(key);
      if (other !== undefined) {
        await other.catch(() => {});
        continue;
      }
      const asked = one.storage === "remote" ? this.#remote(one) : ask(one);
      this.#asked.set(key, asked);
      try {
        this.#learn(key, await asked);
        this.#asked.delete(key);
      } catch (error) {
        this.#asked.delete(key);
        failed((error as Error).message);
        await sleep(wait, undefined, { ref: false });
      }
    }
    return undefined;
  }

  #learn(key: string, services: ServiceInfo[]): void {
    if (this.#known.size >= MAX_REVISIONS) this.#known.delete(this.#known.keys().next().value!);
    this.#known.set(key, services);
  }

  async #remote(one: ApplicationInstance): Promise<ServiceInfo[]> {
    return serviceInfos(JSON.parse(await this.#read(one)));
  }
}

async function ask(one: ApplicationInstance): Promise<ServiceInfo[]> {
  if (!(one.metadataPort > 0 && one.metadataPort < 65_536)) {
    throw new Error("its metadata service speaks no Dubbo protocol; metadata-type=remote is read");
  }
  const client = new DubboClient({
    host: one.address,
    port: one.metadataPort,
    timeoutMs: ANSWER_MS,
    connectTimeoutMs: ANSWER_MS,
    application: "dubbo-registry",
  });
  try {
    const info = await client.call({
      interface: SERVICE,
      serviceVersion: SERVICE_VERSION,
      method: "getMetadataInfo",
      descriptor: "Ljava/lang/String;",
      args: [one.revision],
      attachments: { group: one.application },
    });
    return serviceInfos(info);
  } finally {
    client.close();
  }
}
