// envoy-local.yaml's listener for Triple on a free port, with two gRPC servers behind it: the route of
// the header dubbo-route: v2 goes to the second. Beside it a server of plain HTTP under /plain.…

import { once } from "node:events";
import { createServer, type Http2Server } from "node:http2";
import type { AddressInfo } from "node:net";
import {
  clustersOf,
  listenersOf,
  named,
  readConfig,
  wasmPlugins,
  type Json,
} from "../../../harness/envoy_config.ts";
import { freePort } from "../../../harness/ports.ts";
import { Expected } from "../envoy_series.ts";
import { struct } from "../envoy_setup.ts";
import { STREAMS, StreamClient, StreamServer } from "./peers.ts";

/** The servers behind the listener, and a client in front of it. */
export interface TriplePeers {
  port: number;
  v1: StreamServer;
  v2: StreamServer;
  plain: Http2Server;
  client: StreamClient;
  /** Adds the listener and its clusters to a lab's configuration. */
  change: (config: Json) => void;
  close(): void;
}

/** Starts the servers. `configuration` is the plugin's, instead of the committed one. */
export async function triplePeers(configuration?: object): Promise<TriplePeers> {
  const port = await freePort();
  const [v1, v2] = [await StreamServer.listen("v1"), await StreamServer.listen("v2")];
  const plain = createServer((request, response) => {
    request.resume();
    const status = Number(request.headers["x-answer"] ?? 200);
    request.on("end", () => response.writeHead(status).end("0123456789"));
  });
  plain.listen(0, "127.0.0.1");
  await once(plain, "listening");
  const plainPort = (plain.address() as AddressInfo).port;
  const client = new StreamClient(port);
  const change = (config: Json): void => {
    const committed = readConfig();
    const listener = named(listenersOf(committed), "triple", "listener");
    listener.address.socket_address.port_value = port;
    if (configuration !== undefined) {
      for (const plugin of wasmPlugins(listener)) plugin.configuration = struct(configuration);
    }
    listenersOf(config).push(listener);
    const clusters = clustersOf(config);
    const first = named(clusters, "grpc-server", "cluster");
    setPort(first, v1.port);
    for (const [name, at] of [
      ["grpc-server-v2", v2.port],
      ["plain", plainPort],
      ["nobody", 9],
    ] as const) {
      const cluster = structuredClone(first);
      cluster.name = cluster.load_assignment.cluster_name = name;
      setPort(cluster, at);
      clusters.push(cluster);
    }
    const [manager] = listener.filter_chains[0].filters;
    const { routes } = manager.typed_config.route_config.virtual_hosts[0];
    routes[0].route.cluster = "grpc-server-v2";
    routes.unshift(
      { match: { prefix: "/plain." }, route: { cluster: "plain" } },
      { match: { prefix: "/nobody." }, route: { cluster: "nobody" } },
      { match: { prefix: `/${STREAMS}/`, headers: [SHORT] }, route: SHORT_ROUTE },
    );
  };
  const close = (): void => {
    client.close();
    v1.kill();
    v2.kill();
    plain.close();
  };
  return { port, v1, v2, plain, client, change, close };
}

// Calls with the header `short` have half a second.
const SHORT = { name: "short", present_match: true };
const SHORT_ROUTE = { cluster: "grpc-server", timeout: "0.5s" };

function setPort(cluster: Json, port: number): void {
  cluster.load_assignment.endpoints[0].lb_endpoints[0].endpoint.address.socket_address.port_value =
    port;
}

/** Calls of one kind that have ended. */
export interface TripleCalls {
  interface?: string;
  method: string;
  protocol?: "tri" | "grpc";
  call: string;
  serialization?: string;
  /** Number by status and outcome, e.g. `{ "OK success": 3 }`. */
  responses?: Record<string, number>;
  /** Number by who ended the stream. */
  unanswered?: Record<string, number>;
  requestBytes: number;
  /** Only where there are responses. */
  responseBytes?: number;
}

/** The series of calls on the consumer's side. */
export function tripleCalls(calls: TripleCalls): Expected {
  const { method, protocol = "grpc", call, serialization = "protobuf" } = calls;
  const of = { interface: calls.interface ?? STREAMS, method, protocol };
  const expected = new Expected();
  let requests = 0;
  for (const [how, count] of Object.entries(calls.responses ?? {})) {
    const [status, outcome] = how.split(" ");
    expected.add("responses_total", { ...of, status, outcome }, count);
    expected.add("request_duration_milliseconds", of, count);
    requests += count;
  }
  if (requests > 0) expected.add("response_bytes_total", of, calls.responseBytes ?? 0);
  for (const [closed_by, count] of Object.entries(calls.unanswered ?? {})) {
    expected.add("unanswered_requests_total", { ...of, closed_by }, count);
    requests += count;
  }
  expected.add("requests_total", { ...of, call, serialization }, requests);
  expected.add("request_bytes_total", of, calls.requestBytes);
  return expected.add("requests_active", of, 0);
}
