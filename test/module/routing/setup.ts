// The filter with routing in the emulator: what the tests of routing start from.

import { readFileSync } from "node:fs";
import type { Connection } from "../../emulator/connection.ts";
import { Vm, type VmOptions } from "../../emulator/emulator.ts";
import type { Plugin } from "../../emulator/plugin.ts";
import { propertyPath, type PropertyValues } from "../../emulator/properties.ts";

const MODULE = new URL("../../../build/dubbo.wasm", import.meta.url);

/** The release module. */
export const MODULE_UNDER_TEST = new WebAssembly.Module(new Uint8Array(readFileSync(MODULE)));

export interface Setup {
  vm: Vm;
  plugin: Plugin;
  connection: Connection;
}

/** A VM with one plugin, configured with `routing`, and one connection. */
export function start(
  routing: object,
  options: VmOptions & { rest?: object; properties?: PropertyValues } = {},
): Setup {
  const { rest, properties, ...vmOptions } = options;
  const vm = Vm.load(MODULE_UNDER_TEST, vmOptions);
  const plugin = pluginOf(vm, routing, rest, properties);
  return { vm, plugin, connection: plugin.connect() };
}

/** Another plugin of a VM. */
export function pluginOf(
  vm: Vm,
  routing: object,
  rest: object = {},
  properties: PropertyValues = {},
): Plugin {
  const config = JSON.stringify({ side: "consumer", ...rest, routing });
  const plugin = vm.plugin({ config, properties });
  if (plugin.refused !== undefined) throw new Error(plugin.refused[0]!.message);
  return plugin;
}

/** Sets attachments in every request. */
export function setting(set: Record<string, string>, remove: string[] = []): object {
  const list = Object.entries(set).map(([name, value]) => ({ name, value }));
  return { rules: [{ name: "all", attachments: { set: list, remove } }] };
}

/** The value of the one series of a metric that carries all of `labels`; 0 where there is none. */
export function counted(vm: Vm, metric: string, ...labels: string[]): number {
  vm.tick();
  let sum = 0;
  for (const [series, value] of vm.metrics()) {
    if (series !== metric && !series.startsWith(`${metric}{`)) continue;
    if (labels.every((label) => series.includes(label))) sum += value as number;
  }
  return sum;
}

/** A label in the world of `node`. */
export function label(name: string): string {
  return propertyPath("xds", "node", "metadata", "LABELS", name);
}

/** Sends `bytes` cut before each of `places`. */
export function sendCut(connection: Connection, bytes: Uint8Array, places: number[]): void {
  let from = 0;
  for (const place of [...places, bytes.length]) {
    if (place > from && !connection.closed) connection.downstream(bytes.subarray(from, place));
    from = place;
  }
}

/** A small generator of numbers below 2^32 that are the same in every run (mulberry32). */
export function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return (t ^ (t >>> 14)) >>> 0;
  };
}
