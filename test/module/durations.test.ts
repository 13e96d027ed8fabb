// Durations wait for the next flush before Envoy's histogram is told: none may be lost, told twice or told
// to another histogram, however many there are and whatever comes between.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { fromRoot } from "../../harness/repository.ts";
import { Vm } from "../emulator/emulator.ts";
import { request, response } from "../frames/frames.ts";
import type { Histogram } from "../emulator/metrics.ts";

const MODULE = new WebAssembly.Module(readFileSync(fromRoot("build/dubbo.wasm")));
/** Durations for which there is room; assembly/metrics/recorder.ts. */
const ROOM = 1024;

type Told = Pick<Histogram, "count" | "sum">;

/** What the histograms were told, by method. */
function told(vm: Vm): Record<string, Told> {
  const found: Record<string, Told> = {};
  for (const [series, value] of vm.metrics()) {
    const method = /^dubbo_request_duration_\w+\{.*dubbo_method="(\w+)"/.exec(series)?.[1];
    if (method === undefined || typeof value === "number") continue;
    found[method] = { count: value.count, sum: value.sum };
  }
  return found;
}

/** A call that takes so many ms. */
function call(
  vm: Vm,
  on: ReturnType<ReturnType<Vm["plugin"]>["connect"]>,
  method: string,
  ms: number,
) {
  on.downstream(request({ id: 7, method }));
  vm.clock.advanceMilliseconds(ms);
  on.upstream(response({ id: 7 }));
}

describe("durations", () => {
  test("are told at a tick", () => {
    const vm = Vm.load(MODULE);
    const connection = vm.plugin({}).connect({ collect: false });
    call(vm, connection, "one", 3);
    call(vm, connection, "two", 5);
    call(vm, connection, "one", 4);
    vm.tick();
    assert.deepEqual(told(vm), { one: { count: 2, sum: 7 }, two: { count: 1, sum: 5 } });
    vm.tick();
    assert.deepEqual(told(vm), { one: { count: 2, sum: 7 }, two: { count: 1, sum: 5 } });
  });

  test("are told when a connection ends, also another one's", () => {
    const vm = Vm.load(MODULE);
    const plugin = vm.plugin({});
    call(vm, plugin.connect({ collect: false }), "one", 3);
    plugin.connect({ collect: false }).close("remote");
    assert.deepEqual(told(vm), { one: { count: 1, sum: 3 } });
  });

  for (const count of [ROOM - 1, ROOM, ROOM + 1, 3 * ROOM + 7]) {
    test(`${count} of them between two ticks are all told, and what has no room at once`, () => {
      const vm = Vm.load(MODULE);
      const connection = vm.plugin({}).connect({ collect: false });
      for (let i = 0; i < count; i++) call(vm, connection, "one", 2);
      const atOnce = Math.floor(count / ROOM) * ROOM;
      assert.deepEqual(told(vm).one, { count: atOnce, sum: 2 * atOnce });
      vm.tick();
      assert.deepEqual(told(vm).one, { count, sum: 2 * count });
    });
  }

  test("of two plugins in a VM do not mix", () => {
    const vm = Vm.load(MODULE);
    const consumer = vm.plugin({ config: '{"side": "consumer"}' });
    const provider = vm.plugin({ config: '{"side": "provider"}' });
    call(vm, consumer.connect({ collect: false }), "one", 2);
    const other = provider.connect({ collect: false });
    call(vm, other, "one", 30);
    // The end of one's connection tells the other's too.
    other.close("remote");
    const sums = [...vm.metrics()]
      .filter(([series]) => series.startsWith("dubbo_request_duration"))
      .map(([series, value]) => [/dubbo_side="(\w+)"/.exec(series)![1], (value as Histogram).sum]);
    assert.deepEqual(Object.fromEntries(sums), { consumer: 2, provider: 30 });
  });
});
