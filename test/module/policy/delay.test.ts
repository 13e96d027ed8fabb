// Delayed calls: held with all that comes after them on their connection, and then let go on as they were.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Connection } from "../../emulator/connection.ts";
import type { Vm } from "../../emulator/emulator.ts";
import { concat, request, response, type Request } from "../../frames/frames.ts";
import { hessianString } from "../../frames/hessian2.ts";
import { counted, sendCut } from "../routing/setup.ts";
import { headersOf, message, startTriple } from "../triple/setup.ts";
import { standIn, startPolicies } from "./setup.ts";

const WAIT = 100;
const KIB = 1024;
/** What all connections of a worker may hold, see wire/held_room.ts. */
const BUDGET = 64 * KIB * KIB;
const SLOW = delaying("slow", WAIT);
const NO_WRITES = { name: "no-writes", match: { method: { exact: "SetUser" } }, authorize: "deny" };

/** A policy that has calls of the method `name` wait. */
function delaying(name: string, wait: number, more: object = {}): object {
  const delay = { percentage: 100, fixed_delay: `${wait}ms` };
  return { name, match: { method: { exact: name } }, fault: { delay }, ...more };
}

const get = (id: number): Uint8Array => request({ id });
const set = (id: number): Uint8Array => request({ id, method: "SetUser" });
const slow = (id: number, more: Request = {}): Uint8Array =>
  request({ id, method: "slow", ...more });
const long = (id: number, bytes: number): Uint8Array =>
  slow(id, { args: [hessianString("x".repeat(bytes))] });

/** So much time passes, and the ticks of half a second. */
function pass(vm: Vm, milliseconds: number): void {
  vm.clock.advanceMilliseconds(milliseconds);
  vm.tick();
}

/** Nothing is held of `connection`, and `sent` has gone on. */
function wentOn(connection: Connection, sent: Uint8Array, message?: string): void {
  assert.equal(connection.heldBytes, 0);
  assert.deepEqual(Buffer.from(connection.toUpstream), Buffer.from(sent), message);
}

describe("a delayed call", () => {
  test("waits, with what comes after it, and goes on unchanged", () => {
    const { vm, connection } = startPolicies([SLOW]);
    connection.downstream(concat([get(1), slow(2), get(3)]));
    wentOn(connection, get(1));
    connection.downstream(get(4));
    pass(vm, WAIT - 1);
    wentOn(connection, get(1));
    pass(vm, 1);
    wentOn(connection, concat([get(1), slow(2), get(3), get(4)]));
    connection.downstream(get(5));
    wentOn(connection, concat([get(1), slow(2), get(3), get(4), get(5)]));
    assert.equal(counted(vm, "dubbo_delayed_requests_total", 'policy="slow"', '"slow"'), 1);
    assert.equal(counted(vm, "dubbo_requests_total"), 5);
    assert.equal(counted(vm, "dubbo_refused_requests_total"), 0);
    for (let id = 1; id <= 5; id++) connection.upstream(response({ id }));
    assert.equal(counted(vm, "dubbo_responses_total"), 5);
    assert.equal(counted(vm, "dubbo_requests_active"), 0);
  });

  test("waits from its own time on, and not for those that came before it", () => {
    const { vm, connection } = startPolicies([SLOW]);
    connection.downstream(slow(1));
    pass(vm, 60);
    connection.downstream(concat([get(2), slow(3), get(4)]));
    pass(vm, 39);
    wentOn(connection, new Uint8Array(0));
    pass(vm, 1);
    wentOn(connection, concat([slow(1), get(2)]));
    pass(vm, 59);
    wentOn(connection, concat([slow(1), get(2)]));
    pass(vm, 1);
    wentOn(connection, concat([slow(1), get(2), slow(3), get(4)]));
  });

  test("never overtakes one that waits longer", () => {
    const { vm, connection } = startPolicies([SLOW, delaying("slower", 3 * WAIT)]);
    const all = concat([request({ id: 1, method: "slower" }), slow(2), get(3)]);
    connection.downstream(all);
    pass(vm, 3 * WAIT - 1);
    wentOn(connection, new Uint8Array(0));
    pass(vm, 1);
    wentOn(connection, all);
  });

  test("goes on the same however the bytes are cut, among rewritten and refused ones", () => {
    const routing = { rules: [{ name: "all", attachments: { set: [{ name: "k", value: "v" }] } }] };
    const sent = concat([get(1), slow(2), set(3), slow(4), request({ id: 5, twoway: false })]);
    for (const rest of [{}, { routing }]) {
      const plain = startPolicies([NO_WRITES], { rest });
      const inFront = plain.connection.downstream(get(1));
      plain.connection.downstream(sent.subarray(get(1).length));
      const expected = plain.connection.toUpstream;
      for (let at = 1; at < sent.length; at++) {
        const { vm, connection } = startPolicies([SLOW, NO_WRITES], { rest });
        sendCut(connection, sent, [at]);
        wentOn(connection, inFront, `cut at ${at}, before`);
        pass(vm, WAIT);
        wentOn(connection, expected, `cut at ${at}`);
      }
      const { vm, connection } = startPolicies([SLOW, NO_WRITES], { rest });
      sendCut(
        connection,
        sent,
        Array.from({ length: sent.length - 1 }, (_, i) => i + 1),
      );
      pass(vm, WAIT);
      wentOn(connection, expected, "byte by byte");
    }
  });

  test("waits the longest time of the policies that it meets, and not at all where one refuses it", () => {
    const longer = { name: "longer", fault: { delay: { percentage: 100, fixed_delay: "0.3s" } } };
    const { vm, connection } = startPolicies([SLOW, longer, delaying("slow", 1), NO_WRITES]);
    connection.downstream(set(1));
    wentOn(connection, standIn(1));
    connection.downstream(slow(2));
    pass(vm, 299);
    wentOn(connection, standIn(1));
    pass(vm, 1);
    wentOn(connection, concat([standIn(1), slow(2)]));
    assert.equal(counted(vm, "dubbo_delayed_requests_total", 'policy="longer"'), 1);
    assert.equal(counted(vm, "dubbo_delayed_requests_total"), 1);
  });

  test("is aborted or delayed, as often as both should be", () => {
    const delay = { percentage: 20, fixed_delay: "1ms" };
    const policy = { name: "chaos", fault: { abort: { percentage: 50 }, delay } };
    const { vm, connection } = startPolicies([policy]);
    for (let id = 1; id <= 2000; id++) {
      connection.downstream(request({ id, twoway: false }));
      pass(vm, 1);
    }
    const refused = counted(vm, "dubbo_refused_requests_total", "fault");
    const delayed = counted(vm, "dubbo_delayed_requests_total");
    assert.ok(refused > 850 && refused < 1150, `${refused}`);
    assert.ok(delayed > 130 && delayed < 270, `${delayed}`);
    assert.equal(
      connection.toUpstream.length,
      (2000 - refused) * request({ twoway: false }).length,
    );
  });

  test("is only counted with enforce: false", () => {
    const { vm, connection } = startPolicies([delaying("slow", WAIT, { enforce: false })]);
    connection.downstream(concat([slow(1), get(2)]));
    wentOn(connection, concat([slow(1), get(2)]));
    assert.equal(counted(vm, "dubbo_shadow_delayed_requests_total", 'policy="slow"'), 1);
    assert.equal(counted(vm, "dubbo_delayed_requests_total"), 0);
  });

  test("goes on where the clock was set back", () => {
    const { vm, connection } = startPolicies([SLOW]);
    connection.downstream(slow(1));
    pass(vm, -5000);
    wentOn(connection, slow(1));
  });

  test("is held apart from others: other connections go on", () => {
    const { vm, plugin, connection } = startPolicies([SLOW]);
    const others = Array.from({ length: 5 }, () => plugin.connect());
    connection.downstream(slow(1));
    others.forEach((other, i) => other.downstream(i % 2 === 0 ? slow(1) : get(1)));
    for (const i of [1, 3]) wentOn(others[i]!, get(1));
    others[2]!.close("remote");
    pass(vm, WAIT);
    for (const held of [connection, others[0]!, others[4]!]) wentOn(held, slow(1));
    assert.equal(others[2]!.toUpstream.length, 0);
  });
});

describe("the end of a client", () => {
  test("waits as its calls do, and overtakes none of them", () => {
    for (const at of ["with", "after"]) {
      const { vm, connection } = startPolicies([SLOW]);
      const all = concat([get(1), slow(2), get(3)]);
      connection.downstream(all, at === "with");
      if (at === "after") connection.downstream(new Uint8Array(0), true);
      pass(vm, WAIT - 1);
      wentOn(connection, at === "with" ? new Uint8Array(0) : get(1));
      pass(vm, 1);
      wentOn(connection, all);
      connection.close("remote");
    }
  });

  test("comes after all that wait, and not between them", () => {
    const { vm, connection } = startPolicies([SLOW]);
    connection.downstream(slow(1));
    pass(vm, 60);
    connection.downstream(slow(2), true);
    pass(vm, WAIT - 1);
    wentOn(connection, new Uint8Array(0));
    pass(vm, 1);
    wentOn(connection, concat([slow(1), slow(2)]));
  });

  test("lets half a request go on behind them", () => {
    const { vm, connection } = startPolicies([SLOW]);
    const half = get(2).subarray(0, 30);
    connection.downstream(concat([slow(1), half]));
    connection.downstream(new Uint8Array(0), true);
    pass(vm, WAIT);
    wentOn(connection, concat([slow(1), half]));
  });

  test("begins the grace of close_on_downstream_close when nothing waits any more", () => {
    const { vm, connection } = startPolicies([delaying("slow", 5000)], {
      rest: { close_on_downstream_close: true },
    });
    connection.downstream(slow(1, { twoway: false }), true);
    pass(vm, 4999);
    assert.ok(!connection.closed);
    pass(vm, 1);
    wentOn(connection, slow(1, { twoway: false }));
    pass(vm, 1999);
    assert.ok(!connection.closed);
    pass(vm, 1);
    assert.ok(connection.closed);
  });

  test("in mid-delay leaves nothing behind", () => {
    const { vm, plugin } = startPolicies([SLOW]);
    // More than the budget, if anything stayed taken.
    const held = long(1, 500 * KIB);
    let memory = 0;
    for (let i = 0; i < (2 * BUDGET) / held.length; i++) {
      const connection = plugin.connect({ collect: false });
      connection.downstream(held);
      connection.downstream(get(2));
      assert.equal(connection.downstream(get(3)).length, 0, `connection ${i} is held`);
      connection.close("remote");
      if (i === 5) memory = vm.memoryBytes();
    }
    assert.equal(vm.memoryBytes(), memory);
    pass(vm, WAIT);
    assert.equal(counted(vm, "dubbo_requests_active"), 0);
    const connections = Math.ceil((2 * BUDGET) / held.length);
    assert.equal(counted(vm, "dubbo_unanswered_requests_total"), 3 * connections);
  });
});

describe("where there is no room", () => {
  test("on a connection, all of it goes on at once, in order", () => {
    const { vm, connection } = startPolicies([SLOW]);
    const parts = [get(1), long(2, 500 * KIB), get(3), long(4, 400 * KIB), get(5)];
    connection.downstream(concat(parts));
    wentOn(connection, get(1));
    const more = [slow(6), long(7, 200 * KIB), get(8)];
    connection.downstream(concat(more));
    wentOn(connection, concat([...parts, ...more]));
    connection.downstream(slow(9));
    wentOn(connection, concat([...parts, ...more]));
    pass(vm, WAIT);
    wentOn(connection, concat([...parts, ...more, slow(9)]));
  });

  test("in a read, neither: nothing of it is held", () => {
    const { connection } = startPolicies([SLOW], { rest: { max_body_bytes: 8 * KIB * KIB } });
    const all = concat([get(1), long(2, 600 * KIB), get(3), long(4, 600 * KIB), get(5)]);
    connection.downstream(all);
    wentOn(connection, all);
  });

  test("in the worker, calls go on undelayed", () => {
    const { vm, plugin } = startPolicies([SLOW]);
    const held = long(1, 600 * KIB);
    const all = Array.from({ length: 80 }, () => plugin.connect());
    for (const connection of all) connection.downstream(held);
    const undelayed = all.filter(({ toUpstream }) => toUpstream.length !== 0);
    assert.ok(undelayed.length > 0 && undelayed.length < 40, `${undelayed.length}`);
    pass(vm, WAIT);
    for (const connection of all) assert.equal(connection.toUpstream.length, held.length);
    // All of it is given back.
    const next = plugin.connect();
    next.downstream(held);
    assert.equal(next.toUpstream.length, 0);
  });
});

describe("what is not Dubbo behind a delayed call", () => {
  const garbage = new TextEncoder().encode("GET / HTTP/1.1\r\n\r\n");

  test("goes on behind it", () => {
    const { vm, connection } = startPolicies([SLOW]);
    connection.downstream(concat([slow(1), garbage]));
    connection.downstream(garbage);
    wentOn(connection, new Uint8Array(0));
    pass(vm, WAIT);
    wentOn(connection, concat([slow(1), garbage, garbage]));
    connection.downstream(garbage);
    wentOn(connection, concat([slow(1), garbage, garbage, garbage]));
  });

  test("or from the server, too", () => {
    const { vm, connection } = startPolicies([SLOW]);
    connection.downstream(concat([slow(1), get(2).subarray(0, 40)]));
    connection.upstream(garbage);
    connection.downstream(get(2).subarray(40));
    wentOn(connection, new Uint8Array(0));
    pass(vm, WAIT);
    wentOn(connection, concat([slow(1), get(2)]));
  });

  test("ends the connection where calls are authorized, and nothing more goes on", () => {
    const { vm, connection } = startPolicies([SLOW, NO_WRITES]);
    connection.downstream(concat([get(1), slow(2), garbage]));
    assert.ok(connection.closedFromInside);
    pass(vm, WAIT);
    assert.equal(connection.toUpstream.length, 0);
  });
});

test("the first request that chooses the cluster may be delayed", () => {
  const rules = [{ name: "all", cluster: "blue" }];
  const { vm, connection } = startPolicies([SLOW], { rest: { routing: { rules } } });
  connection.downstream(slow(1).subarray(0, 20));
  connection.downstream(slow(1).subarray(20));
  assert.equal(connection.filterState.get("envoy.tcp_proxy.cluster"), "blue");
  wentOn(connection, new Uint8Array(0));
  pass(vm, WAIT);
  wentOn(connection, slow(1));
});

test("a connection of a plugin that is gone goes on by another's tick", () => {
  const { vm, plugin, connection } = startPolicies([SLOW]);
  connection.downstream(slow(1));
  const next = vm.plugin({ config: "{}" });
  plugin.shutdown();
  pass(vm, WAIT);
  wentOn(connection, slow(1));
  connection.close("remote");
  next.shutdown();
});

test("a provider that ends while a guarded call is delayed: its caller is answered", () => {
  const rest = { answer_on_upstream_close: true };
  const { vm, connection } = startPolicies([SLOW], { rest });
  connection.downstream(slow(1));
  const answer = connection.upstream(new Uint8Array(0), true);
  assert.equal(answer[3], 80);
  connection.close("local");
  pass(vm, WAIT);
  assert.equal(connection.toUpstream.length, 0);
});

describe("over HTTP", () => {
  const policies = [delaying("slow", WAIT)];
  const call = { path: "/a.B/slow" };

  test("a delayed request waits with its body, and others do not", () => {
    const { vm, plugin, clock } = startTriple({ policies });
    const stream = plugin.openStream();
    stream.request(headersOf(call));
    assert.ok(stream.stopped);
    const other = plugin.openStream();
    other.request(headersOf());
    assert.ok(!other.stopped);
    stream.requestBody(message(3), true);
    clock.advanceMilliseconds(WAIT - 1);
    vm.tick();
    assert.ok(stream.stopped);
    clock.advanceMilliseconds(1);
    vm.tick();
    assert.ok(!stream.stopped);
    stream.end();
    other.end();
    assert.equal(counted(vm, "dubbo_delayed_requests_total", 'policy="slow"', "grpc"), 1);
    assert.equal(counted(vm, "dubbo_request_bytes_total", '"slow"'), message(3).length);
  });

  test("one that ends meanwhile leaves nothing behind", () => {
    const { vm, plugin, clock } = startTriple({ policies });
    const streams = [0, 1, 2].map(() => plugin.openStream());
    for (const stream of streams) stream.request(headersOf(call));
    streams[1]!.end();
    clock.advanceMilliseconds(WAIT);
    vm.tick();
    assert.deepEqual(
      streams.map(({ stopped }) => stopped),
      [false, true, false],
    );
    for (const i of [0, 2]) streams[i]!.end();
    assert.equal(counted(vm, "dubbo_requests_active"), 0);
  });

  test("is only counted with enforce: false", () => {
    const { vm, plugin } = startTriple({ policies: [delaying("slow", WAIT, { enforce: false })] });
    const stream = plugin.openStream();
    stream.request(headersOf(call));
    assert.ok(!stream.stopped);
    stream.end();
    assert.equal(counted(vm, "dubbo_shadow_delayed_requests_total", 'policy="slow"'), 1);
  });
});
