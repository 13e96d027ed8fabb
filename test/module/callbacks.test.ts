// What the module says in Envoy's log where it can tell that it is set up wrongly, once.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Vm } from "../emulator/emulator.ts";
import { MODULE_UNDER_TEST } from "./routing/setup.ts";

const warnings = (vm: Vm): string[] =>
  vm.logs.filter(({ level }) => level === 3).map(({ message }) => message);

test("a configuration inside vm_config is told where it belongs", () => {
  const vm = Vm.load(MODULE_UNDER_TEST, { configuration: "{}" });
  vm.plugin({ config: "{}" });
  assert.match(warnings(vm).join("\n"), /vm_config\.configuration is not read.*beside vm_config/);
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

test("a stream without headers among others is nothing to tell of", () => {
  const vm = Vm.load(MODULE_UNDER_TEST);
  const plugin = vm.plugin({ config: "{}" });
  plugin.connect();
  for (let i = 0; i < 100; i++) plugin.openStream().end();
  assert.deepEqual(warnings(vm), []);
});
