// What traffic leaves behind in the module's linear memory: nothing. Memory never shrinks and grows by
// doubling, so "as it was" means that not a single block was missing when it was needed again.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import type { Connection } from "../emulator/connection.ts";
import { Vm } from "../emulator/emulator.ts";
import { concat, fixture, fixtureIndex, request, response } from "../frames/frames.ts";
import type { Plugin } from "../emulator/plugin.ts";

const MODULE = new URL("../../build/dubbo.wasm", import.meta.url);
const module = new WebAssembly.Module(new Uint8Array(readFileSync(MODULE)));
const MEBIBYTE = 1024 * 1024;

const start = (): Vm => Vm.load(module);
const open = (plugin: Plugin): Connection => plugin.connect({ collect: false });

/** Numbers from 0 to below `below`, the same for the same seed (a linear congruence). */
function randomNumbers(seed: number): (below: number) => number {
  return (below) => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return Math.floor((seed / 2 ** 32) * below);
  };
}

/** Frames of all peers, the few that are longer than 64 KiB left out: they would cost the time. */
const captured = fixtureIndex()
  .filter((frame) => frame.bodyBytes <= 65536)
  .map(({ file, direction }) => ({ bytes: fixture(file), direction }));

/** `count` frames over eight connections, cut at random; now and then one closes within a frame. */
function mixedTraffic(plugin: Plugin, count: number, random: (below: number) => number): void {
  const connections = Array.from({ length: 8 }, () => open(plugin));
  for (let i = 0; i < count; i++) {
    const which = random(connections.length);
    const connection = connections[which]!;
    const { bytes, direction } = captured[random(captured.length)]!;
    const first = random(bytes.length - 1) + 1;
    connection[direction](bytes.subarray(0, first));
    if (random(200) === 0) {
      if (random(2) === 0) connection.end();
      else connection.close(random(2) === 0 ? "local" : "remote");
      connections[which] = open(plugin);
      continue;
    }
    const second = first + random(bytes.length - first);
    if (second > first) connection[direction](bytes.subarray(first, second));
    connection[direction](bytes.subarray(second));
  }
  for (const connection of connections) connection.close("remote");
}

describe("memory stays as it was", () => {
  for (const labels of ["interface,method", "interface,method,version,group"]) {
    test(`after 100,000 mixed frames, labels ${labels}`, () => {
      const vm = start();
      const config = JSON.stringify({ metrics: { labels: labels.split(",") } });
      const plugin = vm.plugin({ config });
      // The same again: how many calls are in flight at most is a matter of chance.
      mixedTraffic(plugin, 100_000, randomNumbers(1));
      const before = vm.memoryBytes();
      for (let round = 0; round < 4; round++) mixedTraffic(plugin, 100_000, randomNumbers(1));
      assert.equal(vm.memoryBytes(), before);
      assert.ok(before <= 4 * MEBIBYTE, `${before} bytes`);
      vm.tick();
      assert.equal(
        vm.metrics().get('dubbo_connections_active{dubbo_protocol="dubbo",dubbo_side="consumer"}'),
        0,
      );
    });
  }

  test("after bursts of 4,096 calls in flight, each on a new connection", () => {
    const vm = start();
    const plugin = vm.plugin();
    const burst = (answered: boolean): void => {
      const connection = open(plugin);
      for (let id = 1; id <= 4096; id++) connection.downstream(request({ id }));
      for (let id = 1; answered && id <= 4096; id++) connection.upstream(response({ id }));
      connection.close("remote");
    };
    burst(true);
    const before = vm.memoryBytes();
    for (let i = 0; i < 10; i++) burst(i % 2 === 0);
    assert.equal(vm.memoryBytes(), before);
  });

  test("after 10 million calls of 200 names", () => {
    const vm = start();
    const plugin = vm.plugin();
    const connection = open(plugin);
    const names = Array.from({ length: 200 }, (_, index) => `com.k8s.Service${index}`);
    const asked = concat(names.map((path, id) => request({ id, path })));
    const answered = concat(names.map((_, id) => response({ id })));
    const call = (rounds: number): void => {
      for (let round = 1; round <= rounds; round++) {
        connection.downstream(asked);
        connection.upstream(answered);
        if (round % 500 === 0) vm.tick();
      }
    };
    call(500);
    const before = vm.memoryBytes();
    call(50_000);
    assert.equal(vm.memoryBytes(), before);
    const requests = [...vm.metrics()]
      .filter(([key]) => key.startsWith("dubbo_requests_total"))
      .reduce((sum, [, value]) => sum + (value as number), 0);
    assert.equal(requests, 50_500 * names.length);
  });

  test("after 300 new configurations, with and without open connections", () => {
    const vm = start();
    let plugin = vm.plugin();
    let left: Connection[] = [];
    const reload = (i: number): void => {
      const names = Array.from({ length: 20 }, (_, n) => `com.k8s.Service${i % 7}${n}`);
      const config = { max_body_bytes: 1e6 + (i % 5), metrics: { interfaces: names } };
      const stay = open(plugin);
      const go = open(plugin);
      for (const connection of [stay, go]) {
        connection.downstream(request({ id: i, path: names[0] }));
        connection.downstream(request({ id: 0, path: "com.k8s.Other" }).subarray(0, 100));
      }
      go.close("remote");
      const next = vm.plugin({ config: JSON.stringify(config) });
      assert.equal(next.refused, undefined);
      const refused = vm.plugin({ config: '{"metrics":{"interfaces":["a","b"],"labels":5}}' });
      assert.notEqual(refused.refused, undefined);
      refused.shutdown();
      if (i % 3 === 0) stay.close("local");
      plugin.shutdown();
      for (const connection of left) connection.close("remote");
      left = i % 3 === 0 ? [] : [stay];
      plugin = next;
    };
    for (let i = 0; i < 50; i++) reload(i);
    const before = vm.memoryBytes();
    for (let i = 50; i < 350; i++) reload(i);
    assert.equal(vm.memoryBytes(), before);
    assert.ok(before <= 4 * MEBIBYTE, `${before} bytes`);
  });

  test("after half heads of 20 KiB that never end, once their connections are closed", () => {
    const vm = start();
    const plugin = vm.plugin();
    const half = request({ desc: "Lcom/k8s/SomeType;".repeat(1700) }).subarray(0, 20 * 1024);
    const stall = (): void => {
      const connections = Array.from({ length: 1000 }, () => open(plugin));
      for (const connection of connections) connection.downstream(half);
      for (const connection of connections) connection.close("remote");
    };
    stall();
    const before = vm.memoryBytes();
    for (let i = 0; i < 5; i++) stall();
    assert.equal(vm.memoryBytes(), before);
  });
});

describe("memory is bounded", () => {
  test("half heads of all connections together: 64 MiB, and what finds no room is told", () => {
    const vm = start();
    const plugin = vm.plugin();
    const whole = request({ desc: "Lcom/k8s/SomeType;".repeat(1700), args: [] });
    const half = 20 * 1024;
    // 32 KiB each: 64 MiB are used up by 2,048 of them, all would need 160 MiB.
    const connections = Array.from({ length: 5120 }, () => open(plugin));
    for (const connection of connections) connection.downstream(whole.subarray(0, half));
    const bytes = vm.memoryBytes();
    assert.ok(bytes >= 64 * MEBIBYTE && bytes <= 130 * MEBIBYTE, `${bytes} bytes`);
    for (const connection of [connections[0]!, connections.at(-1)!]) {
      connection.downstream(whole.subarray(half));
    }
    vm.tick();
    const metrics = vm.metrics();
    const common = 'dubbo_protocol="dubbo"';
    const overload = `{${common},dubbo_reason="overload",dubbo_side="consumer"}`;
    assert.equal(metrics.get(`dubbo_decode_errors_total${overload}`), 1);
    const names = (interfaceName: string, method: string): string =>
      `{dubbo_interface="${interfaceName}",dubbo_method="${method}",${common},dubbo_side="consumer"}`;
    const active = "dubbo_requests_active";
    assert.equal(metrics.get(active + names("com.k8s.User.UserProvider", "GetUser")), 1);
    assert.equal(metrics.get(active + names("_OTHER", "_OTHER")), 1);
  });

  test("a body of 3 MiB read for its group: 1 MiB of it, and the call is counted without", () => {
    const vm = start();
    const plugin = vm.plugin({ config: '{"metrics":{"labels":["method","group"]}}' });
    const connection = open(plugin);
    const attachments = { group: "blue" };
    const long = request({ args: ["x".repeat(3 * MEBIBYTE)], attachments });
    for (let at = 0; at < long.length; at += 16384) {
      connection.downstream(long.subarray(at, at + 16384));
    }
    // Less than 1 MiB is read to its end.
    connection.downstream(request({ id: 2, args: ["x".repeat(1_000_000)], attachments }));
    vm.tick();
    const metrics = vm.metrics();
    const series = (group: string): string =>
      `dubbo_requests_total{dubbo_call="twoway",dubbo_group="${group}",dubbo_method="GetUser",` +
      'dubbo_protocol="dubbo",dubbo_serialization="hessian2",dubbo_side="consumer"}';
    assert.equal(metrics.get(series("_OTHER")), 1, [...metrics.keys()].join("\n"));
    assert.equal(metrics.get(series("blue")), 1);
    assert.ok(vm.memoryBytes() <= 8 * MEBIBYTE, `${vm.memoryBytes()} bytes`);
  });

  test("10,000 interface names at max_series 100", () => {
    const vm = start();
    const plugin = vm.plugin({ config: '{"metrics":{"max_series":100}}' });
    const connection = open(plugin);
    const call = (id: number): void => {
      connection.downstream(request({ id, path: `com.k8s.Service${id}` }));
      connection.upstream(response({ id }));
      if (id % 100 === 0) vm.tick();
    };
    // Heads of 4096 calls at most are remembered, series of 100.
    for (let id = 1; id <= 20_000; id++) call(id);
    const before = { bytes: vm.memoryBytes(), series: vm.metricStore.size };
    assert.ok(before.bytes <= MEBIBYTE, `${before.bytes} bytes`);
    vm.resetHostCalls();
    for (let id = 20_001; id <= 30_000; id++) call(id);
    assert.deepEqual({ bytes: vm.memoryBytes(), series: vm.metricStore.size }, before);
    assert.equal(vm.hostCalls.proxy_define_metric ?? 0, 0, "nothing is defined any more");
    const names = new Set(
      [...vm.metrics().keys()].map((key) => /dubbo_interface="([^"]*)"/.exec(key)?.[1]),
    );
    names.delete(undefined);
    assert.equal(names.size, 101);
    assert.ok(names.has("com.k8s.Service100") && names.has("_OTHER"));
  });

  test("heads known by their bytes, of two plugins with room for many: 8 MiB", () => {
    const vm = start();
    for (let which = 0; which < 2; which++) {
      const connection = open(vm.plugin({ config: '{"metrics":{"max_series":100000}}' }));
      for (let i = 0; i < 60_000; i++) {
        const desc = `Lcom/k8s/${"long/".repeat(70)}Type${i};`;
        connection.downstream(request({ id: 1, twoway: false, desc }));
      }
    }
    // 54 MiB of heads. Memory doubles when it grows, and something is there before.
    assert.ok(vm.memoryBytes() < 20 * MEBIBYTE, `${vm.memoryBytes()} bytes`);
  });

  test("an idle connection costs at most 224 bytes", (t) => {
    const vm = start();
    const plugin = vm.plugin();
    // Memory grows by doubling: what lies between two growths was filled by so many connections.
    let [connections, bytes, since] = [0, vm.memoryBytes(), 0];
    const costs: number[] = [];
    while (connections < 10_000 || costs.length < 3) {
      const connection = open(plugin);
      connection.downstream(request());
      connection.upstream(response());
      connections++;
      const now = vm.memoryBytes();
      if (now === bytes) continue;
      if (since > 0) costs.push(bytes / 2 / (connections - since));
      [bytes, since] = [now, connections];
    }
    t.diagnostic(`${connections} idle connections cost ${costs.at(-1)!.toFixed(0)} bytes each`);
    assert.ok(costs.at(-1)! > 20 && costs.at(-1)! <= 224, `${costs} bytes each`);
  });
});
