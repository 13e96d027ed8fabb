// Keys that only the filter may set: in whatever spelling, place or frame a caller sends one, it does
// not reach the server. Either it is removed, or the call is refused, or the connection is closed, with
// nothing of the frame gone on. What the server would read is judged by readers that know nothing of the
// module.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  concat,
  fixture,
  fixtureIndex,
  heartbeat,
  hex,
  request,
  response,
} from "../../frames/frames.ts";
import { hessian2, hessianString } from "../../frames/hessian2.ts";
import { shown, splitFrames, take } from "./frames.ts";
import { counted, sendCut, start } from "./setup.ts";
import { answered, beatAnswer, standIn } from "../policy/setup.ts";
import { CLOSED, key, KEY, LONG_KEY, REFUSED, REMOVED, utf8, v2 } from "./spoofs.ts";

const ROUTING = { protected: [KEY, LONG_KEY] };

function carries(frame: Uint8Array): boolean {
  return take(frame).entries.some(({ key: found }) =>
    [KEY, LONG_KEY].includes(found?.toLowerCase() ?? ""),
  );
}

function everyPlace(bytes: Uint8Array): number[][] {
  const all = Array.from({ length: bytes.length - 1 }, (_, i) => i + 1);
  const step = Math.ceil(all.length / 400);
  return [[], all, ...all.filter((place) => place % step === 0).map((place) => [place])];
}

describe("a protected key is removed", () => {
  for (const [name, frame] of Object.entries(REMOVED)) {
    test(name, () => {
      assert.ok(carries(frame), "the reader of the tests finds it");
      const kept = take(frame).entries.filter(
        ({ key: found }) => ![KEY, LONG_KEY].includes(found?.toLowerCase() ?? ""),
      );
      const { vm, plugin } = start(ROUTING);
      for (const places of everyPlace(frame)) {
        const connection = plugin.connect();
        sendCut(connection, frame, places);
        const is = take(connection.toUpstream);
        assert.ok(!carries(connection.toUpstream), String(places));
        assert.equal(
          shown(...is.entries.map(({ bytes }) => bytes)),
          shown(...kept.map(({ bytes }) => bytes)),
        );
        assert.equal(shown(is.head, is.args), shown(take(frame).head, take(frame).args));
      }
      assert.equal(counted(vm, "dubbo_refused_connections_total"), 0);
    });
  }

  test("and what the rule sets stands in its place", () => {
    const set = { rules: [{ attachments: { set: [{ name: KEY, value: "mine" }] } }] };
    for (const frame of [...Object.values(REMOVED)]) {
      const { connection } = start({ ...ROUTING, ...set });
      connection.downstream(frame);
      const found = take(connection.toUpstream).entries.filter(
        ({ key: name }) => name?.toLowerCase() === KEY,
      );
      assert.deepEqual(
        found.map(({ text }) => text),
        ["mine"],
      );
    }
  });

  test("from captured requests, with all they hold", () => {
    const plain = fixtureIndex().filter(
      ({ serializationId: id, kind, direction, bodyBytes }) =>
        (id === 2 || id === 23) &&
        /request$/.test(kind) &&
        !/beat|event/.test(kind) &&
        direction === "downstream" &&
        bodyBytes < 5000,
    );
    const added = start({ rules: [{ attachments: { set: [{ name: KEY, value: "x" }] } }] });
    const { connection, vm } = start(ROUTING);
    for (const { file } of plain) {
      const bytes = fixture(file);
      const spoofed = added.connection.downstream(bytes);
      assert.ok(carries(spoofed));
      const was = take(bytes);
      const is = take(connection.downstream(spoofed));
      assert.equal(shown(is.head, is.args, is.rest), shown(was.head, was.args, was.rest));
      const all = (of: typeof is): string => shown(...of.entries.map((entry) => entry.bytes));
      assert.equal(all(is), all(was));
    }
    assert.ok(plain.length > 80);
    assert.equal(counted(vm, "dubbo_refused_connections_total"), 0);
  });
});

describe("a call is refused, and the next one read, at", () => {
  const good = request({ id: 77 });
  const clean = request({ id: 78, method: "GetUser" });
  for (const [name, [reason, frame]] of Object.entries(REFUSED)) {
    test(name, () => {
      const routing = { ...ROUTING, max_rewrite_bytes: name.includes("limit") ? 1024 : 1048576 };
      const { vm, plugin } = start(routing);
      const id = Buffer.from(frame).readBigInt64BE(4);
      const stream = concat([good, frame, clean]);
      const expected = shown(concat([good, standIn(id), clean]));
      const places = everyPlace(stream);
      for (const at of places) {
        const connection = plugin.connect();
        sendCut(connection, stream, at);
        assert.equal(shown(connection.toUpstream), expected, String(at));
        const refusal = Buffer.from(answered(connection, beatAnswer(id)));
        assert.match(refusal.toString("latin1"), /refused because it cannot be read/);
        assert.equal(refusal.readBigInt64BE(4), id);
        assert.ok(!connection.closed);
      }
      const refused = "dubbo_refused_requests_total";
      const labels = ['dubbo_policy="default"', `dubbo_reason="${reason}"`];
      assert.equal(counted(vm, refused, ...labels), places.length);
      assert.equal(counted(vm, refused), places.length);
      assert.equal(counted(vm, "dubbo_refused_connections_total"), 0);
      assert.equal(counted(vm, "dubbo_unrewritten_requests_total"), 0);
      assert.equal(counted(vm, "dubbo_requests_total"), 3 * places.length);
    });
  }

  test("a one-way call, which nobody waits for", () => {
    const { vm, connection } = start(ROUTING);
    const oneway = request({ id: 5, twoway: false, body: hex("40") });
    connection.downstream(concat([good, oneway, clean]));
    assert.equal(shown(connection.toUpstream), shown(concat([good, clean])));
    assert.equal(counted(vm, "dubbo_refused_requests_total", '"unreadable"'), 1);
  });
});

describe("a connection is closed at", () => {
  const good = request({ id: 77 });
  for (const [name, [reason, frame]] of Object.entries(CLOSED)) {
    test(name, () => {
      const { vm, plugin } = start(ROUTING);
      const stream = concat([good, frame, REMOVED["exact"]!]);
      let closed = 0;
      for (const places of everyPlace(stream)) {
        const connection = plugin.connect();
        sendCut(connection, stream, places);
        assert.ok(connection.closedFromInside && connection.closed, String(places));
        const out = shown(connection.toUpstream);
        // What came in the same read goes down with the connection, as it does in Envoy.
        assert.ok(out === "" || out === shown(good), `${places}: ${out}`);
        closed++;
      }
      const counter = "dubbo_refused_connections_total";
      assert.equal(counted(vm, counter, `dubbo_reason="${reason}"`), closed);
      assert.equal(counted(vm, counter), closed);
      assert.equal(counted(vm, "dubbo_connections_active"), 1);
    });
  }

  test("a frame that is cut off by the end of the stream, of which nothing goes on", () => {
    const frame = REMOVED["exact"]!;
    for (const place of [1, 2, 15, 16, 17, frame.length - 1]) {
      const { connection } = start(ROUTING);
      connection.downstream(concat([good, frame.subarray(0, place)]), true);
      assert.equal(shown(connection.toUpstream), shown(good));
    }
  });

  test("bytes behind what the server made unreadable", () => {
    const { vm, connection } = start(ROUTING);
    connection.downstream(good);
    connection.upstream(utf8("HTTP/1.1 400"));
    connection.downstream(REMOVED["exact"]!);
    assert.equal(shown(connection.toUpstream), shown(good));
    assert.ok(connection.closed);
    assert.equal(counted(vm, "dubbo_refused_connections_total", '"foreign"'), 1);
  });
});

test("events, answers and clean requests pass where keys are protected", () => {
  const bytes = concat([heartbeat(), request(), response(), request({ attachments: null })]);
  const { vm, plugin } = start(ROUTING);
  vm.resetHostCalls();
  for (const places of everyPlace(bytes)) {
    const connection = plugin.connect();
    sendCut(connection, bytes, places);
    assert.equal(shown(connection.toUpstream), shown(bytes));
    assert.equal(splitFrames(connection.toUpstream).length, 4);
  }
  assert.equal(counted(vm, "dubbo_refused_connections_total"), 0);
  assert.equal(counted(vm, "dubbo_unrewritten_requests_total"), 0);
});

describe("values from the invocation", () => {
  const names = ["method", "version", "interface"].map((from) => ({
    name: `from-${from}`,
    from_invocation: from,
  }));
  /** Strings whose bytes may be counted in more than one way; the key must not come to life in them. */
  const smuggled = concat([key, v2, hessianString("q")]);
  const readAlike: Uint8Array[] = [
    concat([hex("02"), hex("c041"), hex("c041")]),
    concat([hex("0c"), ...Array.from({ length: 12 }, () => hex("e00b64"))]),
  ];
  /** With characters of four bytes, which Java refuses and others count as one unit or two. */
  const doubtful: Uint8Array[] = [
    concat([hex("05"), hex("e0f041"), hex("f0414141"), utf8("abc")]),
    concat([hex("01"), hex("f7bfbfbf")]),
    concat([hex("53ffff"), Buffer.from("😀".repeat(0xffff), "utf8")]),
  ];
  for (const [i, method] of doubtful.entries()) {
    test(`are not written where their length is doubtful: ${i}`, () => {
      const { connection } = start({
        ...ROUTING,
        rules: [{ attachments: { set: names } }],
      });
      const body = concat([
        ...[hessianString("2.0.2"), hessianString(Buffer.from(smuggled).toString("latin1"))],
        ...[method, method, hex("00"), hessian2({ a: "b" })],
      ]);
      connection.downstream(request({ id: 9, body }));
      assert.equal(shown(connection.toUpstream), shown(standIn(9)));
    });
  }
  for (const [i, method] of readAlike.entries()) {
    test(`are written so that they are read alike: ${i}`, () => {
      const set = { rules: [{ attachments: { set: names } }] };
      const { connection } = start({ ...ROUTING, ...set });
      const body = concat([
        ...[hessianString("2.0.2"), hessianString(Buffer.from(smuggled).toString("latin1"))],
        ...[method, method, hex("00"), hessian2({ a: "b" })],
      ]);
      connection.downstream(request({ body }));
      const is = take(connection.toUpstream);
      assert.deepEqual(is.entries.map(({ key: name }) => name).sort(), [
        "a",
        "from-interface",
        "from-method",
        "from-version",
      ]);
      assert.equal(is.rest.length, 0);
    });
  }
});
