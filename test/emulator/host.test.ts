// Tests of the emulator's host functions, other than buffers and metrics.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Status } from "./abi.ts";
import { Clock } from "./clock.ts";
import { Vm } from "./emulator.ts";
import { HostError } from "./errors.ts";
import { connectGuest, guest, messages } from "./guest.ts";
import { propertyPath } from "./properties.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

test("pointers outside memory, null pointers and text that is none are refused", async () => {
  for (const [body, expected] of [
    ["proxy_log(1, 0xfffffff0, 4)", /outside memory/],
    ["proxy_log(1, SCRATCH, 0x7fffffff)", /outside memory/],
    ["proxy_log(9, SCRATCH, 0)", /unknown level 9/],
    ["store<u8>(SCRATCH, 0xff); proxy_log(1, SCRATCH, 1)", /not UTF-8/],
    ["proxy_get_current_time_nanoseconds(0)", /null pointer/],
    ["proxy_get_current_time_nanoseconds((memory.size() << 16) - 7)", /outside memory/],
    ["proxy_get_buffer_bytes(2, 0, 1, 0, B)", /null pointer/],
  ] as const) {
    const { connection } = await connectGuest({ downstream: body });
    assert.throws(() => connection.downstream(bytes("x")), expected, body);
  }
});

test("malloc must give memory and must not call the host", async () => {
  const none = await connectGuest({ malloc: "return 0", downstream: "get(2, 0, 1)" });
  assert.throws(() => none.connection.downstream(bytes("x")), /malloc\(1\) gave null/);
  const far = await connectGuest({
    malloc: "return (memory.size() << 16) - 1",
    downstream: "get(2, 0, 2)",
  });
  assert.throws(() => far.connection.downstream(bytes("xy")), /memory from malloc.*outside/);
  const chatty = await connectGuest({ malloc: 'log(1, "hi")', downstream: "get(2, 0, 1)" });
  assert.throws(() => chatty.connection.downstream(bytes("x")), /proxy_log called in malloc/);
});

test("memory that grows in malloc is seen grown", async () => {
  const { vm, connection } = await connectGuest({
    malloc: "return (memory.grow(1) << 16)",
    downstream: "get(2, 0, size); log(1, load<u8>(load<u32>(A)).toString())",
  });
  const before = vm.memoryBytes();
  connection.downstream(bytes("a"));
  assert.deepEqual(messages(vm), ["97"]);
  assert.equal(vm.memoryBytes(), before + 65536);
});

test("a module may import only what is allowed", async () => {
  const clearing = await guest({ downstream: "proxy_clear_route_cache()" });
  assert.throws(() => Vm.load(clearing), /env\.proxy_clear_route_cache, which it is not allowed/);
  assert.throws(() => Vm.load(clearing, { allowed: ["proxy_clear_route_cache"] }), /not emulated/);
  const logging = await guest({ downstream: 'log(1, "x")' });
  assert.throws(() => Vm.load(logging, { allowed: [] }), HostError);
});

test("properties come from the connection, the plugin, the VM, or are not found", async () => {
  const read = (path: string): string =>
    `log(1, proxy_get_property(text("${path}"), textSize, A, B).toString() + " " + load<u32>(B).toString()
      + " " + load<u8>(SCRATCH).toString());`;
  const module = await guest({
    newConnection:
      read("connection\\0id") + read("xds\\0listener_direction") + read("plugin_root_id"),
    downstream: `proxy_set_property(text("dubbo.interface"), textSize, text("dubbo.interface"), 5);
      ${read("dubbo.interface")} ${read("nothing")}`,
    tick: 'log(1, proxy_set_property(text("dubbo"), textSize, A, 1).toString())',
    vmStart: "proxy_set_tick_period_milliseconds(1)",
  });
  const direction = propertyPath("xds", "listener_direction");
  const vm = Vm.load(module, { properties: { [direction]: 1 } });
  const plugin = vm.plugin({ properties: { [direction]: 2 } });
  const connection = plugin.connect({ properties: { [propertyPath("connection", "id")]: "id" } });
  assert.deepEqual(messages(vm), ["0 2 105", "0 8 2", "0 5 100"]);
  connection.downstream(bytes("x"));
  assert.deepEqual(messages(vm).slice(3), ["0 5 100", "1 5 100"]);
  assert.equal(connection.filterState.get("wasm.dubbo.interface"), "dubbo");
  vm.tick();
  assert.equal(messages(vm).at(-1), String(Status.NotFound));
});

test("set_envoy_filter_state sets known objects on the connection", async () => {
  const call = (name: string, path: string, size = path.length): string =>
    `text("\\x0a\\x${size.toString(16).padStart(2, "0")}${path}\\x12\\x02v1\\x18\\x02");
     const argument = SCRATCH; memory.copy(argument, TEXT, textSize); const argumentSize = textSize;
     log(1, proxy_call_foreign_function(text("${name}"), textSize, argument, argumentSize, A, B).toString())`;
  const known = "envoy.tcp_proxy.cluster";
  for (const [body, status, value] of [
    [call("set_envoy_filter_state", known), Status.Ok, "v1"],
    [call("set_envoy_filter_state", "envoy.unknown"), Status.NotFound, undefined],
    [call("set_envoy_filter_state", known, 90), Status.BadArgument, undefined],
    [call("set_filter_state", known), Status.NotFound, undefined],
  ] as const) {
    const { vm, connection } = await connectGuest({ downstream: body });
    connection.downstream(bytes("x"));
    assert.deepEqual(messages(vm), [String(status)]);
    assert.equal(connection.filterState.get(known), value);
  }
});

test("shared data is guarded by its number", async () => {
  const { vm, connection } = await connectGuest({
    downstream: `
      const absent = proxy_get_shared_data(text("k"), textSize, A, B, C);
      proxy_set_shared_data(TEXT, 1, TEXT, 1, 0);
      proxy_get_shared_data(TEXT, 1, A, B, C);
      const cas = load<u32>(C);
      const same = proxy_set_shared_data(TEXT, 1, TEXT, 1, cas);
      const late = proxy_set_shared_data(TEXT, 1, TEXT, 1, cas);
      log(1, absent.toString()); log(1, same.toString()); log(1, late.toString())`,
  });
  connection.downstream(bytes("x"));
  const expected = [Status.NotFound, Status.Ok, Status.CasMismatch];
  assert.deepEqual(messages(vm), expected.map(String));
});

test("time stands still unless it is moved", async () => {
  const clock = new Clock(5n);
  const vm = Vm.load(
    await guest({
      downstream: "proxy_get_current_time_nanoseconds(A); log(1, load<u64>(A).toString())",
    }),
    { clock },
  );
  const connection = vm.plugin().connect();
  connection.downstream(bytes("x"));
  connection.downstream(bytes("x"));
  clock.advanceMilliseconds(1.5);
  connection.downstream(bytes("x"));
  assert.deepEqual(messages(vm), ["5", "5", "1500005"]);
});
