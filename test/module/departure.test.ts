// Clients that leave under `close_on_downstream_close`: their connections are closed at a tick, two
// seconds later, whatever else happens meanwhile.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Vm } from "../emulator/emulator.ts";
import type { Plugin } from "../emulator/plugin.ts";
import { request, response } from "../frames/frames.ts";
import { counted, MODULE_UNDER_TEST } from "./routing/setup.ts";

const EMPTY = new Uint8Array(0);
const GRACE_MS = 2000;

function start(config: object = {}): { vm: Vm; plugin: Plugin } {
  const vm = Vm.load(MODULE_UNDER_TEST);
  const whole = { close_on_downstream_close: true, ...config };
  return { vm, plugin: vm.plugin({ config: JSON.stringify(whole) }) };
}

describe("a client that has left", () => {
  for (const config of [{}, { metrics: { enabled: false } }, { routing: { filter_state: true } }]) {
    test(`takes its connection with it under ${JSON.stringify(config)}`, () => {
      const { vm, plugin } = start(config);
      const connection = plugin.connect();
      const stays = plugin.connect();
      stays.downstream(request());
      connection.downstream(request(), true);
      assert.equal(connection.toUpstream.length, request().length);
      vm.clock.advanceMilliseconds(GRACE_MS - 1);
      vm.tick();
      assert.ok(!connection.closed);
      vm.clock.advanceMilliseconds(1);
      vm.tick();
      assert.ok(connection.closed && !stays.closed);
    });
  }

  test("is counted as the one who closed", () => {
    const { vm, plugin } = start();
    plugin.connect().downstream(request(), true);
    vm.clock.advanceMilliseconds(GRACE_MS);
    vm.tick();
    assert.equal(counted(vm, "dubbo_unanswered_requests_total", 'dubbo_closed_by="remote"'), 1);
  });

  test("may come back to nothing: an answer still goes on, and the end by itself is the end", () => {
    const { vm, plugin } = start();
    const all = Array.from({ length: 3 }, () => plugin.connect());
    for (const each of all) each.downstream(request({ id: 1 }), true);
    const [first, middle, last] = all as [(typeof all)[0], (typeof all)[0], (typeof all)[0]];
    middle.upstream(response({ id: 1 }), true);
    middle.close("local");
    first.end();
    vm.clock.advanceMilliseconds(GRACE_MS);
    vm.tick();
    assert.ok(last.closed);
    assert.equal(middle.toDownstream.length, response({ id: 1 }).length);
  });

  test("in the order in which they left, many at once", () => {
    const { vm, plugin } = start();
    const all = Array.from({ length: 5 }, () => plugin.connect());
    for (const each of all) {
      each.downstream(EMPTY, true);
      vm.clock.advanceMilliseconds(100);
    }
    vm.clock.advanceMilliseconds(GRACE_MS - 300);
    vm.tick();
    assert.deepEqual(
      all.map(({ closed }) => closed),
      [true, true, true, false, false],
    );
    vm.clock.advanceMilliseconds(GRACE_MS);
    vm.tick();
    assert.ok(all.every(({ closed }) => closed));
  });

  test("is not kept by a clock that was set back", () => {
    const { vm, plugin } = start();
    const connection = plugin.connect();
    connection.downstream(request(), true);
    vm.clock.advanceMilliseconds(-3_600_000);
    vm.tick();
    assert.ok(connection.closed);
  });

  test("keeps its connection where nobody asked for that", () => {
    const { vm, plugin } = start({ close_on_downstream_close: false });
    const connection = plugin.connect();
    connection.downstream(request(), true);
    vm.clock.advanceMilliseconds(10 * GRACE_MS);
    vm.tick();
    assert.ok(!connection.closed);
  });
});
