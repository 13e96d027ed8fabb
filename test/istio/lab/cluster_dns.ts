// The cluster's DNS: Services by their whole names, as the API server has them.

import type { Socket } from "node:dgram";
import type { Json } from "../../../harness/envoy_config.ts";
import type { Watch } from "../../kubernetes/api.ts";
import type { ApiServer } from "../../kubernetes/api_server.ts";
import { serveDns, type DnsRecord } from "./dns.ts";
import { HOST } from "./network.ts";

const SERVICES = "/api/v1/services";
const SLICES = "/apis/discovery.k8s.io/v1/endpointslices";
const OF_SERVICE = "kubernetes.io/service-name";
const DOMAIN = "svc.cluster.local";

/** Answers Pods' questions until it is closed. */
export class ClusterDns {
  readonly #services = new Map<string, Json>();
  readonly #slices = new Map<string, Json>();
  #watches: Watch[] = [];
  #socket: Socket | undefined;

  /** Starts it on the lab's network. */
  static async start({ client }: ApiServer): Promise<ClusterDns> {
    const dns = new ClusterDns();
    dns.#watches = [
      client.watch(SERVICES, (type, object) => keep(dns.#services, type, object)),
      client.watch(SLICES, (type, object) => keep(dns.#slices, type, object)),
    ];
    // One that ends too early shows in the names that are not found.
    for (const { done } of dns.#watches) done.catch(() => {});
    dns.#socket = await serveDns(HOST, (name) => dns.#lookup(name));
    return dns;
  }

  /** Ends it. */
  close(): void {
    this.#socket?.close();
    for (const watch of this.#watches) watch.end();
  }

  #lookup(whole: string): DnsRecord | undefined {
    if (!whole.endsWith(`.${DOMAIN}`)) return undefined;
    const [name, namespace, ...more] = whole.slice(0, -DOMAIN.length - 1).split(".");
    const service = this.#services.get(`${namespace}/${name}`);
    if (service === undefined || more.length > 0) return undefined;
    const { type, externalName, clusterIP } = service.spec;
    if (type === "ExternalName") return { alias: externalName };
    if (clusterIP !== "None") return { addresses: [clusterIP] };
    return { addresses: this.#endpoints(namespace!, name!) };
  }

  /** Addresses of the Pods behind a Service without an address of its own. */
  #endpoints(namespace: string, name: string): string[] {
    const slices = [...this.#slices.values()].filter(
      ({ metadata }) => metadata.namespace === namespace && metadata.labels?.[OF_SERVICE] === name,
    );
    return slices.flatMap(({ endpoints }) =>
      ((endpoints ?? []) as Json[])
        .filter(({ conditions }) => conditions?.ready !== false)
        .map(({ addresses }) => addresses[0] as string),
    );
  }
}

function keep(objects: Map<string, Json>, type: string, object: Json): void {
  const key = `${object.metadata.namespace}/${object.metadata.name}`;
  if (type === "DELETED") objects.delete(key);
  else objects.set(key, object);
}

/** /etc/resolv.conf in the Pods of a namespace. */
export function resolverFile(namespace: string): string {
  const search = `${namespace}.${DOMAIN} ${DOMAIN} cluster.local`;
  return `search ${search}\nnameserver ${HOST}\noptions ndots:5\n`;
}
