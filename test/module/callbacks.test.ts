// What the module says in Envoy's log where it can tell that it is set up wrongly, once.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Vm } from "../emulator/emulator.ts";
import { request, response } from "../frames/frames.ts";
import { unary } from "./triple/setup.ts";
import { MODULE_UNDER_TEST } from "./routing/setup.ts";

const warnings = (vm: Vm): string[] =>
  vm.logs.filter(({ level }) => level === 3).map(({ message }) => message);

test("a configuration inside vm_config is told where it belongs", () => {
  const vm = Vm.load(MODULE_UNDER_TEST, { configuration: "{}" });
  vm.plugin({ config: "{}" });
  assert.match(warnings(vm).join("\n"), /vm_config\.configuration is not read.*beside vm_config/);
  vm.plugin({ config: "{}" });
  const worker = Vm.load(MODULE_UNDER_TEST, { configuration: "{}", sharedData: vm.sharedData });
  worker.plugin({ config: "{}" });
  // Once for all plugins and workers of a VM id.
  assert.equal([...warnings(vm), ...warnings(worker)].length, 1);
  const right = Vm.load(MODULE_UNDER_TEST);
  right.plugin({ config: "{}" });
  assert.deepEqual(warnings(right), []);
});

test("connections whose callbacks never come are told of once", () => {
  const vm = Vm.load(MODULE_UNDER_TEST, { denied: ["proxy_on_new_connection"] });
  const plugin = vm.plugin({ config: "{}" });
  for (let i = 0; i < 100; i++) plugin.connect().close("remote");
  assert.equal(warnings(vm).length, 1);
  assert.match(warnings(vm)[0]!, /allowed_capabilities must list Envoy's callbacks/);
});

/** Connections with a call that is answered, and streams with one, end. */
function serve(vm: Vm, times: number): void {
  const plugin = vm.plugin({ config: "{}" });
  for (let i = 0; i < times; i++) {
    const connection = plugin.connect();
    connection.downstream(request({ id: 1 }));
    connection.upstream(response({ id: 1 }));
    connection.close("remote");
    unary(plugin);
  }
}

for (const [denied, told] of [
  [["proxy_on_downstream_data"], /bytes of servers come, but no proxy_on_downstream_data/],
  [["proxy_on_upstream_data"], /no proxy_on_upstream_data has come/],
  [["proxy_on_response_headers"], /no proxy_on_response_headers comes/],
  [["proxy_on_done", "proxy_on_delete"], /neither proxy_on_done nor proxy_on_delete comes/],
] as const) {
  test(`of ${denied.join(" and ")} that never comes is told once`, () => {
    const vm = Vm.load(MODULE_UNDER_TEST, { denied });
    serve(vm, 500);
    assert.equal(warnings(vm).length, 1, warnings(vm).join("\n"));
    assert.match(warnings(vm)[0]!, told);
    assert.match(warnings(vm)[0]!, /allowed_capabilities must list Envoy's callbacks/);
  });
}

test("of ticks that never come is told once, when they are late", () => {
  const vm = Vm.load(MODULE_UNDER_TEST);
  serve(vm, 100);
  assert.deepEqual(warnings(vm), []);
  vm.clock.advanceMilliseconds(31_000);
  serve(vm, 100);
  assert.equal(warnings(vm).length, 1);
  assert.match(warnings(vm)[0]!, /no proxy_on_tick comes/);
});

test("where all callbacks come nothing is told", () => {
  const vm = Vm.load(MODULE_UNDER_TEST);
  const plugin = vm.plugin({ config: "{}" });
  vm.tick();
  vm.clock.advanceMilliseconds(31_000);
  serve(vm, 500);
  // A provider that is down later on is nothing to tell of.
  for (let i = 0; i < 100; i++) {
    const connection = plugin.connect();
    connection.downstream(request({ id: 1 }));
    connection.close("local");
  }
  assert.deepEqual(warnings(vm), []);
});

test("a server that speaks first is nothing to tell of", () => {
  const vm = Vm.load(MODULE_UNDER_TEST);
  const connection = vm.plugin({ config: "{}" }).connect();
  for (let i = 0; i < 100; i++) connection.upstream(response({ id: i }));
  assert.deepEqual(warnings(vm), []);
});

test("a stream without headers among others is nothing to tell of", () => {
  const vm = Vm.load(MODULE_UNDER_TEST);
  const plugin = vm.plugin({ config: "{}" });
  plugin.connect();
  for (let i = 0; i < 100; i++) plugin.openStream().end();
  assert.deepEqual(warnings(vm), []);
});
