// The chains of filters that are compared, each as an Envoy configuration with one listener.
//
// Everything comes from envoy-local.yaml (admin interface, stats_tags, the plugin with its list of
// capabilities, the cluster); only what stands in the chain is written here.

import {
  clustersOf,
  listenersOf,
  localConfig,
  named,
  setPluginConfig,
  wasmPlugins,
  type Json,
} from "../harness/envoy_config.ts";
import { terminalFilter, type Terminal } from "../harness/terminal_filter.ts";
import { nativeFilter, statsLogger } from "./others.ts";
import { START_PREFIX, startFilters } from "./start_chain.ts";

/** How a run's counters in Envoy must have grown: a regex for their names, and by what. */
export interface Counter {
  names: string;
  growth: "calls" | "connections" | "requestBytes" | "responseBytes" | "nothing";
}

/** One chain. */
export interface Variant {
  name: string;
  title: string;
  filters: Json[];
  counters: Counter[];
  /** Measured only where it is named. */
  isExtra?: boolean;
  /** Whether it sends spans or records, so that there must be a collector. */
  tells?: boolean;
  /** How the guard stands between the last filter and the providers; undefined: not at all. */
  guard?: Guard;
}

/** The guard of envoy-local.yaml, and what of it differs. */
interface Guard {
  module: string;
  /** Clusters that are dialled by way of it. */
  providers: string[];
  /** Each call gets a connection of its own to the provider. */
  isDialledForEachCall: boolean;
}

/** Paths of modules. */
export interface Modules {
  ours: string;
  noop: string;
  floor: string;
  /** The dynamic module that counts; undefined where there is none for this Envoy. */
  native: string | undefined;
  /** Whether Envoy has the access logger of statistics. */
  hasLogger: boolean;
  /** Another build of ours to compare with. */
  base?: string;
}

/** `stat_prefix` of every filter. */
const PREFIX = "bench";
const CLUSTER = "user-provider";
const COLLECTOR = "collector";
/** The clusters that the chain of `npm start` calls. */
const PROVIDERS = [CLUSTER, "user-provider-v2", "order-provider"];
/** The listener and the cluster of envoy-local.yaml by way of which a cluster is dialled. */
const guarded = (cluster: string): string => `guard-${cluster}`;

const TCP_COUNTERS: Counter[] = [
  { names: `tcp\\.${PREFIX}\\.downstream_cx_total`, growth: "connections" },
  { names: `tcp\\.${PREFIX}\\.downstream_cx_rx_bytes_total`, growth: "requestBytes" },
  { names: `tcp\\.${PREFIX}\\.downstream_cx_tx_bytes_total`, growth: "responseBytes" },
];
const dubboCounters = (prefix: string): Counter[] => [
  { names: `dubbo\\.${prefix}\\.request_twoway`, growth: "calls" },
  { names: `dubbo\\.${prefix}\\.response_success`, growth: "calls" },
  { names: `dubbo\\.${prefix}\\.(local_response|response_error).*`, growth: "nothing" },
];
const DUBBO_COUNTERS = dubboCounters(PREFIX);
const GENERIC_COUNTERS: Counter[] = [
  { names: `generic_proxy\\.${PREFIX}\\.downstream_rq_total`, growth: "calls" },
  { names: `generic_proxy\\.${PREFIX}\\.downstream_rq_(error|reset).*`, growth: "nothing" },
];
/** The access logger of statistics writes its tags into the names. */
const BY_LOGGER: Counter[] = [
  ...GENERIC_COUNTERS,
  { names: `${PREFIX}\\.calls\\..*\\.code\\.20`, growth: "calls" },
];
/** bench/native/count.c's. */
const BY_NATIVE: Counter[] = [
  ...TCP_COUNTERS,
  { names: ".*native_calls_\\d+", growth: "calls" },
  { names: ".*native_answers", growth: "calls" },
  { names: ".*native_request_bytes", growth: "requestBytes" },
  { names: ".*native_response_bytes", growth: "responseBytes" },
  { names: ".*native_connections", growth: "connections" },
  { names: ".*native_(errors|unmatched)", growth: "nothing" },
];
const OUR_COUNTERS: Counter[] = [
  { names: ".*dubbo_requests_total", growth: "calls" },
  { names: ".*dubbo_outcome=\\.=success;\\.;dubbo_responses_total", growth: "calls" },
  { names: ".*dubbo_response_bytes_total", growth: "responseBytes" },
  { names: ".*dubbo_request_bytes_total", growth: "requestBytes" },
  { names: ".*dubbo_connections_total", growth: "connections" },
  {
    names:
      ".*dubbo_(unanswered_requests|untracked_requests|unmatched_responses|decode_errors" +
      "|passthrough_connections|unrewritten_requests|refused_connections|telemetry_dropped)_total",
    growth: "nothing",
  },
];
const REFUSES_NONE: Counter = { names: ".*dubbo_refused_requests_total", growth: "nothing" };
const ROUTED: Counter = { names: ".*dubbo_routed_requests_total", growth: "calls" };

/** Ten rules of which the last is taken: its conditions are tried after those of nine others. */
const TEN_RULES = rules(10);
/** Puts one attachment into each request. */
export const REWRITE = {
  rules: [{ name: "all", attachments: { set: [{ name: "dubbo-route", value: "v2" }] } }],
};

/** A policy that no call meets: each request is held until its last attachment was read. */
const UNMET = {
  policies: [
    { name: "no-writes", match: { method: { exact: "SetUser" } }, authorize: "deny" },
    {
      name: "no-orders",
      match: { interface: { exact: "com.k8s.Order.OrderProvider" } },
      authorize: "deny",
    },
  ],
};
/** Envoy's own, by address: it cannot look into calls. */
const RBAC: Json = {
  name: "envoy.filters.network.rbac",
  typed_config: {
    "@type": "type.googleapis.com/envoy.extensions.filters.network.rbac.v3.RBAC",
    stat_prefix: PREFIX,
    enforcement_type: "CONTINUOUS",
    rules: {
      action: "DENY",
      policies: {
        "no-strangers": {
          permissions: [{ any: true }],
          principals: [{ direct_remote_ip: { address_prefix: "10.255.0.0", prefix_len: 16 } }],
        },
      },
    },
  },
};

/** Sent while a load goes on, and with room for all that it makes: the default's queue is too short for a million calls a second. */
const OTLP = { cluster: COLLECTOR, interval_ms: 100, max_queue_bytes: 67_108_864 };
/** A span of each hundredth call; no caller has begun a trace. */
export const SPANS = { otlp: OTLP, spans: { sample: { percentage: 1 } } };
/** A record of each call that fails, of which there are none. */
const ERRORS = { otlp: OTLP, log: { when: { outcomes: ["error", "exception", "unanswered"] } } };

/** So many rules on interface, method and version; every request takes the last. */
export function rules(count: number): { rules: object[] } {
  const misses = Array.from({ length: count - 1 }, (_, i) => ({
    name: `rule-${i}`,
    match: { interface: { exact: `com.k8s.User.Miss${i}` }, method: { prefix: "Get" } },
  }));
  const last = {
    name: "last",
    match: { interface: { prefix: "com.k8s." }, method: { prefix: "Get" } },
  };
  return { rules: [...misses, last] };
}

const NOOP = "a Wasm filter that does nothing";
const FLOOR = "a fetch of bytes and time";
const NATIVE = "+ native code that counts";
const GENERIC = "generic_proxy with the Dubbo codec";
const LOGGED = "generic_proxy + the stats logger";

/** All chains in the order of the table. */
export function variants(modules: Modules): Variant[] {
  const overTcp = (name: string, title: string, ...before: Json[]) =>
    chain(name, title, [...before, ends("tcp_proxy")], TCP_COUNTERS);
  const overDubbo = (name: string, title: string, ...before: Json[]) =>
    chain(name, title, [...before, ends("dubbo_proxy")], DUBBO_COUNTERS);
  const overGuard = (name: string, title: string, isDialledForEachCall: boolean): Variant => ({
    ...overDubbo(name, `dubbo_proxy + ${title}`),
    filters: [ends("dubbo_proxy", guarded(CLUSTER))],
    guard: { module: modules.ours, providers: [CLUSTER], isDialledForEachCall },
  });
  const noop = wasm(modules.noop, "noop");
  const floor = wasm(modules.floor, "floor");
  const [counting, ruled, beforeDubbo, rewriting, ...telling] = ourVariants(modules.ours, "");
  const logged = chain("generic_logger", LOGGED, [ends("generic_proxy")], BY_LOGGER);
  logged.filters[0]!.typed_config.access_log = [statsLogger(PREFIX)];
  const all: Variant[] = [
    overTcp("tcp_proxy", "tcp_proxy alone"),
    overTcp("noop", `+ ${NOOP}`, noop),
    overTcp("floor", `+ ${FLOOR}`, floor),
    counting,
    ruled,
    ...(modules.native === undefined
      ? []
      : [chain("native", NATIVE, [nativeFilter(modules.native), ends("tcp_proxy")], BY_NATIVE)]),
    { ...overTcp("rbac", "+ Envoy's network RBAC filter", RBAC), isExtra: true },
    overDubbo("dubbo_proxy", "dubbo_proxy"),
    { ...overDubbo("noop_dubbo", `${NOOP} + dubbo_proxy`, noop), isExtra: true },
    overDubbo("floor_dubbo", `${FLOOR} + dubbo_proxy`, floor),
    beforeDubbo,
    rewriting,
    ...telling,
    overGuard("guard", "the guard", false),
    { ...overGuard("guard_once", "the guard, a connection per call", true), isExtra: true },
    startChain(modules.ours),
    chain("generic_proxy", GENERIC, [ends("generic_proxy")], GENERIC_COUNTERS),
    ...(modules.hasLogger ? [logged] : []),
  ];
  return modules.base === undefined ? all : [...all, ...ourVariants(modules.base, BASE)];
}

/** What the names of variants with the build that is compared with begin with. */
export const BASE = "base:";

function ourVariants(
  module: string,
  before: string,
): [Variant, Variant, Variant, Variant, ...Variant[]] {
  const name = before === "" ? "" : "(base) ";
  const with_ = (
    own: string,
    title: string,
    config: object,
    next: Json,
    counters: Counter[],
  ): Variant => {
    const filters = [wasm(module, "dubbo", config), next];
    return chain(before + own, name + title, filters, [...OUR_COUNTERS, ...counters]);
  };
  const telling = (own: string, title: string, telemetry: object): Variant => ({
    ...with_(own, title, { telemetry }, ends("tcp_proxy"), TCP_COUNTERS),
    isExtra: true,
    tells: true,
  });
  const labels = ["interface", "method", "version"];
  const rich = { metrics: { labels }, routing: TEN_RULES };
  return [
    with_("ours", "+ ours, counting", {}, ends("tcp_proxy"), TCP_COUNTERS),
    with_("rules", "+ ours, 3 labels and 10 rules", rich, ends("tcp_proxy"), [
      ...TCP_COUNTERS,
      ROUTED,
    ]),
    with_("ours_dubbo", "ours, counting + dubbo_proxy", {}, ends("dubbo_proxy"), DUBBO_COUNTERS),
    with_(
      "rewrite_dubbo",
      "ours, rewriting + dubbo_proxy",
      { routing: REWRITE },
      ends("dubbo_proxy"),
      [...DUBBO_COUNTERS, ROUTED],
    ),
    {
      ...with_("policies", "+ ours, policies that no call meets", UNMET, ends("tcp_proxy"), [
        ...TCP_COUNTERS,
        REFUSES_NONE,
      ]),
      isExtra: true,
    },
    telling("spans", "+ ours, counting and spans of 1 %", SPANS),
    telling("errors", "+ ours, counting and a log of errors", ERRORS),
  ];
}

/** What `npm start` runs. */
function startChain(module: string): Variant {
  const counters = [...OUR_COUNTERS, ...dubboCounters(START_PREFIX), ROUTED, REFUSES_NONE];
  return {
    ...chain("npm_start", "ours, rules + dubbo_proxy + the guard", startFilters(module), counters),
    guard: { module, providers: PROVIDERS, isDialledForEachCall: false },
  };
}

/** A Wasm filter with a configuration of its own before one of the terminal filters. */
export function wasmVariant(
  name: string,
  module: string,
  config: object,
  next: "tcp_proxy" | "dubbo_proxy",
): Variant {
  const counters = next === "tcp_proxy" ? TCP_COUNTERS : DUBBO_COUNTERS;
  return chain(name, name, [wasm(module, "dubbo", config), ends(next)], counters);
}

/** The same with our filter, whose counters are then looked at too. */
export function ourVariant(...args: Parameters<typeof wasmVariant>): Variant {
  const variant = wasmVariant(...args);
  return { ...variant, counters: [...variant.counters, ...OUR_COUNTERS] };
}

/** The bootstrap of a variant. */
export function variantConfig(
  variant: Variant,
  ports: { listener: number; provider: number; admin: number; collector: number },
): Json {
  const providers = variant.guard?.providers ?? [CLUSTER];
  const config = localConfig({
    listeners: { dubbo_tcp: ports.listener },
    clusters: Object.fromEntries(providers.map((name) => [name, ports.provider])),
    admin: ports.admin,
    ...(variant.guard === undefined ? {} : { wasm: variant.guard.module }),
  });
  const listener = named(listenersOf(config), "dubbo_tcp", "listener");
  listener.filter_chains[0].filters = variant.filters;
  const clusters = providers.map((name) => named(clustersOf(config), name, "cluster"));
  const listeners = [listener];
  if (variant.tells === true) {
    const collector = structuredClone(clusters[0]!);
    collector.name = collector.load_assignment.cluster_name = COLLECTOR;
    const [{ endpoint }] = collector.load_assignment.endpoints[0].lb_endpoints;
    endpoint.address.socket_address.port_value = ports.collector;
    clusters.push(collector);
  }
  for (const provider of variant.guard?.providers ?? []) {
    for (const part of [guarded(provider), `dial-${provider}`]) {
      listeners.push(named(listenersOf(config), part, "listener"));
      clusters.push(named(clustersOf(config), part, "cluster"));
    }
    if (variant.guard!.isDialledForEachCall) {
      named(clusters, guarded(provider), "cluster").max_requests_per_connection = 1;
    }
  }
  config.static_resources.listeners = listeners;
  config.static_resources.clusters = clusters;
  return config;
}

function chain(name: string, title: string, filters: Json[], counters: Counter[]): Variant {
  return { name, title, filters, counters };
}

/** The plugin of envoy-local.yaml with another module and configuration. */
function wasm(module: string, id: string, config: object = {}): Json {
  const listener = named(listenersOf(localConfig({ wasm: module })), "dubbo_tcp", "listener");
  const [filter]: Json[] = listener.filter_chains[0].filters;
  for (const plugin of wasmPlugins(filter)) {
    setPluginConfig(plugin, config);
    plugin.vm_config.vm_id = id;
  }
  return filter!;
}

function ends(name: Terminal, cluster: string = CLUSTER): Json {
  return terminalFilter(name, cluster, PREFIX);
}
