// The filters that end a chain behind ours, each with the least configuration that sends everything to one
// cluster: what the faults (test/faults) and the benchmarks (bench) put there.

import type { Json } from "./envoy_config.ts";

const TYPES = "type.googleapis.com/envoy.extensions.filters.network";

/** Envoy's filters that send calls on. */
export type Terminal = "tcp_proxy" | "dubbo_proxy" | "generic_proxy";

/** The filter as an Envoy configuration; `statPrefix` is its `stat_prefix`. */
export function terminalFilter(name: Terminal, cluster: string, statPrefix: string): Json {
  const { type, config } = PARTS[name](cluster);
  const typed_config = { "@type": `${TYPES}.${type}`, stat_prefix: statPrefix, ...config };
  return { name: `envoy.filters.network.${name}`, typed_config };
}

const PARTS: Record<Terminal, (cluster: string) => { type: string; config: Json }> = {
  tcp_proxy: (cluster) => ({ type: "tcp_proxy.v3.TcpProxy", config: { cluster } }),
  dubbo_proxy: (cluster) => ({ type: "dubbo_proxy.v3.DubboProxy", config: dubbo(cluster) }),
  generic_proxy: (cluster) => ({
    type: "generic_proxy.v3.GenericProxy",
    config: generic(cluster),
  }),
};

// One route for all interfaces, without headers: the least that dubbo_proxy can be asked to do.
function dubbo(cluster: string): Json {
  const match = { method: { name: { safe_regex: { regex: ".*" } } } };
  const route_config = [{ name: "all", interface: "*", routes: [{ match, route: { cluster } }] }];
  return { multiple_route_config: { name: "all", route_config } };
}

function generic(cluster: string): Json {
  const typed = (type: string, more: Json = {}) => ({
    "@type": `${TYPES}.generic_proxy.${type}`,
    ...more,
  });
  const action = { name: "route", typed_config: typed("action.v3.RouteAction", { cluster }) };
  const routes = { on_no_match: { action } };
  return {
    codec_config: {
      name: "envoy.generic_proxy.codecs.dubbo",
      typed_config: typed("codecs.dubbo.v3.DubboCodecConfig"),
    },
    filters: [{ name: "envoy.filters.generic.router", typed_config: typed("router.v3.Router") }],
    route_config: { name: "all", virtual_hosts: [{ name: "all", hosts: ["*"], routes }] },
  };
}
