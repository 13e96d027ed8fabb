// The filter in front of an HTTP router in the emulator: what the tests of Triple calls start from.

import { Clock } from "../../emulator/clock.ts";
import { Vm } from "../../emulator/emulator.ts";
import { concat } from "../../emulator/hex.ts";
import type { Headers, HttpStream } from "../../emulator/http_stream.ts";
import type { Histogram } from "../../emulator/metrics.ts";
import type { Plugin } from "../../emulator/plugin.ts";
import type { PropertyValues } from "../../emulator/properties.ts";
import { MODULE_UNDER_TEST } from "../routing/setup.ts";

/** A VM with one plugin, of which nothing is a connection. */
export interface TripleSetup {
  vm: Vm;
  plugin: Plugin;
  clock: Clock;
}

/** Starts the filter with this configuration, as the consumer's side unless it says otherwise. */
export function startTriple(config: object = {}, properties: PropertyValues = {}): TripleSetup {
  const clock = new Clock();
  const vm = Vm.load(MODULE_UNDER_TEST, { clock });
  const plugin = vm.plugin({
    config: JSON.stringify({ side: "consumer", ...config }),
    rootId: "dubbo_triple",
    properties,
  });
  if (plugin.refused !== undefined) throw new Error(plugin.refused[0]!.message);
  return { vm, plugin, clock };
}

/** What a call's headers are; the defaults make a gRPC call. */
export interface Request {
  path?: string;
  method?: string;
  contentType?: string | null;
  /** Further headers. */
  headers?: Record<string, string>;
}

/** Headers of a request as Envoy has them. */
export function headersOf(request: Request = {}): Headers {
  const { path = "/a.B/c", method = "POST", contentType = "application/grpc" } = request;
  const headers: Headers = [
    [":method", method],
    [":path", path],
    [":scheme", "http"],
    [":authority", "localhost"],
  ];
  if (contentType !== null) headers.push(["content-type", contentType]);
  return [...headers, ...Object.entries(request.headers ?? {})];
}

/** A gRPC message of so many bytes. */
export function message(length: number): Uint8Array {
  const bytes = new Uint8Array(5 + length).fill(0xff, 5);
  new DataView(bytes.buffer).setUint32(1, length);
  return bytes;
}

/** Several messages behind each other. */
export function messages(...lengths: number[]): Uint8Array {
  return concat(lengths.map(message));
}

/** The headers of an answer. */
export const ANSWER: Headers = [
  [":status", "200"],
  ["content-type", "application/grpc"],
];

/** Headers that end a response with this gRPC status at once, as Envoy's own answers do. */
export function trailersOnly(status: string): Headers {
  return [...ANSWER, ["grpc-status", status]];
}

/** A whole gRPC call: one message each way unless given, and this status in the trailers. */
export function unary(
  plugin: Plugin,
  request: Request = {},
  status = "0",
  sent: Uint8Array = message(10),
  got: Uint8Array = message(20),
): HttpStream {
  const stream = plugin.openStream();
  stream.request(headersOf(request));
  if (sent.length > 0) stream.requestBody(sent, true);
  stream.response(ANSWER);
  if (got.length > 0) stream.responseBody(got);
  stream.responseTrailers([["grpc-status", status]]);
  stream.end();
  return stream;
}

/** All series after a tick, histograms as their counts. */
export function seriesOf(vm: Vm): Record<string, number> {
  vm.tick();
  const all = [...vm.metrics()].map(([key, value]): [string, number] => [
    key,
    typeof value === "number" ? value : (value as Histogram).count,
  ]);
  return Object.fromEntries(all.sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** A series of the names a.B and c, on the consumer's side, of protocol grpc unless given. */
export function series(metric: string, labels: Record<string, string> = {}): string {
  const all: Record<string, string> = {
    interface: "a.B",
    method: "c",
    protocol: "grpc",
    side: "consumer",
    ...labels,
  };
  const pairs = Object.keys(all)
    .filter((name) => all[name] !== "")
    .sort()
    .map((name) => `dubbo_${name}="${all[name]}"`);
  return `dubbo_${metric}{${pairs.join(",")}}`;
}
