// A head that was met before is not read again: what is counted must not depend on it. Each request is
// counted alone in a module that knows nothing, then several times among all others.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { fromRoot } from "../../harness/repository.ts";
import { Vm } from "../emulator/emulator.ts";
import { fixture, fixtureIndex, header, request } from "../frames/frames.ts";
import { hessian2 } from "../frames/hessian2.ts";
import { concat } from "../emulator/hex.ts";

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
  // Differ in the last bytes of their heads only.
  request({ method: "getA", desc: "" }),
  request({ method: "getB", desc: "" }),
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

test("… and right behind itself from the other side", () => {
  const vm = Vm.load(MODULE);
  const connection = vm.plugin({ config: '{"side":"consumer"}' }).connect();
  const frame = request({ twoway: false });
  for (let i = 0; i < 3; i++) connection.downstream(frame);
  for (let i = 0; i < 3; i++) connection.upstream(frame);
  vm.tick();
  assert.deepEqual(requestsBy("side", vm), { consumer: 3, provider: 3 });
});

test("a head that lost its place is not known by the memory that it left", () => {
  const vm = Vm.load(MODULE);
  const connection = vm.plugin({ config: '{"metrics":{"max_series":1}}' }).connect();
  const sent = { method0000: 0, _OTHER: 0 };
  const send = (method: string, counted: keyof typeof sent = "_OTHER"): void => {
    connection.downstream(request({ method, twoway: false }));
    sent[counted]++;
  };
  const sendKnown = (): void => {
    for (let i = 0; i < 3; i++) send("method0000", "method0000");
  };
  sendKnown();
  for (let round = 0; round < 5; round++) {
    // More heads than slots: first of its own length, then longer ones that leave its block unused.
    for (let i = 1000; i < 3000; i++) send(`method${i}`);
    sendKnown();
    for (let i = 1000; i < 4000; i++) send(`${"y".repeat(200)}${i}`);
    sendKnown();
  }
  vm.tick();
  assert.deepEqual(requestsBy("method", vm), sent);
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
  assert.deepEqual(requestsBy("method", vm), { first: 2, _OTHER: 5 });
});

/** Requests by one of their labels. */
function requestsBy(label: string, vm: Vm): Record<string, number> {
  const pattern = new RegExp(`^dubbo_requests_total\\{.*dubbo_${label}="([^"]*)"`);
  const requests = [...vm.metrics()].flatMap(([key, value]) => {
    const found = pattern.exec(key)?.[1];
    return found === undefined ? [] : [[found, value]];
  });
  return Object.fromEntries(requests);
}

function sorted(values: Map<string, number>): [string, number][] {
  return [...values].sort(([a], [b]) => (a < b ? -1 : 1));
}
