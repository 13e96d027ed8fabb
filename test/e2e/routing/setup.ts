// envoy-local.yaml with all of its three listeners and clusters on free ports, before providers that
// keep every request they get: its bytes, and what the demo's codec reads in them.

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import { FrameSplitter, type Frame } from "../../../demo/dubbo/frame.ts";
import { decodeRequest, decodeResponse, encodeValue } from "../../../demo/dubbo/message.ts";
import type { Invocation } from "../../../demo/dubbo/message.ts";
import {
  clustersOf,
  listenersOf,
  named,
  readConfig,
  wasmPlugins,
  type Json,
} from "../../../harness/envoy_config.ts";
import { freePorts } from "../../../harness/ports.ts";
import { HESSIAN2 } from "../../../demo/dubbo/protocol.ts";
import { fromJava, ORDERS, toJava, USERS, type RecordService } from "../../../demo/record.ts";
import { heartbeatResponse } from "../../frames/frames.ts";
import type { Asked } from "../envoy_caller.ts";
import { seriesKey } from "../envoy_exposition.ts";
import { ours, startLab, struct, until, type Lab, type LabOptions } from "../envoy_setup.ts";

const MAX_BODY_BYTES = 1 << 25;

/** What a provider received. */
export interface Received extends Invocation {
  frame: Frame;
}

/** A provider that keeps what it receives and answers each call with who it is. */
export class Provider {
  readonly received: Received[] = [];
  /** Whether it keeps its answers to itself. */
  silent = false;
  readonly #podName: string;
  readonly #service: RecordService;
  readonly #sockets = new Set<Socket>();
  readonly #server: Server;

  private constructor(podName: string, service: RecordService) {
    this.#podName = podName;
    this.#service = service;
    this.#server = createServer((socket) => this.#accept(socket));
  }

  /** Listens on the port. */
  static async listen(podName: string, service: RecordService, port: number): Promise<Provider> {
    const provider = new Provider(podName, service);
    provider.#server.listen(port, "127.0.0.1");
    await once(provider.#server, "listening");
    return provider;
  }

  /** Forgets what it received; gives it. */
  take(): Received[] {
    return this.received.splice(0);
  }

  /** Ends all connections, and listens no more. */
  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #accept(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => this.#sockets.delete(socket));
    const splitter = new FrameSplitter((frame) => this.#answer(socket, frame), MAX_BODY_BYTES);
    socket.on("data", (chunk: Buffer) => splitter.push(chunk));
  }

  #answer(socket: Socket, frame: Frame): void {
    // Of events, and of what is not hessian2, only the bytes are kept.
    const isRead = !frame.event && frame.serializationId === HESSIAN2;
    this.received.push({ ...(isRead ? decodeRequest(frame) : NOTHING), frame });
    if (frame.event && frame.twoway) socket.write(heartbeatResponse({ id: frame.id }));
    if (frame.event) return;
    if (!frame.twoway || this.silent) return;
    const record = { id: "1", name: "x", podName: this.#podName, podNamespace: "", podIp: "" };
    const value = toJava(this.#service, { ...record, service: "", type: "", time: new Date(0) });
    socket.write(encodeValue(frame.id, value));
  }
}

const NOTHING: Invocation = {
  dubboVersion: null,
  path: null,
  serviceVersion: null,
  method: null,
  descriptor: null,
  args: [],
  attachments: {},
};

/** A running Envoy with the providers behind it. */
export interface RoutedLab {
  lab: Lab;
  /** Port of the listener dubbo_tcp_routed. */
  routedPort: number;
  v1: Provider;
  v2: Provider;
  orders: Provider;
  /** Ends everything. Rejects where Envoy had ended by itself. */
  stop(): Promise<void>;
}

/** What differs from `envoy-local.yaml`. */
export interface RoutedOptions extends LabOptions {
  /** The part `routing` of plugin configurations, by listener; undefined for none. */
  routing?: Record<string, Json | undefined>;
}

/** Starts everything. dubbo_proxy's complaints about routes that do not match are not logged. */
export async function startRoutedLab(options: RoutedOptions = {}): Promise<RoutedLab> {
  const [routedPort, secondPort] = (await freePorts(2)) as [number, number];
  const lab = await startLab({
    componentLogLevel: "dubbo:critical",
    ...options,
    change: (config, ports) => {
      asCommitted(config, routedPort, secondPort);
      for (const [name, routing] of Object.entries(options.routing ?? {})) {
        setRouting(named(listenersOf(config), name, "listener"), routing);
      }
      options.change?.(config, ports);
    },
  });
  const v1 = await Provider.listen("user-v1", USERS, lab.ports.user);
  const v2 = await Provider.listen("user-v2", USERS, secondPort);
  const orders = await Provider.listen("order-v1", ORDERS, lab.ports.order);
  const stop = async () => {
    await lab.stop();
    for (const provider of [v1, v2, orders]) await provider.close();
  };
  return { lab, routedPort, v1, v2, orders, stop };
}

/**
 * Gives a lab's configuration all listeners and rules of the committed file, which tests that only
 * count may do without, on these ports of dubbo_tcp_routed and user-provider-v2.
 */
export function asCommitted(config: Json, routedPort: number, secondPort: number): void {
  const listeners = listenersOf(config);
  for (const committed of listenersOf(readConfig())) {
    const found = listeners.find(({ name }) => name === committed.name);
    // That one has peers of its own: test/e2e/triple/setup.ts.
    if (committed.name === "triple") continue;
    const [plugin] = wasmPlugins(committed);
    if (found === undefined) listeners.push(committed);
    else if (plugin !== undefined) wasmPlugins(found)[0]!.configuration = plugin.configuration;
  }
  setPort(named(listeners, "dubbo_tcp_routed", "listener").address, routedPort);
  const second = named(clustersOf(config), "user-provider-v2", "cluster");
  setPort(second.load_assignment.endpoints[0].lb_endpoints[0].endpoint.address, secondPort);
}

/** Gives the filter in a listener another `routing` and no policies, and leaves the rest of its configuration. */
export function setRouting(listener: Json, routing: Json | undefined): void {
  const [plugin] = wasmPlugins(listener);
  const { routing: _, policies: __, ...rest } = plugin!.configuration.value;
  plugin!.configuration = struct(routing === undefined ? rest : { ...rest, routing });
}

/** Which provider answered. */
export function podOf({ answer }: Asked): string {
  const reply = decodeResponse(answer);
  if (reply.type !== "value") throw new Error(`an answer of type ${reply.type}`);
  return fromJava(reply.value).podName;
}

/** How often each provider answered. */
export function podsOf(asked: readonly Asked[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const one of asked) counts[podOf(one)] = (counts[podOf(one)] ?? 0) + 1;
  return counts;
}

/** One of the filter's series on the consumer's side; label names lack `dubbo_`. */
export function series(metric: string, labels: Record<string, string> = {}): string {
  const all: Record<string, string> = { dubbo_side: "consumer", dubbo_protocol: "dubbo" };
  for (const [name, text] of Object.entries(labels)) all[`dubbo_${name}`] = text;
  return seriesKey(`dubbo_${metric}`, all);
}

const OF_ROUTING = /^dubbo_(routed|unrewritten|refused|misrouted|unrouted)_/;

/** Resolved once the filter's series about routing are these and no others. */
export async function routingSeries(lab: Lab, expected: Record<string, number>): Promise<void> {
  let found: Record<string, number> = {};
  const same = async () => {
    const all = [...ours(await lab.scrape())].filter(([key]) => OF_ROUTING.test(key));
    found = Object.fromEntries(all);
    return JSON.stringify(all.sort()) === JSON.stringify(Object.entries(expected).sort());
  };
  await until("the series about routing", same).catch(() => assert.deepEqual(found, expected));
}

function setPort(address: Json, port: number): void {
  address.socket_address.port_value = port;
}
