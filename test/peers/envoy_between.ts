// The smallest Envoy between Dubbo consumers and two providers, with one listener per way through:
// alone, to see what Envoy itself does, or with our filter in front.

import { readConfig, type Json } from "../../harness/envoy_config.ts";

/** Ports of an Envoy from `envoyBetween`. */
export interface BetweenPorts {
  admin: number;
  /** Listener with dubbo_proxy, which serves both interfaces. */
  dubbo: number;
  /** Listener with tcp_proxy before the user provider. */
  user: number;
  /** Listener with tcp_proxy before the order provider. */
  order: number;
}

/** Our filter and the bootstrap's part of it. */
export interface OurFilter {
  /** The network filter. */
  filter: Json;
  /** What cuts the labels out of the names of its metrics. */
  statsConfig: Json;
}

/** A configuration with those listeners; the providers are on 127.0.0.1 at the given ports. */
export function envoyBetween(
  ports: BetweenPorts,
  userPort: number,
  orderPort: number,
  ours?: OurFilter,
): Json {
  const inFront = ours === undefined ? [] : [ours.filter];
  return {
    admin: { address: address(ports.admin) },
    // Histograms show what was recorded only after a flush, which by default comes every 5 s.
    stats_flush_interval: "0.1s",
    ...(ours !== undefined && { stats_config: ours.statsConfig }),
    static_resources: {
      listeners: [
        listener("dubbo", ports.dubbo, [...inFront, dubboProxy()]),
        listener("user", ports.user, [...inFront, tcpProxy("user-provider")]),
        listener("order", ports.order, [...inFront, tcpProxy("order-provider")]),
      ],
      clusters: [cluster("user-provider", userPort), cluster("order-provider", orderPort)],
    },
  };
}

/** Our filter as envoy-local.yaml has it; the first, where it has several. */
export function ourFilter(): OurFilter {
  const config = readConfig();
  const chains = config.static_resources.listeners.flatMap((one: Json) => one.filter_chains);
  const filters = chains.flatMap((chain: Json) => chain.filters);
  const filter = filters.find((one: Json) => one.typed_config["@type"].endsWith(".wasm.v3.Wasm"));
  if (filter === undefined) throw new Error("envoy-local.yaml has no Wasm filter");
  return { filter, statsConfig: config.stats_config };
}

// Outbound, as a sidecar's listener on the consumer's side is.
function listener(name: string, port: number, filters: Json[]): Json {
  const traffic_direction = "OUTBOUND";
  return { name, traffic_direction, address: address(port), filter_chains: [{ filters }] };
}

function tcpProxy(cluster: string): Json {
  const type = "type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy";
  return {
    name: "envoy.filters.network.tcp_proxy",
    typed_config: { "@type": type, stat_prefix: cluster, cluster },
  };
}

function dubboProxy(): Json {
  const type = "type.googleapis.com/envoy.extensions.filters.network.dubbo_proxy.v3.DubboProxy";
  return {
    name: "envoy.filters.network.dubbo_proxy",
    typed_config: {
      "@type": type,
      stat_prefix: "between",
      multiple_route_config: {
        name: "between",
        route_config: [
          route("com.k8s.User.UserProvider", "user-provider"),
          // dubbo_proxy takes an interface's version and group for a part of the route's name.
          {
            ...route("com.k8s.Order.OrderProvider", "order-provider"),
            version: "1.0.0",
            group: "blue",
          },
        ],
      },
    },
  };
}

function route(service: string, cluster: string): Json {
  const match = { method: { name: { safe_regex: { regex: ".*" } } } };
  return { name: service, interface: service, routes: [{ match, route: { cluster } }] };
}

function cluster(name: string, port: number): Json {
  const endpoint = { endpoint: { address: address(port) } };
  return {
    name,
    type: "STATIC",
    connect_timeout: "1s",
    load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: [endpoint] }] },
  };
}

function address(port: number): Json {
  return { socket_address: { address: "127.0.0.1", port_value: port } };
}
