// envoy-local.yaml as an object, and copies of it on other ports, with another module or plugin
// configuration: the file stays the only place that says what the local Envoy does.
//
// Only the fields that are read or replaced here have types; the rest is Envoy's bootstrap,
// https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/bootstrap/v3/bootstrap.proto.

import { readFileSync } from "node:fs";
import { isAbsolute } from "node:path";
import { parse } from "yaml";
import { fromRoot } from "./repository.ts";

/** Any object of a configuration. */
export type Json = { [key: string]: any };

/** Where something listens or is listened for. */
export interface Endpoint {
  name: string;
  host: string;
  port: number;
}

/** What to replace; what is not named stays as it is. */
export interface LocalChanges {
  /** Port by name of the listener. */
  listeners?: Record<string, number>;
  /** Port by name of the cluster, for all of its endpoints. */
  clusters?: Record<string, number>;
  /** Port of the admin interface. */
  admin?: number;
  /** Path of the module for every Wasm plugin. */
  wasm?: string;
  /** Configuration for every Wasm plugin: an object for JSON, or a string as it is. */
  pluginConfig?: object | string;
}

/** The configuration that `npm start` boots. */
export const LOCAL_CONFIG = fromRoot("envoy-local.yaml");

/** A configuration file (YAML or JSON) as an object. */
export function readConfig(file: string = LOCAL_CONFIG): Json {
  // By way of JSON, so that what YAML aliases share is shared no longer and can be changed alone.
  return JSON.parse(JSON.stringify(parse(readFileSync(file, "utf8"), { merge: true })));
}

/** A copy of envoy-local.yaml with changes. Throws where a name in them is not in the file. */
export function localConfig(changes: LocalChanges = {}, file: string = LOCAL_CONFIG): Json {
  const config = readConfig(file);
  for (const [name, port] of Object.entries(changes.listeners ?? {})) {
    socketAddress(named(listenersOf(config), name, "listener")).port_value = port;
  }
  for (const [name, port] of Object.entries(changes.clusters ?? {})) {
    const cluster = named(clustersOf(config), name, "cluster");
    for (const address of clusterAddresses(cluster)) address.port_value = port;
  }
  if (changes.admin !== undefined) socketAddress(config.admin).port_value = changes.admin;
  for (const plugin of wasmPlugins(config)) {
    if (changes.wasm !== undefined) plugin.vm_config.code.local.filename = changes.wasm;
    if (changes.pluginConfig !== undefined) setPluginConfig(plugin, changes.pluginConfig);
  }
  return config;
}

/** The listeners that have a TCP address, in the file's order. */
export function listenerEndpoints(config: Json): Endpoint[] {
  return listenersOf(config)
    .filter((listener) => listener.address?.socket_address !== undefined)
    .map((listener) => endpoint(listener.name, socketAddress(listener)));
}

/** All endpoints of a cluster, each under the cluster's name. */
export function clusterEndpoints(cluster: Json): Endpoint[] {
  return clusterAddresses(cluster).map((address) => endpoint(cluster.name, address));
}

/** The first endpoint of a cluster. Throws where there is no such cluster. */
export function clusterEndpoint(config: Json, name: string): Endpoint {
  const [address] = clusterAddresses(named(clustersOf(config), name, "cluster"));
  if (address === undefined) throw new Error(`the cluster ${name} has no endpoint`);
  return endpoint(name, address);
}

/** The admin interface. */
export function adminEndpoint(config: Json): Endpoint {
  return endpoint("admin", socketAddress(config.admin));
}

/** A port on 127.0.0.1, for the next two. */
export function local(port: number): Omit<Endpoint, "name"> {
  return { host: "127.0.0.1", port };
}

/** Moves a listener or the admin interface to another address. */
export function moveTo(owner: Json, { host, port }: Omit<Endpoint, "name">): void {
  Object.assign(socketAddress(owner), { address: host, port_value: port });
}

/** Moves a cluster's endpoints, each to its own address. Throws where there are more or fewer. */
export function moveEndpoints(cluster: Json, to: Omit<Endpoint, "name">[]): void {
  const addresses = clusterAddresses(cluster);
  if (addresses.length !== to.length) {
    throw new Error(`${cluster.name} has ${addresses.length} endpoints, not ${to.length}`);
  }
  to.forEach(({ host, port }, i) => {
    Object.assign(addresses[i]!, { address: host, port_value: port });
  });
}

/** Absolute paths of the modules that the configuration names; relative ones are from our root. */
export function wasmFiles(config: Json): string[] {
  const files = wasmPlugins(config).map((plugin) => plugin.vm_config.code.local.filename as string);
  return [...new Set(files)].map((file) => (isAbsolute(file) ? file : fromRoot(file)));
}

/** Every Wasm plugin's `config` (`envoy.extensions.wasm.v3.PluginConfig`), wherever it stands. */
export function wasmPlugins(value: unknown): Json[] {
  if (typeof value !== "object" || value === null) return [];
  const inner = Object.values(value).flatMap(wasmPlugins);
  return "vm_config" in value ? [value as Json, ...inner] : inner;
}

/** All network filters of the static listeners. */
export function networkFilters(config: Json): Json[] {
  const chains: Json[] = listenersOf(config).flatMap((listener) => listener.filter_chains ?? []);
  return chains.flatMap((chain) => chain.filters ?? []);
}

/** Gives a Wasm plugin its configuration: an object as JSON, or a string as it is. */
export function setPluginConfig(plugin: Json, pluginConfig: object | string): void {
  plugin.configuration = {
    "@type": "type.googleapis.com/google.protobuf.StringValue",
    value: typeof pluginConfig === "string" ? pluginConfig : JSON.stringify(pluginConfig),
  };
}

/** The listener or cluster of that name. Throws where there is none. */
export function named(all: Json[], name: string, what: string): Json {
  const found = all.find((one) => one.name === name);
  if (found !== undefined) return found;
  throw new Error(`no ${what} ${name}, only ${all.map((one) => one.name).join(", ")}`);
}

/** The static listeners. */
export function listenersOf(config: Json): Json[] {
  return config.static_resources?.listeners ?? [];
}

/** The static clusters. */
export function clustersOf(config: Json): Json[] {
  return config.static_resources?.clusters ?? [];
}

/** Adds a cluster of one endpoint on this machine. */
export function addCluster(config: Json, name: string, port: number): void {
  const address = { socket_address: { address: "127.0.0.1", port_value: port } };
  const endpoints = [{ lb_endpoints: [{ endpoint: { address } }] }];
  clustersOf(config).push({
    name,
    type: "STATIC",
    connect_timeout: "1s",
    load_assignment: { cluster_name: name, endpoints },
  });
}

function clusterAddresses(cluster: Json): Json[] {
  const localities: Json[] = cluster.load_assignment?.endpoints ?? [];
  const endpoints: Json[] = localities.flatMap((locality) => locality.lb_endpoints ?? []);
  return endpoints.map((one) => socketAddress(one.endpoint));
}

function socketAddress(owner: Json | undefined): Json {
  const address: Json | undefined = owner?.address?.socket_address;
  if (address === undefined) throw new Error(`no TCP address in ${JSON.stringify(owner)}`);
  return address;
}

function endpoint(name: string, address: Json): Endpoint {
  return { name, host: address.address, port: address.port_value };
}
