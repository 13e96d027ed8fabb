// The chains of filters that faults are tried on, each as the configuration of one Envoy: ours before
// tcp_proxy, dubbo_proxy (alone, or dialling through the guard) or generic_proxy, on one listener to the
// faulty provider and on another to a healthy one.
//
// Everything comes from envoy-local.yaml but generic_proxy, which is not there: stock Istio has none.

import {
  clustersOf,
  listenersOf,
  named,
  readConfig,
  setPluginConfig,
  wasmPlugins,
  type Json,
} from "../../demo/local/envoy_config.ts";
import { labConfig } from "../e2e/envoy_setup.ts";

/** A terminal filter; the second dubbo_proxy is that of envoy-local.yaml with its guard. */
export type Chain = "tcp_proxy" | "dubbo_proxy" | "dubbo_proxy + guard" | "generic_proxy";

/** What the guard's clusters are called before the name of the cluster that they guard. */
const GUARD = "guard-";
const hasGuard = clustersOf(readConfig()).some(({ name }) => name.startsWith(GUARD));

/** All chains that envoy-local.yaml has the parts of. */
export const CHAINS: readonly Chain[] = [
  "tcp_proxy",
  "dubbo_proxy",
  ...(hasGuard ? (["dubbo_proxy + guard"] as const) : []),
  "generic_proxy",
];

/** Ports of one Envoy and its two providers. */
export interface StagePorts {
  /** The listener whose provider gets into trouble. */
  listener: number;
  /** The listener whose provider does not. */
  bystander: number;
  faulty: number;
  healthy: number;
  admin: number;
}

/** Names of the listeners. */
export const LISTENER = "faulty";
export const BYSTANDER = "healthy";
/** Names of the clusters with the two providers, as in envoy-local.yaml. */
export const FAULTY_CLUSTER = "user-provider";
const HEALTHY_CLUSTER = "order-provider";

const TYPES = "type.googleapis.com/envoy.extensions.filters.network";

/** The bootstrap of a chain, or of two: two listeners and two clusters. */
export function chainConfig(chain: Chain, ports: StagePorts, bystander: Chain = chain): Json {
  const config = labConfig({
    dubbo: ports.listener,
    tcp: ports.bystander,
    user: ports.faulty,
    order: ports.healthy,
    admin: ports.admin,
  });
  const template = named(listenersOf(config), "dubbo_tcp", "listener");
  const faulty = { name: LISTENER, port: ports.listener, cluster: FAULTY_CLUSTER };
  const healthy = { name: BYSTANDER, port: ports.bystander, cluster: HEALTHY_CLUSTER };
  config.static_resources.listeners = [
    listener(template, chain, faulty),
    listener(template, bystander, healthy),
    ...listenersOf(config).filter((one) => one.internal_listener !== undefined),
  ];
  return config;
}

function listener(
  template: Json,
  chain: Chain,
  { name, port, cluster }: { name: string; port: number; cluster: string },
): Json {
  const made: Json = structuredClone(template);
  made.name = name;
  made.address.socket_address.port_value = port;
  const [ours] = made.filter_chains[0].filters;
  for (const plugin of wasmPlugins(ours)) setPluginConfig(plugin, {});
  made.filter_chains[0].filters = [ours, terminal(chain, cluster)];
  return made;
}

function terminal(chain: Chain, cluster: string): Json {
  if (chain === "tcp_proxy") return filter(chain, "tcp_proxy.v3.TcpProxy", { cluster });
  if (chain === "generic_proxy") {
    return filter(chain, "generic_proxy.v3.GenericProxy", generic(cluster));
  }
  const dialled = chain === "dubbo_proxy" ? cluster : `${GUARD}${cluster}`;
  return filter("dubbo_proxy", "dubbo_proxy.v3.DubboProxy", dubbo(dialled));
}

function filter(name: string, type: string, config: Json): Json {
  const typed_config = { "@type": `${TYPES}.${type}`, stat_prefix: "faults", ...config };
  return { name: `envoy.filters.network.${name}`, typed_config };
}

function dubbo(cluster: string): Json {
  const match = { method: { name: { safe_regex: { regex: ".*" } } } };
  const route_config = [{ name: "all", interface: "*", routes: [{ match, route: { cluster } }] }];
  return { multiple_route_config: { name: "faults", route_config } };
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
    route_config: { name: "faults", virtual_hosts: [{ name: "all", hosts: ["*"], routes }] },
  };
}
