// Host calls per call in the shapes that `npm run bench` measures: what its noise hides shows here.
// golden/host_calls.txt is written anew with UPDATE_GOLDEN=1 in the environment; look at what changed.

import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { fromRoot } from "../../harness/repository.ts";
import type { Connection } from "../emulator/connection.ts";
import { Vm } from "../emulator/emulator.ts";
import { request, response } from "../frames/frames.ts";
import { concat } from "../emulator/hex.ts";
import type { Plugin } from "../emulator/plugin.ts";

const GOLDEN = new URL("golden/host_calls.txt", import.meta.url);
const module = new WebAssembly.Module(readFileSync(fromRoot("build/dubbo.wasm")));

/** What Envoy reads from a socket at once, at most, in bytes. */
const READ = 16384;
const CALLS = 320;

/** How calls come: so many at once, each with so many bytes more, over connections of so many calls. */
interface Shape {
  atOnce: number;
  padding?: number;
  perConnection?: number;
}

const SHAPES: Record<string, Shape> = {
  "pipelined, 64 in flight": { atOnce: 64 },
  "serial, 1 in flight": { atOnce: 1 },
  "16 KiB, 16 in flight": { atOnce: 16, padding: 16384 },
  "256 KiB, 1 in flight": { atOnce: 1, padding: 262144 },
  "churn, 10 calls per connection": { atOnce: 1, perConnection: 10 },
};

const rule = (index: number) => ({
  name: `rule${index}`,
  match: { interface: { exact: `com.k8s.Service${index}` } },
  attachments: { set: [{ name: "dubbo-route", value: "v2" }] },
});

const CONFIGURATIONS: Record<string, object> = {
  counting: {},
  "three labels": { metrics: { labels: ["interface", "method", "version"] } },
  "ten rules, none met": { routing: { rules: Array.from({ length: 10 }, (_, i) => rule(i)) } },
  rewriting: {
    routing: {
      protected: ["dubbo-route"],
      rules: [
        {
          name: "all",
          match: { interface: { exact: "com.k8s.User.UserProvider" } },
          attachments: { set: [{ name: "dubbo-route", value: "v2" }] },
        },
      ],
    },
  },
};

/** `count` copies of a frame in a row, each with the id behind the one before it. */
function numbered(frame: Uint8Array, firstId: number, count: number): Uint8Array {
  const bytes = concat(Array.from({ length: count }, () => frame));
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < count; i++) view.setBigUint64(i * frame.length + 4, BigInt(firstId + i));
  return bytes;
}

/** Gives the bytes to the module in reads as Envoy's. */
function send(
  connection: Connection,
  direction: "downstream" | "upstream",
  bytes: Uint8Array,
): void {
  for (let at = 0; at < bytes.length; at += READ) {
    connection[direction](bytes.subarray(at, at + READ));
  }
}

function run(plugin: Plugin, shape: Shape): void {
  const value = "x".repeat(shape.padding ?? 100);
  const asked = request({ args: [value] });
  const answered = response({ value });
  const perConnection = shape.perConnection ?? CALLS;
  for (let first = 0; first < CALLS; first += perConnection) {
    const connection = plugin.connect({ collect: false });
    for (let done = first; done < first + perConnection; done += shape.atOnce) {
      send(connection, "downstream", numbered(asked, done + 1, shape.atOnce));
      send(connection, "upstream", numbered(answered, done + 1, shape.atOnce));
    }
    connection.close("remote");
  }
}

/** Host calls per call of a shape, by name, when everything is warm: metrics defined, heads known. */
function hostCalls(config: object, shape: Shape): string[] {
  const vm = Vm.load(module);
  const plugin = vm.plugin({ config: JSON.stringify(config) });
  run(plugin, shape);
  vm.tick();
  vm.resetHostCalls();
  run(plugin, shape);
  vm.tick();
  return Object.entries(vm.hostCalls)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, count]) => `  ${(count / CALLS).toFixed(3).padStart(7)}  ${name}`);
}

test("host calls per call are what golden/host_calls.txt says", () => {
  const lines: string[] = [];
  for (const [what, config] of Object.entries(CONFIGURATIONS)) {
    for (const [name, shape] of Object.entries(SHAPES)) {
      lines.push(`${what}: ${name}`, ...hostCalls(config, shape));
    }
  }
  const table = `${lines.join("\n")}\n`;
  if (process.env.UPDATE_GOLDEN !== undefined) writeFileSync(GOLDEN, table);
  assert.equal(table, readFileSync(GOLDEN, "utf8"));
});
