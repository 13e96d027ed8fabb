// Tests of the emulator itself: callbacks, buffers and the life of contexts, as in Envoy.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Action, LogLevel, Status } from "./abi.ts";
import { Vm } from "./emulator.ts";
import { Trap } from "./errors.ts";
import { connectGuest, guest, messages } from "./guest.ts";
import { hex } from "./hex.ts";

const bytes = (written: string): Uint8Array => new TextEncoder().encode(written);
const text = (data: Uint8Array): string => new TextDecoder().decode(data);

test("callbacks come in Envoy's order", async () => {
  const say = (name: string): string => `log(1, "${name} " + ctx.toString())`;
  const bodies = {
    create: 'log(1, "create " + ctx.toString() + " under " + root.toString())',
    vmStart: 'log(1, "start " + root.toString())',
    configure: 'log(1, "configure " + size.toString())',
    newConnection: say("new"),
    downstream: say("data"),
    upstream: 'log(1, "upstream " + size.toString() + " end " + end.toString())',
    upstreamClose: 'log(1, "upstream close by " + peer.toString())',
    downstreamClose: 'log(1, "close by " + peer.toString())',
    done: say("done"),
    log: say("log"),
    delete: say("delete"),
  };
  const vm = Vm.load(await guest(bodies));
  const first = vm.plugin({ config: "{}" });
  const second = vm.plugin();
  assert.equal(second.id, 2);
  const connection = first.connect();
  connection.downstream(bytes("x"));
  connection.upstream(bytes("yz"), true);
  connection.close("remote");
  first.connect().end();
  assert.deepEqual(messages(vm), [
    ...["create 1 under 0", "start 1", "configure 2"],
    ...["create 2 under 0", "start 2", "configure 0"],
    ...["create 3 under 1", "new 3", "data 3", "upstream 2 end 1", "upstream close by 0"],
    ...["close by 2", "done 3", "log 3", "delete 3"],
    ...["create 4 under 1", "new 4", "done 4", "log 4", "delete 4"],
  ]);
  assert.equal(vm.logs.at(-1)!.callback, "proxy_on_delete");
  assert.equal(vm.dataLogs().length, 2);
});

test("held downstream bytes are offered again, whole", async () => {
  const { vm, connection } = await connectGuest({
    downstream: "log(1, size.toString()); if (size < 5) return 1; get(2, 0, size)",
  });
  assert.equal(connection.downstream(bytes("ab")).length, 0);
  assert.equal(connection.heldBytes, 2);
  assert.equal(text(connection.downstream(bytes("cdef"))), "abcdef");
  assert.equal(text(connection.downstream(bytes("ghijkl"))), "ghijkl");
  assert.equal(text(connection.toUpstream), "abcdefghijkl");
  assert.deepEqual(messages(vm), ["2", "6", "6"]);
  assert.equal(vm.mallocCalls, 2);
  assert.equal(vm.hostCalls.proxy_get_buffer_bytes, 2);
  vm.resetHostCalls();
  assert.deepEqual(vm.hostCalls, {});
});

test("a full buffer of held bytes is a deadlock", async () => {
  const vm = Vm.load(await guest({ downstream: "return 1" }));
  const connection = vm.plugin().connect({ bufferLimit: 4 });
  connection.downstream(bytes("abc"));
  assert.throws(() => connection.downstream(bytes("d")), /4 bytes held/);
});

test("upstream data cannot be held, and an action must be one", async () => {
  const held = await connectGuest({ upstream: "return 1" });
  assert.throws(() => held.connection.upstream(bytes("x")), /StopIteration for upstream/);
  const odd = await connectGuest({ downstream: "return 2" });
  assert.throws(() => odd.connection.downstream(bytes("x")), /returned 2/);
  const waiting = await connectGuest({ newConnection: "return 1" });
  assert.equal(waiting.connection.newConnectionAction, Action.StopIteration);
});

test("reading a buffer clamps as Envoy does", async () => {
  const { vm, connection } = await connectGuest({
    downstream: `
      store<u64>(A, -1); store<u64>(B, -1);
      const status = size == 4 ? get(2, 1, 2) : size == 5 ? get(2, 3, u32.MAX_VALUE) : get(2, 9, 1);
      log(1, status.toString() + " " + load<u32>(A).toString() + " " + load<u32>(B).toString()
        + " " + load<u8>(SCRATCH).toString())`,
  });
  for (const offered of ["abcd", "abcde", "abcdef"]) connection.downstream(bytes(offered));
  const [inside, clamped, beyond] = messages(vm).map((line) => line.split(" ").map(Number));
  assert.deepEqual([inside![0], inside![2], inside![3]], [Status.Ok, 2, 0x62]);
  assert.deepEqual([clamped![0], clamped![2], clamped![3]], [Status.Ok, 2, 0x64]);
  assert.deepEqual(beyond!.slice(0, 3), [Status.Ok, 0, 0]);
  assert.equal(vm.mallocCalls, 2);
});

test("writing a buffer replaces from its start, appends, and does nothing in the middle", async () => {
  const { vm, connection } = await connectGuest({
    downstream: `
      if (size == 3) set(2, 0, 2, "new-");
      if (size == 4) set(2, 4, 0, "-end");
      if (size == 5) log(1, set(2, 2, 1, "?").toString());
      if (size == 6) set(2, 0, 7, "?")`,
    upstream: 'if (end) set(3, 0, 0, "bye")',
  });
  assert.equal(text(connection.downstream(bytes("abc"))), "new-c");
  assert.equal(text(connection.downstream(bytes("abcd"))), "abcd-end");
  assert.equal(text(connection.downstream(bytes("abcde"))), "abcde");
  assert.deepEqual(messages(vm), [String(Status.BadArgument)]);
  assert.equal(text(connection.upstream(new Uint8Array(0), true)), "bye");
  assert.throws(() => connection.downstream(bytes("abcdef")), /drops 7 of 6/);
});

test("a buffer is open only in the data callback of its side", async () => {
  for (const [bodies, expected] of [
    [{ downstream: "get(3, 0, 1)" }, /buffer 3 is not open in proxy_on_downstream_data/],
    [{ downstream: 'set(3, 0, 0, "x")' }, /buffer 3 is not open/],
    [{ downstream: "get(7, 0, 1)" }, /configuration is not open/],
    [{ downstream: "get(0, 0, 1)" }, /buffer 0 is not open/],
    [{ downstream: "proxy_set_effective_context(1); get(2, 0, 1)" }, /buffer 2 is not open/],
    [{ newConnection: "get(2, 0, 1)" }, /buffer 2 is not open in proxy_on_new_connection/],
    [{ downstreamClose: "get(2, 0, 1)" }, /not open in proxy_on_downstream_connection_close/],
  ] as const) {
    const run = async (): Promise<void> => {
      const { connection } = await connectGuest(bodies);
      connection.downstream(bytes("x"));
      connection.close("local");
    };
    await assert.rejects(run, expected);
  }
});

test("a configuration is read in proxy_on_configure, and may be refused", async () => {
  const module = await guest({
    configure: `
      get(7, 0, size);
      if (size > 0 && load<u8>(load<u32>(A)) == 0x78) { log(4, "no x please"); return 0; }`,
  });
  const vm = Vm.load(module);
  assert.equal(vm.plugin({ config: "yes" }).refused, undefined);
  const refused = vm.plugin({ config: "x" });
  assert.deepEqual(refused.refused, [
    { level: LogLevel.error, message: "no x please", callback: "proxy_on_configure", contextId: 2 },
  ]);
  assert.throws(() => refused.connect(), /takes no connections/);
});

test("a trap tells callback and input, and the VM is dead afterwards", async () => {
  const { vm, connection } = await connectGuest({
    downstream: "if (size > 1) unreachable(); return 1",
  });
  connection.downstream(hex("da"));
  assert.throws(
    () => connection.downstream(hex("bb c2")),
    (error) =>
      error instanceof Trap &&
      error.cause instanceof WebAssembly.RuntimeError &&
      error.callback === "proxy_on_downstream_data" &&
      Buffer.from(error.input).toString("hex") === "dabbc2" &&
      error.message.includes("da bb c2"),
  );
  assert.throws(() => vm.plugin(), /has failed before/);
});

test("a deleted context gets no callbacks and cannot be chosen", async () => {
  const { connection } = await connectGuest({});
  connection.close("local");
  assert.throws(() => connection.upstream(bytes("x")), /context 2 has been deleted/);
  assert.throws(() => connection.end(), /has been deleted/);
  const vm = Vm.load(
    await guest({
      tick: "proxy_set_effective_context(2)",
      vmStart: "proxy_set_tick_period_milliseconds(10)",
    }),
  );
  const plugin = vm.plugin();
  const open = plugin.connect();
  vm.tick();
  open.close("remote");
  assert.throws(() => vm.tick(), /effective context 2 does not exist/);
});

test("ticks go to the plugins that asked, also by one of their connections", async () => {
  const vm = Vm.load(
    await guest({
      newConnection: "proxy_set_tick_period_milliseconds(1000)",
      tick: "log(1, root.toString())",
    }),
  );
  vm.plugin();
  const second = vm.plugin();
  vm.tick();
  second.connect();
  assert.equal(second.tickMilliseconds, 1000);
  vm.tick();
  assert.deepEqual(messages(vm), ["2"]);
});

test("a plugin shuts down at once, or when the module says so", async () => {
  const vm = Vm.load(await guest({ delete: 'log(1, "deleted " + ctx.toString())' }));
  const plugin = vm.plugin();
  plugin.shutdown();
  assert.deepEqual(messages(vm), ["deleted 1"]);
  assert.throws(() => plugin.connect(), /shut down/);
  const slow = Vm.load(
    await guest({
      done: "return ctx == 1 ? 0 : 1",
      downstream: "proxy_set_effective_context(1); proxy_done()",
      delete: 'log(1, "deleted " + ctx.toString())',
    }),
  );
  const waiting = slow.plugin();
  const connection = waiting.connect();
  waiting.shutdown();
  assert.deepEqual(messages(slow), []);
  connection.downstream(bytes("x"));
  assert.deepEqual(messages(slow), ["deleted 1"]);
  assert.throws(() => connection.downstream(bytes("x")), /effective context 1/);
});
