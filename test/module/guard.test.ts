// Answers of the filter's own when the server's stream ends: whatever was cut where, the client gets
// whole frames, and each call that waits for an answer gets just one. test/cases/guard.md has the plain
// cases; here are those with many calls, large answers, full memory, and chance.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Connection } from "../emulator/connection.ts";
import {
  concat,
  heartbeat,
  heartbeatResponse,
  readonly,
  request,
  response,
} from "../frames/frames.ts";
import { hessianString } from "../frames/hessian2.ts";
import { hex, hexOf } from "../emulator/hex.ts";
import { splitFrames } from "./routing/frames.ts";
import { counted, MODULE_UNDER_TEST, numbers } from "./routing/setup.ts";
import { Vm } from "../emulator/emulator.ts";
import type { Plugin } from "../emulator/plugin.ts";

const MIB = 1024 * 1024;
const EMPTY = new Uint8Array(0);
const SERVER_ERROR = 80;

/** A VM with a plugin that guards; the rest of its configuration is the default. */
function start(config: object = {}): { vm: Vm; plugin: Plugin } {
  const vm = Vm.load(MODULE_UNDER_TEST);
  const whole = { answer_on_upstream_close: true, ...config };
  return { vm, plugin: vm.plugin({ config: JSON.stringify(whole) }) };
}

const idOf = (frame: Uint8Array): bigint =>
  Buffer.from(frame.buffer, frame.byteOffset).readBigInt64BE(4);

/** Ids and statuses of the frames that the client got. */
const answersTo = (connection: Connection): [bigint, number][] =>
  splitFrames(connection.toDownstream).map((frame) => [idOf(frame), frame[3]!]);

describe("the end of the server's stream", () => {
  const whole = response({ id: 2, value: "some text" });
  const half = response({ id: 1, value: "some other text" });

  test("in the same callback as the last bytes, at every place", () => {
    const { plugin } = start();
    const bytes = concat([whole, half]);
    for (let end = 0; end <= bytes.length; end++) {
      for (const cut of [0, 1, Math.floor(end / 2), end]) {
        const connection = plugin.connect();
        connection.downstream(concat([request({ id: 1 }), request({ id: 2 })]));
        if (cut > 0) connection.upstream(bytes.subarray(0, cut));
        connection.upstream(bytes.subarray(cut, end), true);
        const ok = [2n, 20] as [bigint, number];
        const failed = (id: bigint): [bigint, number] => [id, SERVER_ERROR];
        const expected =
          end < whole.length
            ? [failed(1n), failed(2n)]
            : end < bytes.length
              ? [ok, failed(1n)]
              : [ok, [1n, 20]];
        assert.deepEqual(answersTo(connection), expected, `${cut} of ${end}`);
        connection.close("local");
      }
    }
  });

  test("in a request that is not right: its fault is counted however its bytes came", () => {
    const config = { metrics: { labels: ["interface", "method", "group"] } };
    const strings = ["2.0.2", "a.B", "1.0", "go", ""].map((text) => hessianString(text));
    // In place of an attachment's value the map ends; and some bytes behind it.
    const bad = concat([hex("48"), hessianString("key"), hex("5a")]);
    const bytes = request({ id: 1, body: concat([...strings, bad, new Uint8Array(40)]) });
    const seen = bytes.length - 30;
    for (const first of [0, seen - 12, seen - 11, seen - 1]) {
      const { vm, plugin } = start(config);
      const connection = plugin.connect();
      if (first > 0) connection.downstream(bytes.subarray(0, first));
      connection.downstream(bytes.subarray(first, seen));
      connection.upstream(EMPTY, true);
      connection.downstream(bytes.subarray(seen));
      assert.deepEqual(answersTo(connection), [[1n, SERVER_ERROR]]);
      const reason = `dubbo_reason="malformed_attachments"`;
      assert.equal(counted(vm, "dubbo_decode_errors_total", reason), 1, `${first}`);
    }
  });

  test("while nobody waits: nothing is added", () => {
    const { vm, plugin } = start();
    for (const more of [EMPTY, whole]) {
      const connection = plugin.connect();
      connection.downstream(request({ id: 2, twoway: more === whole }));
      connection.upstream(more, true);
      assert.equal(hexOf(connection.toDownstream), hexOf(more));
      connection.close("local");
    }
    assert.equal(counted(vm, "dubbo_guarded_requests_total"), 0);
  });

  test("with 65,536 calls in flight: answered in small pieces, memory as it was", () => {
    const { vm, plugin } = start({ metrics: { max_in_flight: 65536 } });
    const calls = concat(Array.from({ length: 65536 }, (_, id) => request({ id })));
    const round = (): void => {
      const connection = plugin.connect();
      connection.downstream(calls);
      vm.resetHostCalls();
      connection.upstream(EMPTY, true);
      const pieces = vm.hostCalls["proxy_set_buffer_bytes"]!;
      const answers = answersTo(connection);
      assert.equal(answers.length, 65536);
      assert.ok(answers.every(([id, status], i) => id === BigInt(i) && status === SERVER_ERROR));
      // 64 bytes each in pieces of 4 KiB, no call for each.
      assert.equal(pieces, 1024);
      connection.close("local");
    };
    round();
    const before = vm.memoryBytes();
    for (let i = 0; i < 3; i++) round();
    assert.equal(vm.memoryBytes(), before);
  });

  test("with more calls than are followed: the oldest get no answer", () => {
    const { vm, plugin } = start({ metrics: { max_in_flight: 2 } });
    const connection = plugin.connect();
    for (const id of [1, 2, 3]) connection.downstream(request({ id }));
    connection.upstream(EMPTY, true);
    assert.deepEqual(
      answersTo(connection).map(([id]) => id),
      [2n, 3n],
    );
    connection.close("local");
    assert.equal(counted(vm, "dubbo_untracked_requests_total"), 1);
    assert.equal(counted(vm, "dubbo_unanswered_requests_total"), 0);
  });
});

describe("answers that are held", () => {
  test("an answer of 8 MiB goes on as it is, once it is whole", () => {
    const { vm, plugin } = start({ max_body_bytes: 16 * MIB });
    const body = new Uint8Array(8 * MIB).map((_, i) => i * 31);
    const bytes = concat([response({ id: 3 }), response({ id: 1, body }), response({ id: 2 })]);
    const connection = plugin.connect();
    for (const id of [1, 2, 3]) connection.downstream(request({ id }));
    vm.resetHostCalls();
    let reads = 0;
    for (let at = 0; at < bytes.length; at += 65536, reads++) {
      const isLast = at + 65536 >= bytes.length;
      const gone = connection.upstream(bytes.subarray(at, at + 65536)).length;
      const before = response({ id: 3 }).length;
      assert.equal(gone, at === 0 ? before : isLast ? bytes.length - before : 0);
    }
    assert.ok(Buffer.from(connection.toDownstream).equals(bytes));
    assert.ok(vm.hostCalls["proxy_set_buffer_bytes"]! <= reads + 1);
    connection.close("local");
  });

  test("frames that come whole are not touched, nor fetched once more", () => {
    const bytes = concat([response({ id: 1 }), heartbeat({ id: 9 }), response({ id: 2 })]);
    const calls = [true, false].map((answer_on_upstream_close) => {
      const { vm, plugin } = start({ answer_on_upstream_close });
      const connection = plugin.connect();
      for (const id of [1, 2]) connection.downstream(request({ id }));
      vm.resetHostCalls();
      connection.upstream(bytes);
      assert.equal(hexOf(connection.toDownstream), hexOf(bytes));
      return vm.hostCalls;
    });
    assert.deepEqual(calls[0], calls[1]);
    assert.equal(calls[0]!["proxy_set_buffer_bytes"], undefined);
  });

  test("64 MiB of a VM's: what finds no room goes on, and is not added to", () => {
    const { vm, plugin } = start({ max_body_bytes: 64 * MIB });
    const half = response({ id: 1, body: new Uint8Array(4 * MIB) }).subarray(0, 3 * MIB);
    const connections = Array.from({ length: 32 }, () => plugin.connect());
    const gone = connections.map((connection) => {
      connection.downstream(request({ id: 1 }));
      return connection.upstream(half).length;
    });
    const held = gone.filter((bytes) => bytes === 0).length;
    // Blocks are doubled: 4 MiB for each.
    assert.equal(held, 16);
    assert.ok(gone.every((bytes) => bytes === 0 || bytes === half.length));
    for (const connection of connections) {
      connection.upstream(EMPTY, true);
      const out = connection.toDownstream;
      if (out.length === half.length) assert.ok(Buffer.from(out).equals(half));
      else assert.deepEqual(answersTo(connection), [[1n, SERVER_ERROR]]);
      connection.close("local");
    }
    assert.equal(counted(vm, "dubbo_guarded_requests_total"), held);
    assert.equal(counted(vm, "dubbo_unanswered_requests_total"), 32 - held);
    assert.equal(counted(vm, "dubbo_requests_active"), 0);
    // All of it was given back.
    const before = vm.memoryBytes();
    const again = Array.from({ length: 16 }, () => plugin.connect());
    for (const connection of again) assert.equal(connection.upstream(half).length, 0);
    for (const connection of again) connection.close("remote");
    assert.equal(vm.memoryBytes(), before);
  });

  test("half a head finds no room where held answers have taken it all: one budget", () => {
    const { vm, plugin } = start({ max_body_bytes: 64 * MIB });
    const half = response({ id: 1, body: new Uint8Array(4 * MIB) }).subarray(0, 3 * MIB);
    const connections = Array.from({ length: 16 }, () => plugin.connect());
    const head = request({ id: 1 });
    const sendHalves = (): void => {
      const connection = plugin.connect();
      connection.downstream(head.subarray(0, 60));
      connection.downstream(head.subarray(60));
    };
    for (const connection of connections.slice(1)) connection.upstream(half);
    sendHalves();
    assert.equal(counted(vm, "dubbo_decode_errors_total"), 0);
    assert.equal(connections[0]!.upstream(half).length, 0);
    sendHalves();
    assert.equal(counted(vm, "dubbo_decode_errors_total"), 1);
    // What is given back serves either.
    connections[0]!.close("remote");
    sendHalves();
    assert.equal(counted(vm, "dubbo_decode_errors_total"), 2);
  });

  test("one that finds no room on its way goes on whole, and later ones are held again", () => {
    const { plugin } = start({ max_body_bytes: 128 * MIB });
    const bytes = response({ id: 1, body: new Uint8Array(70 * MIB) });
    const connection = plugin.connect();
    connection.downstream(concat([request({ id: 1 }), request({ id: 2 })]));
    let gone = 0;
    for (let at = 0; at < bytes.length; at += 8 * MIB) {
      gone += connection.upstream(bytes.subarray(at, at + 8 * MIB)).length;
    }
    assert.equal(gone, bytes.length);
    assert.equal(connection.upstream(response({ id: 2 }).subarray(0, 18)).length, 0);
    connection.upstream(EMPTY, true);
    assert.deepEqual(answersTo(connection), [
      [1n, 20],
      [2n, SERVER_ERROR],
    ]);
  });

  test("an event goes on where a frame before it has found no room, and none does after that", () => {
    const { plugin } = start({ max_body_bytes: 128 * MIB, drop_upstream_events: true });
    const event = readonly({ id: 9 });
    const bytes = concat([response({ id: 1, body: new Uint8Array(70 * MIB) }), event]);
    const connection = plugin.connect();
    connection.downstream(concat([request({ id: 1 }), request({ id: 2 })]));
    for (let at = 0; at < bytes.length; at += 8 * MIB) {
      connection.upstream(bytes.subarray(at, at + 8 * MIB));
    }
    assert.ok(Buffer.from(connection.toDownstream).equals(bytes));
    const answer = response({ id: 2 });
    for (const one of [event, concat([event, answer, event]), event]) connection.upstream(one);
    assert.ok(Buffer.from(connection.toDownstream).equals(concat([bytes, answer])));
  });

  test("what stands in the place of a heartbeat's answer is none, and a refusal goes back", () => {
    const policies = [{ name: "no", match: { method: { exact: "SetUser" } }, authorize: "deny" }];
    const { plugin } = start({ drop_upstream_events: true, policies });
    const connection = plugin.connect();
    connection.downstream(concat([request({ id: 1, method: "SetUser" }), request({ id: 2 })]));
    const events = [
      readonly({ id: 9 }),
      heartbeatResponse({ id: 1 }),
      heartbeatResponse({ id: 7 }),
    ];
    connection.upstream(concat([...events, response({ id: 2 })]));
    assert.deepEqual(
      splitFrames(connection.toDownstream).map((frame) => [idOf(frame), frame[2]! & 0x20]),
      [
        [1n, 0],
        [2n, 0],
      ],
    );
  });

  test("events are dropped up to where what comes is no Dubbo, however it is cut", () => {
    const { plugin } = start({ drop_upstream_events: true });
    const foreign = concat([hex("00112233"), readonly({ id: 9 })]);
    const bytes = concat([response(), readonly({ id: 9 }), foreign]);
    for (let cut = 0; cut < bytes.length; cut++) {
      const connection = plugin.connect();
      if (cut > 0) connection.upstream(bytes.subarray(0, cut));
      connection.upstream(bytes.subarray(cut));
      const expected = concat([response(), foreign]);
      assert.ok(Buffer.from(connection.toDownstream).equals(expected), String(cut));
    }
  });
});

test("10,000 connections cut at random: whole frames, one answer for each call, exact counts", () => {
  const { vm, plugin } = start();
  const next = numbers(7);
  const serializations = ["hessian2", "fastjson2", "kryo"];
  let [twoway, oneway, sentBack] = [0, 0, 0];
  const round = (): void => {
    const connection = plugin.connect();
    const calls = Array.from({ length: next() % 8 }, (_, id) => ({
      id,
      twoway: next() % 4 !== 0,
      serialization: serializations[next() % 3]!,
    }));
    const asked = concat([EMPTY, ...calls.map(request)]);
    const cut = next() % (asked.length + 1);
    if (cut > 0) connection.downstream(asked.subarray(0, cut));
    if (cut < asked.length) connection.downstream(asked.subarray(cut));
    const waiting = calls.filter((call) => call.twoway);
    const answers = concat([EMPTY, ...waiting.map(({ id }) => response({ id: id }))]);
    const end = next() % (answers.length + 1);
    const place = next() % (end + 1);
    if (place > 0) connection.upstream(answers.subarray(0, place));
    connection.upstream(answers.subarray(place, end), true);
    const got = answersTo(connection);
    const ids = got.map(([id]) => Number(id)).sort();
    assert.deepEqual(
      ids,
      waiting.map(({ id }) => id),
    );
    sentBack += got.filter(([, status]) => status === SERVER_ERROR).length;
    twoway += waiting.length;
    oneway += calls.length - waiting.length;
    connection.close(next() % 2 === 0 ? "local" : "remote");
  };
  for (let i = 0; i < 2000; i++) round();
  const before = vm.memoryBytes();
  for (let i = 0; i < 8000; i++) round();
  assert.equal(vm.memoryBytes(), before);
  assert.equal(counted(vm, "dubbo_requests_total", 'dubbo_call="twoway"'), twoway);
  assert.equal(counted(vm, "dubbo_requests_total", 'dubbo_call="oneway"'), oneway);
  assert.equal(counted(vm, "dubbo_responses_total"), twoway);
  assert.equal(counted(vm, "dubbo_responses_total", "SERVER_ERROR"), sentBack);
  assert.equal(counted(vm, "dubbo_guarded_requests_total"), sentBack);
  for (const zero of ["unanswered_requests_total", "untracked_requests_total", "requests_active"]) {
    assert.equal(counted(vm, `dubbo_${zero}`), 0, zero);
  }
});
