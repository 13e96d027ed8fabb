// A head that was met before is not read again: what is counted must not depend on it. Each request is
// counted alone in a module that knows nothing, then several times among all others.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { fromRoot } from "../../demo/local/repository.ts";
import { Vm } from "./emulator.ts";
import { fixture, fixtureIndex, header, request } from "./frames.ts";
import { hessian2 } from "./hessian2.ts";
import { concat } from "./hex.ts";

const MODULE = new WebAssembly.Module(readFileSync(fromRoot("build/dubbo.wasm")));
const ROUNDS = 3;

const captured = fixtureIndex()
  .filter((frame) => frame.direction === "downstream" && frame.bodyBytes <= 65536)
  .map((frame) => fixture(frame.file));

/** Requests whose heads are alike, or unusual. */
const written = [
  request(),
  request({ method: "SetUser" }),
  request({ desc: "I", args: [1] }),
  request({ version: "1.0.0" }),
  request({ version: null }),
  request({ path: "com.k8s.User.UserProvideR" }),
  request({ serialization: "fastjson2" }),
  request({ serialization: "fastjson2", method: "SetUser" }),
  request({ serialization: "java", body: hessian2("2.0.2") }),
  // The same bytes under another serialization's number.
  request({ serialization: "fastjson" }),
  request({ path: "用户.服务", method: "取" }),
  request({ path: "a".repeat(31), method: "b".repeat(32) }),
  request({ path: "a".repeat(600) }),
  request({ method: "$invoke", desc: generic(), args: ["GetUser", null, null] }),
  request({ method: "$invoke", desc: generic(), args: ["SetUser", null, null] }),
  request({ method: "$invoke", desc: generic(), args: [1, null, null] }),
  request({ path: "", method: "" }),
  request({ path: null }),
  // Ends within its head, and behind it.
  request({ body: concat([hessian2("2.0.2"), hessian2("com.k8s.User.UserProvider")]) }),
  request({ body: concat(["2.0.2", "p", "0.0.0", "m", ""].map((part) => hessian2(part))) }),
  // A length that lies beyond the body.
  concat([header({ flag: 0xc2, length: 8 }), Uint8Array.of(5, 50, 46, 48, 46, 50, 0x33, 0xff)]),
];

function generic(): string {
  return "Ljava/lang/String;[Ljava/lang/String;[Ljava/lang/Object;";
}

/** Counters and gauges that a connection's requests make, and none that are 0. */
function counted(
  frames: Uint8Array[],
  direction: "downstream" | "upstream",
  config: object,
): Map<string, number> {
  const vm = Vm.load(MODULE);
  const connection = vm.plugin({ config: JSON.stringify(config) }).connect();
  for (const frame of frames) connection[direction](frame);
  vm.tick();
  const values = [...vm.metrics()].filter(
    ([key, value]) => typeof value === "number" && value !== 0 && !key.includes("connections"),
  );
  return new Map(values as [string, number][]);
}

/** The same with ids of their own, so that no call replaces another. */
function numbered(frames: Uint8Array[]): Uint8Array[] {
  return frames.map((frame, index) => {
    const copy = Uint8Array.from(frame);
    new DataView(copy.buffer).setBigUint64(4, BigInt(index + 1));
    return copy;
  });
}

describe("a head that is known is counted as one that is not", () => {
  const frames = [...written, ...captured];
  for (const [what, config] of Object.entries({
    "default labels": {},
    "three labels": { metrics: { labels: ["interface", "method", "version"] } },
    "an allow-list": { metrics: { interfaces: ["com.k8s.User.UserProvider"] } },
    "a group, which stands behind the head": { metrics: { labels: ["interface", "group"] } },
  })) {
    for (const direction of ["downstream", "upstream"] as const) {
      test(`${what}, ${direction}`, () => {
        const expected = new Map<string, number>();
        for (const frame of frames) {
          for (const [key, value] of counted([frame], direction, config)) {
            expected.set(key, (expected.get(key) ?? 0) + value * ROUNDS);
          }
        }
        const all = numbered(Array.from({ length: ROUNDS }, () => frames).flat());
        assert.deepEqual(sorted(counted(all, direction, config)), sorted(expected));
        // The head that was found last is tried first.
        const inRows = numbered(frames.flatMap((frame) => Array(ROUNDS).fill(frame)));
        assert.deepEqual(sorted(counted(inRows, direction, config)), sorted(expected));
      });
    }
  }
});

test("… and right behind any other one", () => {
  // Both are known when the second comes behind the first again.
  for (const first of written) {
    const one = counted(numbered([first, first, first]), "downstream", {});
    for (const second of written) {
      const expected = new Map(one);
      for (const [key, value] of counted(numbered([second, second]), "downstream", {})) {
        expected.set(key, (expected.get(key) ?? 0) + value);
      }
      const both = numbered([second, first, first, first, second]);
      assert.deepEqual(sorted(counted(both, "downstream", {})), sorted(expected));
    }
  }
});

test("a head that lost its place to another is not taken for it", () => {
  // More heads than slots, each three times in a row: places are lost and found again all the time.
  const vm = Vm.load(MODULE);
  const connection = vm.plugin({ config: '{"metrics":{"max_series":1}}' }).connect();
  const methods = Array.from({ length: 2000 }, (_, index) => `method${index}`);
  for (let round = 0; round < 2; round++) {
    for (const method of methods) {
      const frame = request({ method, twoway: false });
      for (let i = 0; i < 3; i++) connection.downstream(frame);
      // One head that keeps its place.
      connection.downstream(request({ method: "method0", twoway: false }));
    }
  }
  vm.tick();
  const counts = [...vm.metrics()].flatMap(([key, value]) => {
    const method = /^dubbo_requests_total\{.*dubbo_method="([^"]*)"/.exec(key)?.[1];
    return method === undefined ? [] : [[method, value]];
  });
  assert.deepEqual(Object.fromEntries(counts), { method0: 4006, _OTHER: 11994 });
});

test("a name that was refused is asked for again in the next period", () => {
  const vm = Vm.load(MODULE);
  const connection = vm.plugin({ config: '{"metrics":{"max_series":1}}' }).connect();
  for (const method of ["first", "second", "second"]) {
    connection.downstream(request({ method, twoway: false }));
  }
  vm.tick();
  for (let i = 0; i < 3; i++) connection.downstream(request({ method: "second", twoway: false }));
  connection.downstream(request({ method: "first", twoway: false }));
  vm.tick();
  const requests = [...vm.metrics()].flatMap(([key, value]) => {
    const method = /^dubbo_requests_total\{.*dubbo_method="([^"]*)"/.exec(key)?.[1];
    return method === undefined ? [] : [[method, value]];
  });
  assert.deepEqual(Object.fromEntries(requests), { first: 2, _OTHER: 5 });
});

function sorted(values: Map<string, number>): [string, number][] {
  return [...values].sort(([a], [b]) => (a < b ? -1 : 1));
}
