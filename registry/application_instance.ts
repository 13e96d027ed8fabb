// What a provider registers at application level, as JSON, to what is known of it and to instances:
//
//   {"address": "192.0.2.1", "port": 20880, "payload": {"metadata": {
//     "dubbo.metadata.revision": "9ba3…", "dubbo.metadata.storage-type": "local",
//     "dubbo.endpoints": "[{\"port\":20880,\"protocol\":\"dubbo\"}]", "timestamp": "1700000000000"}}}
//
// Which interfaces it serves is told elsewhere, once for each revision of an application: MetadataInfo,
//
//   {"services": {"blue/a.A:1.0.0:dubbo": {"name": "a.A", "group": "blue", "version": "1.0.0",
//     "protocol": "dubbo", "port": 20880, "params": {"weight": "200", …}}}}
//
// Keys as in Dubbo's ServiceInstanceMetadataUtils, MetadataInfo and Curator's ServiceInstance.

import type { Instance } from "./instance.ts";
import { instanceAt } from "./provider_url.ts";

/** One process of an application. */
export interface ApplicationInstance {
  application: string;
  address: string;
  /** The same revision of an application serves the same interfaces. */
  revision: string;
  /** Where its metadata is: with itself, or in the registry. */
  storage: "local" | "remote";
  /** Where the Dubbo protocol's metadata service listens, if it has one; `storage` is local. */
  metadataPort: number;
  /** Ports by protocol, where they are told. */
  ports: Map<string, number>;
  /** What holds for all of its interfaces, e.g. timestamp. */
  metadata: Record<string, string>;
}

/** One interface that a revision serves. */
export interface ServiceInfo {
  name: string;
  group: string;
  version: string;
  protocol: string;
  port: number;
  params: Record<string, string>;
}

/** Of an instance's metadata, what a provider's URL has under the same name. */
const SHARED = ["timestamp", "weight", "warmup", "dubbo.tag", "zone"];

/**
 * The instance that a node's text tells of. Undefined where it is none of Dubbo's: Spring Cloud's
 * applications stand in the same place.
 *
 * @throws Error with what is wrong
 */
export function applicationInstance(
  application: string,
  text: string,
): ApplicationInstance | undefined {
  const node = object(parse(text));
  const metadata = strings(object(object(node.payload).metadata));
  const revision = metadata["dubbo.metadata.revision"];
  // 0 is the revision of an application that serves nothing.
  if (revision === undefined || revision === "0") return undefined;
  // MD5 by Dubbo Java, SHA-512 by dubbo-go.
  if (!/^[\w.-]{1,128}$/.test(revision)) throw new Error("its revision is none");
  const ports = new Map<string, number>();
  const endpoints = parse(metadata["dubbo.endpoints"] ?? "[]");
  for (const one of Array.isArray(endpoints) ? endpoints : []) {
    const { port, protocol } = object(one);
    if (typeof protocol === "string" && typeof port === "number") ports.set(protocol, port);
  }
  const service = strings(object(parse(metadata["dubbo.metadata-service.url-params"] ?? "{}")));
  const isDubbo = (service.protocol ?? "dubbo") === "dubbo";
  return {
    application,
    address: typeof node.address === "string" ? node.address : "",
    revision,
    storage: metadata["dubbo.metadata.storage-type"] === "remote" ? "remote" : "local",
    metadataPort: isDubbo ? Number(service.port ?? node.port) : 0,
    ports,
    metadata,
  };
}

/**
 * MetadataInfo's services, from JSON in the registry or from an answer of a provider's.
 *
 * @throws Error where it is no MetadataInfo
 */
export function serviceInfos(info: unknown): ServiceInfo[] {
  const { services } = object(info);
  if (typeof services !== "object" || services === null) throw new Error("it has no services");
  const all = services instanceof Map ? [...services.values()] : Object.values(services);
  return all.map((one) => {
    const { name, group, version, protocol, port, params } = object(one);
    return {
      name: text(name),
      group: text(group),
      version: text(version),
      protocol: text(protocol),
      port: Number(port),
      params: strings(params instanceof Map ? Object.fromEntries(params) : object(params)),
    };
  });
}

/**
 * Its instances, one for each interface.
 *
 * @param leftOut is told why one is left out
 */
export function instancesOf(
  one: ApplicationInstance,
  services: ServiceInfo[],
  leftOut: (why: string) => void,
): Instance[] {
  const instances: Instance[] = [];
  for (const service of services) {
    const port = one.ports.get(service.protocol) ?? service.port;
    const host = one.address.includes(":") ? `[${one.address}]` : one.address;
    try {
      const url = new URL(`${service.protocol}://${host}:${port}/${service.name}`);
      const shared = SHARED.filter((key) => key in one.metadata);
      for (const key of shared) url.searchParams.set(key, one.metadata[key]!);
      for (const [key, value] of Object.entries(service.params)) url.searchParams.set(key, value);
      url.searchParams.set("interface", service.name);
      url.searchParams.set("group", service.group);
      url.searchParams.set("version", service.version);
      url.searchParams.set("application", one.application);
      const instance = instanceAt(url);
      if (instance !== undefined) instances.push(instance);
    } catch (error) {
      leftOut((error as Error).message);
    }
  }
  return instances;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Error("it is no JSON");
  }
}

function object(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}

function strings(all: Record<string, unknown>): Record<string, string> {
  const texts = Object.entries(all).filter(([, value]) => typeof value === "string");
  return Object.fromEntries(texts) as Record<string, string>;
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}
