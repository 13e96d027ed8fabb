// Conditions on where a call comes from, and values that are taken from the node and from the call.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { concat, request, type Request } from "../../frames/frames.ts";
import { propertyPath, type PropertyValues } from "../../emulator/properties.ts";
import { texts } from "./frames.ts";
import { counted, label, setting, start } from "./setup.ts";
import { meets, taken } from "./taken.ts";

const SOURCE = propertyPath("source", "address");

describe("conditions on the source", () => {
  const from = (addresses: string[], address: string | undefined): boolean =>
    meets(
      { source: { addresses } },
      {},
      { properties: address === undefined ? {} : { [SOURCE]: address } },
    );

  test("IPv4 addresses and networks", () => {
    assert.ok(from(["10.0.0.0/8"], "10.1.2.3:5555") && from(["10.1.2.3"], "10.1.2.3:5555"));
    assert.ok(!from(["10.0.0.0/8"], "11.1.2.3:5555") && !from(["10.1.2.3"], "10.1.2.4:5555"));
    assert.ok(from(["10.1.2.0/23"], "10.1.3.255:1") && !from(["10.1.2.0/23"], "10.1.4.0:1"));
    assert.ok(from(["0.0.0.0/0"], "1.2.3.4:5") && !from(["0.0.0.0/0"], "[2001:db8::1]:5"));
    assert.ok(from(["192.0.2.1", "10.0.0.0/8"], "10.1.2.3:5555"));
    assert.ok(from(["192.0.2.1", "10.0.0.0/8"], "192.0.2.1:5555"));
  });

  test("IPv6 addresses and networks", () => {
    assert.ok(from(["::1"], "[::1]:5555") && !from(["::1"], "[::2]:5555"));
    assert.ok(from(["2001:db8::/32"], "[2001:db8:1:2:3:4:5:6]:80"));
    assert.ok(!from(["2001:db8::/32"], "[2001:db9::1]:80"));
    assert.ok(from(["2001:db8::ff00/120"], "[2001:db8::ffab]:80"));
    assert.ok(from(["10.0.0.0/8"], "[::ffff:10.1.2.3]:80"));
    assert.ok(from(["::/0"], "10.1.2.3:80"));
  });

  test("an address that is none meets nothing", () => {
    for (const address of [
      undefined,
      "",
      "/tmp/socket",
      ":80",
      "[::1]",
      "10.1.2.3",
      "10.1.2.3.4:5",
    ]) {
      assert.ok(!from(["0.0.0.0/0", "::/0"], address), address);
    }
    assert.ok(!from(["0.0.0.0/0"], `${"1".repeat(400)}:5`));
  });

  test("holds for every request of a read, also behind one that cannot be read", () => {
    const rules = [
      {
        name: "r",
        match: { source: { addresses: ["10.0.0.0/8"] } },
        attachments: { set: [{ name: "a", value: "b" }] },
      },
    ];
    const { vm, connection } = start({ rules }, { properties: { [SOURCE]: "10.1.2.3:5555" } });
    connection.downstream(concat([request({ body: Uint8Array.of(0x40) }), request({ id: 2 })]));
    assert.equal(counted(vm, "dubbo_routed_requests_total"), 1);
  });

  test("is asked for once in a connection, and only if a rule wants to know", () => {
    const properties = { [SOURCE]: "10.1.2.3:5555" };
    for (const [match, calls] of [
      [{ source: { addresses: ["10.0.0.0/8"] } }, 1],
      [{ method: { exact: "GetUser" } }, undefined],
    ] as [object, number | undefined][]) {
      const rules = [{ name: "r", match, attachments: { set: [{ name: "a", value: "b" }] } }];
      const { vm, connection } = start({ rules }, { properties });
      vm.resetHostCalls();
      for (let i = 0; i < 5; i++) connection.downstream(concat([request(), request()]));
      assert.equal(vm.hostCalls["proxy_get_property"], calls);
      assert.equal(counted(vm, "dubbo_routed_requests_total"), 10);
    }
  });

  test("belongs to each connection", () => {
    const rules = [{ name: "ten", match: { source: { addresses: ["10.0.0.0/8"] } } }];
    const { vm, plugin } = start({ rules });
    const ten = plugin.connect({ properties: { [SOURCE]: "10.0.0.1:1" } });
    const other = plugin.connect({ properties: { [SOURCE]: "11.0.0.1:1" } });
    for (const connection of [ten, other, ten, other, other]) connection.downstream(request());
    assert.equal(counted(vm, "dubbo_routed_requests_total"), 2);
  });

  test("labels of the node", () => {
    const properties = { [label("app")]: "shop", [label("example.com/tier")]: "front-1" };
    const labelled = (labels: object[]): boolean =>
      meets({ source: { labels } }, {}, { properties });
    assert.ok(labelled([{ name: "app", exact: "shop" }]));
    assert.ok(!labelled([{ name: "app", exact: "sho" }]) && !labelled([{ name: "x", exact: "y" }]));
    assert.ok(labelled([{ name: "example.com/tier", prefix: "front" }]));
    const both = [
      { name: "app", suffix: "op" },
      { name: "example.com/tier", suffix: "-2" },
    ];
    assert.ok(!labelled(both) && labelled(both.slice(0, 1)));
  });
});

test("the side of the call", () => {
  for (const side of ["consumer", "provider"]) {
    const rules = [{ match: { side: "consumer" } }, { match: { side: "provider" } }];
    assert.equal(taken(rules, {}, { rest: { side } }), side === "consumer" ? "r0" : "r1");
  }
  const rules = [{ match: { side: "provider" } }];
  const properties = { [propertyPath("xds", "listener_direction")]: 1 };
  assert.equal(taken(rules, {}, { rest: { side: "auto" }, properties }), "r0");
});

describe("values", () => {
  const setTo = (set: object[], call: Request, properties: PropertyValues = {}) => {
    const { connection } = start({ rules: [{ attachments: { set } }] }, { properties });
    connection.downstream(request(call));
    return texts(connection.toUpstream);
  };

  test("from the node", () => {
    const properties = {
      [label("version")]: "v7-ü",
      [label("a.b/c")]: "dots",
      [propertyPath("xds", "node", "metadata", "CLUSTER_ID")]: "east",
    };
    const set = [
      { name: "v", from_node: "LABELS.version" },
      { name: "d", from_node: "LABELS.a.b/c" },
      { name: "c", from_node: "CLUSTER_ID" },
      { name: "n", from_node: "LABELS.none" },
      { name: "spoof", from_node: "LABELS.none" },
    ];
    const is = setTo(set, { attachments: { spoof: "me" } }, properties);
    assert.deepEqual(is, { v: "v7-ü", d: "dots", c: "east" });
  });

  test("from the call", () => {
    for (const serialization of ["hessian2", "fastjson2"]) {
      const set = ["interface", "method", "version", "group"].map((from) => ({
        name: `x-${from}`,
        from_invocation: from,
      }));
      const call = { serialization, path: "a.B", method: "g😀".repeat(30), version: "" };
      const long = setTo(set, { ...call, attachments: { group: "g".repeat(2000) } });
      assert.equal(long["x-interface"], "a.B");
      assert.equal(long["x-method"], "g😀".repeat(30));
      assert.equal(long["x-version"], "0.0.0");
      assert.equal(long["x-group"], "g".repeat(2000));
      assert.ok(!("x-group" in setTo(set, { ...call, attachments: {} })));
    }
  });

  test("of every length", () => {
    for (const serialization of ["hessian2", "fastjson2"]) {
      for (const length of [1, 31, 32, 47, 48, 255, 256, 1023, 1024]) {
        for (const unit of ["x", "é", "中"]) {
          const value = unit.repeat(length);
          const { connection } = start(setting({ k: value }));
          connection.downstream(request({ serialization }));
          assert.equal(texts(connection.toUpstream)["k"], value, `${length} of ${unit}`);
        }
      }
    }
  });
});
