// What Envoy is told of each service of Dubbo's protocol, as resources of its discovery services:
//
//   CDS   a cluster, named by Dubbo's service key: group/interface:version
//   EDS   its instances: weight, metadata of envoy.lb, DRAINING where one asks for no new calls
//   DRDS  one route table for dubbo_proxy: interface, version, group → cluster, tag → part of the cluster
//
// Formats: envoy.config.cluster.v3, envoy.config.endpoint.v3, envoy.extensions.filters.network.dubbo_proxy.v3.

import { guarded, PASS_PROVIDER } from "./guard.ts";
import { warmsUpAt, weightAt, type Instance } from "./instance.ts";
import { serviceParts } from "./service_key.ts";

const PREFIX = "type.googleapis.com/";
export const CLUSTER = `${PREFIX}envoy.config.cluster.v3.Cluster`;
export const ENDPOINTS = `${PREFIX}envoy.config.endpoint.v3.ClusterLoadAssignment`;
export const ROUTES = `${PREFIX}envoy.extensions.filters.network.dubbo_proxy.v3.MultipleRouteConfiguration`;

/** A resource with its type under "@type", as protobufjs makes an Any of it. */
export type Resource = Record<string, unknown>;

/** How Envoy is told of services. */
export interface EnvoyOptions {
  /** The name under which dubbo_proxy asks for its routes (drds.route_config_name). */
  routeConfig: string;
  /** The name of the listener inside Envoy that leads through the guard to a provider; "" for none. */
  guard: string;
}

/** Resources of one type by name. */
export type Resources = Map<string, Resource>;

/** dubbo_proxy delivers no answer that is longer than this; Dubbo's own limit is 8 MiB. */
const ANSWER_BYTES = 8 * 1024 * 1024 + 64 * 1024;
const CONNECT_TIMEOUT = { seconds: 1 };
/** The only protocol that dubbo_proxy speaks. */
const PROTOCOL = "dubbo";
const ANY_METHOD = { method: { name: { safe_regex: { regex: ".*" } } } };
/** The attachment by which a call asks for providers of a tag (CommonConstants.TAG_KEY). */
const TAG_KEY = "dubbo.tag";
/**
 * A call with a tag goes to the providers of that tag, or where there are none to those without a tag; a call
 * without a tag goes to those without (TagStateRouter). Every cluster has it: what came with a cluster's first
 * tag would make Envoy build the cluster anew.
 */
const BY_TAG = {
  fallback_policy: "DEFAULT_SUBSET",
  default_subset: structOf({ tag: "" }),
  subset_selectors: [{ keys: ["tag"] }],
};

/**
 * All resources by type.
 *
 * @param services instances by service key
 * @param now in ms since 1970, for those that warm up
 */
export function envoyResources(
  services: Map<string, Instance[]>,
  options: EnvoyOptions,
  now: number,
): Map<string, Resources> {
  const clusters: Resources = new Map();
  const endpoints: Resources = new Map();
  const routes: Resource[] = [];
  for (const [key, instances] of services) {
    if (!isServed(instances)) continue;
    clusters.set(key, cluster(key, options));
    endpoints.set(key, loadAssignment(key, instances, options, now));
    routes.push(routeConfiguration(key, instances));
  }
  const table = {
    "@type": ROUTES,
    name: options.routeConfig,
    route_config: routes.sort(bySpecificity),
  };
  return new Map([
    [CLUSTER, clusters],
    [ENDPOINTS, endpoints],
    [ROUTES, new Map([[options.routeConfig, table]])],
  ]);
}

function cluster(name: string, { guard }: EnvoyOptions): Resource {
  return {
    "@type": CLUSTER,
    name,
    type: "EDS",
    eds_cluster_config: { eds_config: { ads: {}, resource_api_version: "V3" } },
    connect_timeout: CONNECT_TIMEOUT,
    // Envoy calls all of a cluster's endpoints where too few are healthy; one that asks for no calls is
    // to get none even so.
    // And it waits a second for more changes of weights and health before it heeds the first.
    common_lb_config: {
      healthy_panic_threshold: { value: 0 },
      update_merge_window: { seconds: 0 },
    },
    lb_subset_config: BY_TAG,
    per_connection_buffer_limit_bytes: { value: ANSWER_BYTES },
    ...(guard === "" ? {} : PASS_PROVIDER),
  };
}

/** Whether a service is dubbo_proxy's: one that only other protocols serve is not. */
export function isServed(instances: Instance[]): boolean {
  return instances.length === 0 || instances.some(({ protocol }) => protocol === PROTOCOL);
}

/** The endpoints of a cluster; see `envoyResources`. */
export function endpointsOf(instances: Instance[], now: number): Endpoint[] {
  return instances.filter(({ protocol }) => protocol === PROTOCOL).map((one) => endpoint(one, now));
}

// Of many services a change is one of few: an array that was seen makes what it made before, unless its
// weights grow.
const assignments = new WeakMap<Instance[], Resource>();

function loadAssignment(
  name: string,
  instances: Instance[],
  { guard }: EnvoyOptions,
  now: number,
): Resource {
  const known = assignments.get(instances);
  if (known !== undefined) return known;
  const direct = endpointsOf(instances, now);
  const lb_endpoints = guard === "" ? direct : direct.map((one) => guarded(one, guard));
  const one = { "@type": ENDPOINTS, cluster_name: name, endpoints: [{ lb_endpoints }] };
  if (!instances.some((its) => warmsUpAt(its, now))) assignments.set(instances, one);
  return one;
}

/** An endpoint at a provider's own address. */
export type Endpoint = ReturnType<typeof endpoint>;

function endpoint(one: Instance, now: number) {
  const weight = weightAt(one, now);
  const { address, port: port_value } = one;
  return {
    endpoint: { address: { socket_address: { address, port_value } } },
    // Envoy knows no weight of 0; what asks for no calls gets none, and keeps those that it has.
    health_status: one.disabled || weight === 0 ? "DRAINING" : "UNKNOWN",
    load_balancing_weight: { value: Math.max(weight, 1) },
    metadata: { filter_metadata: { "envoy.lb": metadata(one) } },
  };
}

// What is not there is left out, but for the tag: to have none is to be of the subset "".
function metadata(one: Instance) {
  const { application, group, tag, version, zone } = one;
  const set = Object.entries({ application, group, version, zone }).filter(
    ([, value]) => value !== "",
  );
  return structOf({ ...Object.fromEntries(set), tag });
}

// protobufjs has google.protobuf.Struct built in, with names in camel case whatever the loader is told.
function structOf(texts: Record<string, string>) {
  const fields = Object.entries(texts).map(([key, stringValue]) => [key, { stringValue }]);
  return { fields: Object.fromEntries(fields) as Record<string, { stringValue: string }> };
}

function routeConfiguration(key: string, instances: Instance[]): RouteConfiguration {
  const tags = new Set(instances.map(({ tag }) => tag).filter((tag) => tag !== ""));
  const routes: Resource[] = [...tags].sort().map((tag) => ({
    match: { ...ANY_METHOD, headers: [{ name: TAG_KEY, string_match: { exact: tag } }] },
    route: { cluster: key, metadata_match: { filter_metadata: { "envoy.lb": structOf({ tag }) } } },
  }));
  routes.push({ match: ANY_METHOD, route: { cluster: key } });
  return { name: key, ...serviceParts(key), routes };
}

type RouteConfiguration = Resource & { name: string; group: string; version: string };

// dubbo_proxy takes the first table that fits, and one without group or version fits any.
function bySpecificity(a: Resource, b: Resource): number {
  const known = (one: Resource) => Number(one.group !== "") + Number(one.version !== "");
  return known(b) - known(a) || ((a.name as string) < (b.name as string) ? -1 : 1);
}
