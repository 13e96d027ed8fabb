// Attachments in all their forms: absent and null ones, typed maps, keys in other case and twice, values
// that are no texts; and requests that cannot be changed.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { concat, fixture, fixtureIndex, hex, request } from "../../frames/frames.ts";
import { hessian2, hessianMap, hessianString } from "../../frames/hessian2.ts";
import { shown, splitFrames, take, texts } from "./frames.ts";
import { hold, RULE, SET } from "./held.ts";
import { counted, start } from "./setup.ts";

describe("attachments", () => {
  const send = (routing: object, frame: Uint8Array): Uint8Array => {
    const { connection } = start(routing);
    connection.downstream(frame);
    return connection.toUpstream;
  };
  /** A request whose attachments are these bytes. */
  const withBytes = (attachments: Uint8Array): Uint8Array => {
    const strings = ["2.0.2", "a.B", "1.0", "go", "I"].map((text) => hessianString(text));
    return request({ body: concat([...strings, hessian2(7), attachments]) });
  };

  test("that are null, absent or a typed map become a map", () => {
    for (const [attachments, kept] of [
      [hex("4e"), 0],
      [hex(""), 0],
      [concat([hex("4d"), hessianString("java.util.HashMap"), ...pair("a", "b"), hex("5a")]), 1],
      [hessianMap({ a: "b" }), 1],
      [hessianMap({}), 0],
    ] as [Uint8Array, number][]) {
      const before = withBytes(attachments);
      const after = send(RULE, before);
      hold(before, after);
      assert.equal(take(after).entries.length, kept + 2);
      assert.equal(after[16 + take(after).head.length + 1], 0x48);
    }
  });

  test("in fastjson2 that are null or absent become an object", () => {
    for (const attachments of [null, {}]) {
      const before = request({ serialization: "fastjson2", attachments });
      hold(before, send(RULE, before));
    }
    const whole = request({ serialization: "fastjson2", attachments: null });
    const without = request({ serialization: "fastjson2", body: whole.slice(16, -5) });
    hold(without, send(RULE, without));
  });

  test("that exist are replaced, in any case and however often", () => {
    for (const serialization of ["hessian2", "fastjson2"]) {
      const before = request({
        serialization,
        attachments: {
          "Dubbo-Route": "v1",
          other: "x",
          "DUBBO-ROUTE": 5,
          "dubbo-route": true,
          "remote.Application": "me",
          "source-Version": { a: 1 },
        },
      });
      const after = send(RULE, before);
      assert.deepEqual(texts(after), { other: "x", ...SET });
      assert.equal(take(after).entries.length, 3);
    }
  });

  // The reader remembers where sixteen of them stand.
  for (const times of [15, 16, 17, 40]) {
    test(`that exist ${times} times are replaced`, () => {
      const entries = Array.from({ length: times }, (_, i) => {
        return [...pair(`k${i}`, "kept"), ...pair("dubbo-route", `v${i}`)];
      });
      const before = withBytes(concat([hex("48"), ...entries.flat(), hex("5a")]));
      const after = send(RULE, before);
      hold(before, after);
      assert.equal(take(after).entries.length, times + 2);
    });
  }

  test("that are no strings are kept byte for byte", () => {
    const values = ["5b", "3801ff", "4c0000000000000001", "23010203", "5d07", "4a0000000000000001"];
    const entries = values.map((value, i) => concat([hessianString(`k${i}`), hex(value)]));
    const before = withBytes(
      concat([hex("48"), ...entries, hex("91"), hessianString("int key"), hex("5a")]),
    );
    hold(before, send(RULE, before));
  });

  test("set twice in one rule, by rule and choice, or set and protected, stand once", () => {
    const twice = { set: [set("a", "1"), set("A", "2"), set("b", "3")] };
    const frame = request({ attachments: { A: "0", c: "4" } });
    const written = (routing: object): [string | null, string | null][] =>
      take(send(routing, frame))
        .entries.map(({ key, text }): [string | null, string | null] => [key, text])
        .sort();
    const once = [
      ["A", "2"],
      ["b", "3"],
      ["c", "4"],
    ];
    assert.deepEqual(written({ rules: [{ attachments: twice }] }), once);
    const choices = [{ weight: 1, attachments: { set: [set("b", "3")] } }];
    const rule = { attachments: { set: [set("A", "2"), set("b", "0")] }, split: { choices } };
    assert.deepEqual(written({ rules: [rule], protected: ["a"] }), once);
  });

  test("of a frame over the limit are left alone and that is counted", () => {
    const { vm, connection } = start({ ...RULE, max_rewrite_bytes: 1024 });
    const small = request({ args: ["x".repeat(500)] });
    const large = request({ args: ["x".repeat(1024)] });
    connection.downstream(concat([large, small, large]));
    const [one, two, three] = splitFrames(connection.toUpstream);
    assert.equal(shown(one!, three!), shown(large, large));
    hold(small, two!);
    const reason = 'dubbo_reason="too_large"';
    assert.equal(counted(vm, "dubbo_unrewritten_requests_total", reason), 2);
    assert.equal(counted(vm, "dubbo_unrewritten_requests_total"), 2);
    assert.equal(counted(vm, "dubbo_routed_requests_total", 'dubbo_rule="all"'), 3);
  });

  test("of frames that cannot be read are left alone and that is counted", () => {
    const { vm, connection } = start(RULE);
    const java = fixtureIndex().find(({ file }) => /\/java-.*-request/.test(file))!.file;
    const bad = request({ desc: "x", args: [] });
    const bytes = concat([fixture(java), bad, request({ serialization: 12 })]);
    connection.downstream(bytes);
    assert.equal(shown(connection.toUpstream), shown(bytes));
    const name = "dubbo_unrewritten_requests_total";
    assert.equal(counted(vm, name, 'dubbo_reason="serialization"'), 1);
    assert.equal(counted(vm, name, 'dubbo_reason="undecodable"'), 1);
    assert.equal(counted(vm, "dubbo_refused_connections_total"), 0);
  });
});

function pair(key: string, value: string): Uint8Array[] {
  return [hessianString(key), hessianString(value)];
}

function set(name: string, value: string): object {
  return { name, value };
}
