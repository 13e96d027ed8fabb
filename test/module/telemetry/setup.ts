// The filter with telemetry in the emulator, and what its collectors were sent.

import { FrameSplitter } from "../../../demo/dubbo/frame.ts";
import { decodeRequest } from "../../../demo/dubbo/message.ts";
import { Clock } from "../../emulator/clock.ts";
import { Vm } from "../../emulator/emulator.ts";
import type { Plugin } from "../../emulator/plugin.ts";
import { propertyPath } from "../../emulator/properties.ts";
import { request, response, type Request } from "../../frames/frames.ts";
import { readLogs, readTraces, type Told } from "../../frames/otlp.ts";
import { MODULE_UNDER_TEST } from "../routing/setup.ts";

export const OTLP = {
  cluster: "collector",
  interval_ms: 1,
  headers: [{ name: "x-token", value: "t" }],
};
export const ALL = { sample: { percentage: 100 } };
export const SECOND = 1_000_000_000n;
export const isLine = ({ message }: { message: string }): boolean => message.startsWith("{");

export interface Started {
  vm: Vm;
  plugin: Plugin;
  clock: Clock;
}

export function start(telemetry: object, rest: object = {}): Started {
  const clock = new Clock();
  const vm = Vm.load(MODULE_UNDER_TEST, { clock });
  const node = (...path: string[]): string => propertyPath("xds", "node", "metadata", ...path);
  const properties = {
    [node("NAMESPACE")]: "mesh-demo",
    [node("LABELS", "app")]: "comsumer",
    [node("NAME")]: "comsumer-1",
  };
  const plugin = vm.plugin({
    config: JSON.stringify({ side: "consumer", ...rest, telemetry }),
    properties,
  });
  if (plugin.refused !== undefined) throw new Error(plugin.refused[0]!.message);
  plugin.clusters.add("collector");
  return { vm, plugin, clock };
}

/** Makes calls, each answered 3 ms later, and lets the filter send what it has. */
export function make(
  { vm, plugin, clock }: Started,
  calls: Request[],
  status = 20,
  properties: Record<string, string> = {},
): void {
  const connection = plugin.connect({ properties });
  calls.forEach((call, index) => {
    connection.downstream(request({ id: index, ...call }));
    clock.advance(3_000_000n);
    connection.upstream(response({ id: index, status }));
  });
  clock.advance(SECOND);
  vm.tick();
}

/** What a provider sees in the request beside what every request has. */
export function attachmentsOf(frame: Uint8Array): Record<string, string> {
  const seen: Record<string, unknown> = {};
  new FrameSplitter((one) => Object.assign(seen, decodeRequest(one).attachments)).push(
    Buffer.from(frame),
  );
  for (const usual of ["path", "interface", "version", "timeout"]) delete seen[usual];
  return seen as Record<string, string>;
}

/** The spans that were sent so far. */
export const spansOf = ({ plugin }: Started): Told[] =>
  plugin.sent
    .filter(({ headers }) => headers.some(([, value]) => value.endsWith("/v1/traces")))
    .flatMap(({ body }) => readTraces(body).records);
export const logsOf = ({ plugin }: Started): Told[] =>
  plugin.sent
    .filter(({ headers }) => headers.some(([, value]) => value.endsWith("/v1/logs")))
    .flatMap(({ body }) => readLogs(body).records);
