// The chains of filters that faults are tried on, each as the configuration of one Envoy: ours before
// tcp_proxy, dubbo_proxy (alone, or dialling through the guard) or generic_proxy, on one listener to the
// faulty provider and on another to a healthy one.
//
// Everything comes from envoy-local.yaml but generic_proxy, which is not there: stock Istio has none.

import {
  listenersOf,
  named,
  setPluginConfig,
  wasmPlugins,
  type Json,
} from "../../harness/envoy_config.ts";
import { labConfig } from "../e2e/envoy_setup.ts";
import { terminalFilter, type Terminal } from "../../harness/terminal_filter.ts";

/** A terminal filter; the second dubbo_proxy is that of envoy-local.yaml with its guard. */
export type Chain = Terminal | "dubbo_proxy + guard";

/** What the guard's clusters are called before the name of the cluster that they guard. */
const GUARD = "guard-";

/** All chains. */
export const CHAINS: readonly Chain[] = [
  "tcp_proxy",
  "dubbo_proxy",
  "dubbo_proxy + guard",
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

const STAT_PREFIX = "faults";

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
  if (chain !== "dubbo_proxy + guard") return terminalFilter(chain, cluster, STAT_PREFIX);
  return terminalFilter("dubbo_proxy", `${GUARD}${cluster}`, STAT_PREFIX);
}
