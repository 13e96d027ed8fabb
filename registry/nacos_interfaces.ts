// What Dubbo's providers register in Nacos at interface level:
//
//   service   providers:<interface>:<version>:<group>     empty parts stay: providers:a.A::
//   instance  address, port, and as metadata the parameters of the provider's URL with protocol and path
//
// As in Dubbo's NacosServiceName and NacosRegistry.createInstance.

import { INTERFACE_LEVEL, type Directory } from "./directory.ts";
import type { Instance } from "./instance.ts";
import type { Host, Told } from "./nacos_services.ts";
import { weighed } from "./nacos_weight.ts";
import { instanceAt } from "./provider_url.ts";

const CATEGORY = "providers";

/** Takes the services of one Nacos. */
export class NacosInterfaces {
  readonly #directory: Directory;
  readonly #place: string;
  readonly #log: (line: string) => void;
  /** How many instances of each service are none of Dubbo's. */
  readonly #unreadable = new Map<string, number>();

  /** @param place the registry's name, for the directory's places */
  constructor(directory: Directory, place: string, log: (line: string) => void) {
    this.#directory = directory;
    this.#place = place;
    this.#log = log;
  }

  /** Instances that are none of Dubbo's, as told last. */
  get unreadable(): number {
    return [...this.#unreadable.values()].reduce((sum, count) => sum + count, 0);
  }

  /** What takes the instances of a service; undefined for one that is none of these. */
  wanted(service: string): Told | undefined {
    const [category, name] = service.split(":");
    if (category !== CATEGORY || name === undefined) return undefined;
    return (hosts) => this.#take(service, hosts);
  }

  #take(service: string, hosts: Host[]): void {
    const instances: Instance[] = [];
    let unreadable = 0;
    for (const host of hosts) {
      try {
        const one = instanceOfHost(service, host);
        if (one !== undefined) instances.push(one);
      } catch (error) {
        unreadable++;
        this.#log(`${service}: a provider is left out: ${(error as Error).message}`);
      }
    }
    this.#unreadable.set(service, unreadable);
    this.#directory.set(`${this.#place} service ${service}`, instances, INTERFACE_LEVEL);
  }
}

/**
 * The instance that Nacos tells of. Undefined for one with enabled=false, which nobody calls.
 *
 * @throws Error with what is wrong, where it is none of Dubbo's
 */
export function instanceOfHost(service: string, host: Host): Instance | undefined {
  const [, name = "", version = "", group = ""] = service.split(":");
  const { protocol = "dubbo", path = name, ...parameters } = host.metadata;
  const address = host.ip.includes(":") ? `[${host.ip}]` : host.ip;
  const text = `${protocol}://${address}:${host.port}/${path}`;
  if (!URL.canParse(text)) throw new Error("it is no URL");
  const url = new URL(text);
  const all = { interface: name, version, group, ...parameters };
  for (const [key, value] of Object.entries(all)) url.searchParams.set(key, String(value));
  const one = instanceAt(url);
  return one && weighed(one, host);
}
