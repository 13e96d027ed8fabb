// Connection mode: the first request chooses the cluster of tcp_proxy, no connection hangs, and what
// was chosen wrongly is counted.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Action } from "../../emulator/abi.ts";
import { concat, heartbeat, hex, request, type Request, response } from "../../frames/frames.ts";
import { shown, texts } from "./frames.ts";
import { counted, pluginOf, sendCut, start } from "./setup.ts";

const CLUSTER = "envoy.tcp_proxy.cluster";
const RULES = [
  { name: "users", match: { interface: { exact: "a.User" } }, cluster: "user-provider" },
  {
    name: "blue",
    match: { interface: { exact: "a.Order" }, attachments: [{ name: "color", exact: "blue" }] },
    cluster: "order-blue",
  },
  { name: "orders", match: { interface: { exact: "a.Order" } }, cluster: "order-provider" },
  { name: "no cluster", match: { interface: { exact: "a.None" } } },
];
const ROUTING = { rules: RULES };
const call = (path: string, more: Request = {}): Uint8Array => request({ path, ...more });
const blue = { extraAttachments: { color: "blue" } };

describe("a connection waits for its first request", () => {
  test("only where a rule has a cluster", () => {
    assert.equal(start(ROUTING).connection.newConnectionAction, Action.StopIteration);
    for (const routing of [
      {},
      { rules: [] },
      { rules: [RULES[3]!], filter_state: true, protected: ["a"] },
      { rules: [{ ...RULES[0]!, match: { source: { labels: [{ name: "app", exact: "x" }] } } }] },
    ]) {
      assert.equal(start(routing).connection.newConnectionAction, Action.Continue);
    }
  });

  for (const [name, bytes, cluster] of [
    ["users", call("a.User"), "user-provider"],
    ["orders", call("a.Order"), "order-provider"],
    ["blue", call("a.Order", blue), "order-blue"],
    ["blue, fastjson2", call("a.Order", { ...blue, serialization: "fastjson2" }), "order-blue"],
    ["one-way", call("a.User", { twoway: false }), "user-provider"],
  ] as [string, Uint8Array, string][]) {
    test(`which picks the cluster at every split: ${name}`, () => {
      const { vm, plugin } = start(ROUTING);
      const stream = concat([bytes, heartbeat()]);
      const places = Array.from({ length: stream.length - 1 }, (_, i) => i + 1);
      for (const cut of [[], places, ...places.map((place) => [place])]) {
        const connection = plugin.connect();
        sendCut(connection, stream, cut);
        assert.equal(connection.filterState.get(CLUSTER), cluster, String(cut));
        assert.equal(shown(connection.toUpstream), shown(stream));
        assert.equal(connection.heldBytes, 0);
        connection.close("remote");
      }
      assert.equal(counted(vm, "dubbo_misrouted_requests_total"), 0);
      assert.equal(counted(vm, "dubbo_unrouted_connections_total"), 0);
      const requests = counted(vm, "dubbo_requests_total");
      assert.equal(requests, places.length + 2, "each request is counted once");
    });
  }

  test("and is rewritten as well", () => {
    const set = [{ name: "to", value: "x" }];
    const rules = [{ ...RULES[0]!, attachments: { set } }];
    const { plugin } = start({ rules, protected: ["color"] });
    const bytes = call("a.User", blue);
    for (let place = 1; place < bytes.length; place += 3) {
      const connection = plugin.connect();
      sendCut(connection, bytes, [place]);
      assert.equal(connection.filterState.get(CLUSTER), "user-provider");
      const is = texts(connection.toUpstream);
      assert.ok(is["to"] === "x" && !("color" in is));
    }
  });

  const half = call("a.User").subarray(0, 60);
  for (const [name, bytes, end] of [
    ["a heartbeat comes first", concat([heartbeat(), call("a.User")]), false],
    ["an answer comes first", response(), false],
    ["foreign bytes come first", new TextEncoder().encode("GET / HTTP/1.1"), false],
    ["one foreign byte comes first", hex("00"), false],
    ["half a magic comes first", hex("da00"), false],
    ["the stream ends at once", hex(""), true],
    ["the stream ends in the header", half.subarray(0, 5), true],
    ["the stream ends in the request", half, true],
    ["no rule is met", call("a.Other"), false],
    ["a rule without cluster is met", call("a.None"), false],
    ["the request cannot be read", request({ body: hex("0530") }), false],
  ] as [string, Uint8Array, boolean][]) {
    test(`but goes on without cluster where ${name}`, () => {
      const { plugin } = start(ROUTING);
      const connection = plugin.connect();
      const out = connection.downstream(bytes, end);
      assert.equal(shown(out), shown(bytes));
      assert.equal(connection.filterState.get(CLUSTER), undefined);
    });
  }

  test("a large first request is not awaited for ever", () => {
    const { connection } = start(ROUTING);
    const bytes = call("a.User", { args: ["x".repeat(900_000)] });
    let sent = 0;
    for (; connection.heldBytes === sent; sent += 16_384) {
      connection.downstream(bytes.subarray(sent, sent + 16_384));
      assert.ok(sent < 300_000, "Envoy's buffer is nearly full");
    }
    assert.equal(connection.filterState.get(CLUSTER), "user-provider");
  });
});

test("a later request that should go elsewhere is counted, and goes on", () => {
  const { vm, connection } = start(ROUTING);
  const bytes = concat([
    ...[call("a.User"), call("a.Order"), call("a.User"), call("a.Order", blue)],
    ...[heartbeat(), response()],
  ]);
  connection.downstream(bytes);
  assert.equal(shown(connection.toUpstream), shown(bytes));
  assert.equal(connection.filterState.get(CLUSTER), "user-provider");
  assert.equal(counted(vm, "dubbo_misrouted_requests_total"), 2);
});

test("requests behind a heartbeat that came first are counted as misrouted", () => {
  const { vm, connection } = start(ROUTING);
  connection.downstream(concat([heartbeat(), call("a.User"), call("a.None")]));
  assert.equal(counted(vm, "dubbo_misrouted_requests_total"), 1);
});

describe("where no early data comes", () => {
  test("connections go on after three seconds, and are counted", () => {
    const { vm, plugin, connection } = start(ROUTING);
    vm.clock.advanceMilliseconds(1000);
    const later = plugin.connect();
    vm.clock.advanceMilliseconds(1900);
    vm.tick();
    assert.ok(!connection.continued);
    vm.clock.advanceMilliseconds(100);
    vm.tick();
    assert.ok(connection.continued && !later.continued);
    vm.clock.advanceMilliseconds(1000);
    vm.tick();
    assert.ok(later.continued);
    assert.equal(counted(vm, "dubbo_unrouted_connections_total"), 2);
    connection.downstream(call("a.User"));
    assert.equal(shown(connection.toUpstream), shown(call("a.User")));
    assert.equal(counted(vm, "dubbo_misrouted_requests_total"), 1);
    for (const each of [connection, later]) each.close("remote");
    vm.clock.advanceMilliseconds(9000);
    assert.equal(counted(vm, "dubbo_unrouted_connections_total"), 2);
  });

  test("one that closes meanwhile is forgotten", () => {
    const { vm, plugin, connection } = start(ROUTING);
    const [middle, last] = [plugin.connect(), plugin.connect()];
    middle.close("remote");
    connection.end();
    vm.clock.advanceMilliseconds(3000);
    vm.tick();
    assert.ok(last.continued);
    assert.equal(counted(vm, "dubbo_unrouted_connections_total"), 1);
  });

  test("but as soon as it has come once, all may wait", () => {
    const { vm, plugin, connection } = start(ROUTING);
    connection.downstream(call("a.User").subarray(0, 3));
    const waiting = plugin.connect();
    for (let i = 0; i < 20; i++) {
      vm.clock.advanceMilliseconds(1000);
      vm.tick();
    }
    assert.ok(!waiting.continued);
    waiting.downstream(call("a.Order"));
    assert.equal(waiting.filterState.get(CLUSTER), "order-provider");
    assert.equal(counted(vm, "dubbo_unrouted_connections_total"), 0);
  });

  test("at another listener of the VM, whose connections do not wait for ever", () => {
    const { vm, connection } = start(ROUTING);
    const without = pluginOf(vm, ROUTING, { metrics: { max_series: 7 } }).connect();
    connection.downstream(call("a.User"));
    vm.clock.advanceMilliseconds(3000);
    vm.tick();
    assert.ok(without.continued);
    assert.equal(counted(vm, "dubbo_unrouted_connections_total"), 1);
  });
});
