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
} from "../demo/local/envoy_config.ts";

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
}

/** Paths of modules. */
export interface Modules {
  ours: string;
  noop: string;
  floor: string;
  /** Another build of ours to compare with. */
  base?: string;
}

/** `stat_prefix` of every filter. */
const PREFIX = "bench";
const CLUSTER = "user-provider";
const TYPES = "type.googleapis.com/envoy.extensions.filters.network";

const TCP_COUNTERS: Counter[] = [
  { names: `tcp\\.${PREFIX}\\.downstream_cx_total`, growth: "connections" },
  { names: `tcp\\.${PREFIX}\\.downstream_cx_rx_bytes_total`, growth: "requestBytes" },
  { names: `tcp\\.${PREFIX}\\.downstream_cx_tx_bytes_total`, growth: "responseBytes" },
];
const DUBBO_COUNTERS: Counter[] = [
  { names: `dubbo\\.${PREFIX}\\.request_twoway`, growth: "calls" },
  { names: `dubbo\\.${PREFIX}\\.response_success`, growth: "calls" },
  { names: `dubbo\\.${PREFIX}\\.(local_response|response_error).*`, growth: "nothing" },
];
const GENERIC_COUNTERS: Counter[] = [
  { names: `generic_proxy\\.${PREFIX}\\.downstream_rq_total`, growth: "calls" },
  { names: `generic_proxy\\.${PREFIX}\\.downstream_rq_(error|reset).*`, growth: "nothing" },
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
      "|passthrough_connections|unrewritten_requests|refused_connections)_total",
    growth: "nothing",
  },
];
const ROUTED: Counter = { names: ".*dubbo_routed_requests_total", growth: "calls" };

/** Ten rules of which the last is taken: its conditions are tried after those of nine others. */
const TEN_RULES = rules(10);
/** Puts one attachment into each request. */
export const REWRITE = {
  rules: [{ name: "all", attachments: { set: [{ name: "dubbo-route", value: "v2" }] } }],
};

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

const NOOP = "+ a Wasm filter that does nothing";
const FLOOR = "+ one that fetches the bytes and the time";

/** All chains in the order of the table. */
export function variants(modules: Modules): Variant[] {
  const all: Variant[] = [
    chain("tcp_proxy", "tcp_proxy alone", [tcpProxy()], TCP_COUNTERS),
    chain("noop", NOOP, [wasm(modules.noop, "noop"), tcpProxy()], TCP_COUNTERS),
    chain("floor", FLOOR, [wasm(modules.floor, "floor"), tcpProxy()], TCP_COUNTERS),
    ...ourVariants(modules.ours, ""),
    chain("dubbo_proxy", "dubbo_proxy", [dubboProxy()], DUBBO_COUNTERS),
    chain("noop_dubbo", NOOP, [wasm(modules.noop, "noop"), dubboProxy()], DUBBO_COUNTERS),
    chain("floor_dubbo", FLOOR, [wasm(modules.floor, "floor"), dubboProxy()], DUBBO_COUNTERS),
    chain(
      "generic_proxy",
      "generic_proxy with the Dubbo codec",
      [genericProxy()],
      GENERIC_COUNTERS,
    ),
  ];
  return modules.base === undefined ? all : [...all, ...ourVariants(modules.base, BASE)];
}

/** What the names of variants with the build that is compared with begin with. */
export const BASE = "base:";

function ourVariants(module: string, before: string): Variant[] {
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
  const labels = ["interface", "method", "version"];
  const rich = { metrics: { labels }, routing: TEN_RULES };
  return [
    with_("ours", "+ ours, counting", {}, tcpProxy(), TCP_COUNTERS),
    with_("rules", "+ ours, 3 labels and 10 rules", rich, tcpProxy(), [...TCP_COUNTERS, ROUTED]),
    with_("ours_dubbo", "ours, counting + dubbo_proxy", {}, dubboProxy(), DUBBO_COUNTERS),
    with_("rewrite_dubbo", "ours, rewriting + dubbo_proxy", { routing: REWRITE }, dubboProxy(), [
      ...DUBBO_COUNTERS,
      ROUTED,
    ]),
  ];
}

/** A Wasm filter with a configuration of its own before one of the terminal filters. */
export function wasmVariant(
  name: string,
  module: string,
  config: object,
  next: "tcp_proxy" | "dubbo_proxy",
): Variant {
  const terminal = next === "tcp_proxy" ? tcpProxy() : dubboProxy();
  const counters = next === "tcp_proxy" ? TCP_COUNTERS : DUBBO_COUNTERS;
  return chain(name, name, [wasm(module, "dubbo", config), terminal], counters);
}

/** The same with our filter, whose counters are then looked at too. */
export function ourVariant(...args: Parameters<typeof wasmVariant>): Variant {
  const variant = wasmVariant(...args);
  return { ...variant, counters: [...variant.counters, ...OUR_COUNTERS] };
}

/** The bootstrap of a variant. */
export function variantConfig(
  variant: Variant,
  ports: { listener: number; provider: number; admin: number },
): Json {
  const config = localConfig({
    listeners: { dubbo_tcp: ports.listener },
    clusters: { [CLUSTER]: ports.provider },
    admin: ports.admin,
  });
  const listener = named(listenersOf(config), "dubbo_tcp", "listener");
  listener.filter_chains[0].filters = variant.filters;
  config.static_resources.listeners = [listener];
  config.static_resources.clusters = [named(clustersOf(config), CLUSTER, "cluster")];
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

function filter(name: string, type: string, config: Json): Json {
  const typed_config = { "@type": `${TYPES}.${type}`, stat_prefix: PREFIX, ...config };
  return { name: `envoy.filters.network.${name}`, typed_config };
}

function tcpProxy(): Json {
  return filter("tcp_proxy", "tcp_proxy.v3.TcpProxy", { cluster: CLUSTER });
}

// One route for all interfaces, without headers: the least that dubbo_proxy can be asked to do.
function dubboProxy(): Json {
  const match = { method: { name: { safe_regex: { regex: ".*" } } } };
  const routes = [{ match, route: { cluster: CLUSTER } }];
  const route_config = [{ name: "all", interface: "*", routes }];
  const multiple_route_config = { name: "bench", route_config };
  return filter("dubbo_proxy", "dubbo_proxy.v3.DubboProxy", { multiple_route_config });
}

function genericProxy(): Json {
  const generic = `${TYPES}.generic_proxy`;
  const action = {
    name: "route",
    typed_config: { "@type": `${generic}.action.v3.RouteAction`, cluster: CLUSTER },
  };
  const routes = { on_no_match: { action } };
  return filter("generic_proxy", "generic_proxy.v3.GenericProxy", {
    codec_config: {
      name: "envoy.generic_proxy.codecs.dubbo",
      typed_config: { "@type": `${generic}.codecs.dubbo.v3.DubboCodecConfig` },
    },
    filters: [
      {
        name: "envoy.filters.generic.router",
        typed_config: { "@type": `${generic}.router.v3.Router` },
      },
    ],
    route_config: { name: "bench", virtual_hosts: [{ name: "all", hosts: ["*"], routes }] },
  });
}
