// A refused request goes on as a heartbeat, and its refusal comes in the place of the heartbeat's answer.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { concat, request, response } from "../../frames/frames.ts";
import { splitFrames } from "../routing/frames.ts";
import { counted } from "../routing/setup.ts";
import { answered, beatAnswer, standIn, startPolicies } from "./setup.ts";

const NO_WRITES = { name: "no-writes", match: { method: { exact: "SetUser" } }, authorize: "deny" };
const ONE = { max_tokens: 1, tokens_per_fill: 1, fill_interval: "3600s" };
/** The level of Envoy's log, as proxy-wasm numbers it. */
const WARN = 3;
const get = (id: number): Uint8Array => request({ id });
const set = (id: number): Uint8Array => request({ id, method: "SetUser" });
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString("latin1");

describe("a refused call", () => {
  test("goes on as a heartbeat, others as they are, and is answered in its turn", () => {
    const { vm, connection } = startPolicies([NO_WRITES]);
    connection.downstream(concat([get(1), set(2), get(3)]));
    assert.deepEqual(connection.toUpstream, concat([get(1), standIn(2), get(3)]));
    const all = concat([response({ id: 1 }), beatAnswer(2), response({ id: 3 })]);
    const got = answered(connection, all);
    const first = response({ id: 1 });
    assert.deepEqual(got.subarray(0, first.length), first);
    const rest = got.subarray(first.length);
    assert.deepEqual(rest.subarray(-first.length), response({ id: 3 }));
    const refusal = rest.subarray(0, rest.length - first.length);
    assert.equal(refusal[2], 2);
    assert.equal(refusal[3], 20);
    assert.equal(new DataView(refusal.buffer, refusal.byteOffset).getBigUint64(4), 2n);
    assert.match(text(refusal), /org\.apache\.dubbo\.rpc\.RpcException/);
    assert.match(text(refusal), /refused by policy no-writes/);
    assert.equal(counted(vm, "dubbo_refused_requests_total", 'policy="no-writes"', "denied"), 1);
    assert.equal(counted(vm, "dubbo_requests_total"), 3);
    assert.equal(counted(vm, "dubbo_responses_total"), 3);
    assert.equal(counted(vm, "dubbo_responses_total", 'outcome="exception"', "SetUser"), 1);
    assert.equal(counted(vm, "dubbo_events_total"), 0);
    assert.equal(counted(vm, "dubbo_requests_active"), 0);
  });

  test("is the same however the stream is cut, in both directions", () => {
    const sent = concat([get(1), set(2), get(3)]);
    const answers = concat([response({ id: 1 }), beatAnswer(2), response({ id: 3 })]);
    const whole = startPolicies([NO_WRITES]).connection;
    whole.downstream(sent);
    const expected = answered(whole, answers).slice();
    for (let at = 1; at < sent.length; at++) {
      const { connection } = startPolicies([NO_WRITES]);
      connection.downstream(sent.subarray(0, at));
      connection.downstream(sent.subarray(at));
      assert.deepEqual(connection.toUpstream, whole.toUpstream, `request cut at ${at}`);
    }
    for (let at = 1; at < answers.length; at++) {
      const { connection } = startPolicies([NO_WRITES]);
      connection.downstream(sent);
      assert.deepEqual(answered(connection, answers, [at]), expected, `answers cut at ${at}`);
    }
    const { connection } = startPolicies([NO_WRITES]);
    for (const byte of sent) connection.downstream(Uint8Array.of(byte));
    const places = Array.from({ length: answers.length - 1 }, (_, i) => i + 1);
    assert.deepEqual(answered(connection, answers, places), expected);
  });

  test("that nobody waits for is dropped", () => {
    const { vm, connection } = startPolicies([NO_WRITES]);
    const oneway = request({ id: 2, method: "SetUser", twoway: false });
    connection.downstream(concat([get(1), oneway, get(3)]));
    assert.deepEqual(connection.toUpstream, concat([get(1), get(3)]));
    assert.equal(counted(vm, "dubbo_refused_requests_total"), 1);
  });

  test("is answered in the serialization of its request", () => {
    const { connection } = startPolicies([NO_WRITES]);
    connection.downstream(request({ id: 7, method: "SetUser", serialization: "fastjson2" }));
    assert.deepEqual(connection.toUpstream, standIn(7));
    const refusal = answered(connection, beatAnswer(7));
    assert.equal(refusal[2], 23);
    assert.match(text(refusal), /\x92\x6aorg\.apache\.dubbo\.rpc\.RpcException/);
  });

  test("in a serialization that is not read is refused with a status", () => {
    for (const serialization of ["java", "kryo2"] as const) {
      const { vm, connection } = startPolicies([NO_WRITES]);
      const body = Uint8Array.of(1, 2, 3);
      connection.downstream(request({ id: 7, serialization, body }));
      assert.deepEqual(connection.toUpstream, standIn(7));
      const refusal = answered(connection, beatAnswer(7));
      assert.match(text(refusal), /refused because it cannot be read/);
      assert.equal(refusal[3], serialization === "java" ? 20 : 70);
      const labels = ['policy="default"', "serialization"];
      assert.equal(counted(vm, "dubbo_refused_requests_total", ...labels), 1);
    }
  });

  test("may have another answer", () => {
    const answer = { status: "SERVER_THREADPOOL_EXHAUSTED_ERROR", message: "come again" };
    const { vm, connection } = startPolicies([{ ...NO_WRITES, answer }]);
    connection.downstream(set(1));
    const refusal = answered(connection, beatAnswer(1));
    assert.equal(refusal[3], 100);
    assert.match(text(refusal), /\x0acome again$/);
    assert.equal(counted(vm, "dubbo_responses_total", answer.status, 'outcome="error"'), 1);
  });

  test("whose id comes again is refused again, and each is answered once", () => {
    const { connection } = startPolicies([NO_WRITES]);
    connection.downstream(concat([set(1), set(1), get(1)]));
    assert.deepEqual(connection.toUpstream, concat([standIn(1), standIn(1), get(1)]));
    const got = answered(connection, concat([beatAnswer(1), beatAnswer(1), response({ id: 1 })]));
    assert.equal(text(got).split("refused by policy").length, 3);
    assert.deepEqual(got.subarray(-response({ id: 1 }).length), response({ id: 1 }));
  });

  test("takes no other heartbeat's answer, before or after", () => {
    const { vm, connection } = startPolicies([NO_WRITES]);
    connection.upstream(beatAnswer(1));
    connection.downstream(set(1));
    const other = concat([beatAnswer(9), beatAnswer(1), beatAnswer(1)]);
    const got = answered(connection, other);
    assert.deepEqual(got.subarray(0, beatAnswer(9).length), beatAnswer(9));
    assert.deepEqual(got.subarray(-beatAnswer(1).length), beatAnswer(1));
    assert.equal(text(got).split("refused by policy").length, 2);
    assert.equal(counted(vm, "dubbo_events_total"), 3);
  });

  test("is unanswered if its connection ends first, and leaves nothing", () => {
    const { vm, plugin } = startPolicies([NO_WRITES]);
    const round = (): void => {
      const connection = plugin.connect({ collect: false });
      for (let id = 1; id <= 100; id++) connection.downstream(set(id));
      connection.upstream(beatAnswer(1).subarray(0, 9));
      connection.close("remote");
    };
    for (let i = 0; i < 50; i++) round();
    const before = vm.memoryBytes();
    for (let i = 0; i < 500; i++) round();
    assert.equal(vm.memoryBytes(), before);
    assert.equal(counted(vm, "dubbo_requests_active"), 0);
    assert.equal(counted(vm, "dubbo_unanswered_requests_total"), 55_000);
  });

  test("half a heartbeat's answer at the end goes on behind what came before it", () => {
    const half = beatAnswer(2).subarray(0, 16);
    for (const read of [concat([response({ id: 1 }), half]), half, half.subarray(0, 9)]) {
      const { connection } = startPolicies([NO_WRITES]);
      connection.downstream(concat([get(1), set(2)]));
      connection.upstream(read, true);
      assert.deepEqual(connection.toDownstream, read);
    }
  });

  test("half a heartbeat's answer at the end does not keep a guard from answering", () => {
    const rest = { answer_on_upstream_close: true };
    for (const length of [9, 16]) {
      const { vm, connection } = startPolicies([NO_WRITES], { rest });
      connection.downstream(concat([get(1), set(2)]));
      const first = response({ id: 1 });
      connection.upstream(concat([first, beatAnswer(2).subarray(0, length)]), true);
      const got = connection.toDownstream;
      assert.deepEqual(got.subarray(0, first.length), first);
      const answer = got.subarray(first.length);
      assert.match(text(answer), /refused by policy no-writes/);
      assert.equal(new DataView(answer.buffer, answer.byteOffset).getBigUint64(4), 2n);
      assert.equal(
        new DataView(answer.buffer, answer.byteOffset).getUint32(12),
        answer.length - 16,
      );
      assert.equal(counted(vm, "dubbo_guarded_requests_total"), 0);
      assert.equal(counted(vm, "dubbo_requests_active"), 0);
    }
  });

  test("a held part of an answer goes on when the connection is passed through", () => {
    const limit = { name: "slow", rate_limit: ONE };
    const { connection } = startPolicies([limit]);
    connection.downstream(concat([get(1), get(2)]));
    assert.deepEqual(connection.toUpstream, concat([get(1), standIn(2)]));
    const answer = response({ id: 1 });
    connection.upstream(answer.subarray(0, 9));
    assert.equal(connection.toDownstream.length, 0);
    const foreign = new TextEncoder().encode("GET / HTTP/1.1\r\n");
    connection.downstream(foreign);
    assert.deepEqual(connection.toUpstream.subarray(-foreign.length), foreign);
    connection.upstream(answer.subarray(9));
    assert.deepEqual(connection.toDownstream, answer);
  });

  test("too long to be read is swallowed, and the next one is read", () => {
    const rest = { routing: { max_rewrite_bytes: 1024 } };
    const { vm, connection } = startPolicies([NO_WRITES], { rest });
    const long = request({ id: 2, args: ["x".repeat(5000)] });
    for (let at = 1; at < long.length; at += 777) {
      const before = connection.toUpstream.length;
      connection.downstream(concat([get(1), long.subarray(0, at)]));
      connection.downstream(concat([long.subarray(at), get(3)]));
      assert.deepEqual(
        connection.toUpstream.subarray(before),
        concat([get(1), standIn(2), get(3)]),
        `cut at ${at}`,
      );
      const got = answered(
        connection,
        concat([response({ id: 1 }), beatAnswer(2), response({ id: 3 })]),
      );
      assert.match(text(got), /refused because it cannot be read/);
    }
    assert.ok(counted(vm, "dubbo_refused_requests_total", "too_large") > 1);
  });

  test("more than 4,096 that wait end the connection", () => {
    const { connection } = startPolicies([NO_WRITES]);
    for (let id = 1; id <= 4096; id++) connection.downstream(set(id));
    assert.equal(connection.closed, false);
    connection.downstream(set(4097));
    assert.equal(connection.closed, true);
  });
});

describe("where calls are answered when the server ends its connection", () => {
  const rest = { answer_on_upstream_close: true };
  const answers = concat([response({ id: 1 }), beatAnswer(2)]);

  test("a refused one gets its refusal, another the guard's answer, wherever the end comes", () => {
    for (let at = 0; at < answers.length; at++) {
      for (const cut of new Set([0, Math.floor(at / 2), at])) {
        const { vm, connection } = startPolicies([NO_WRITES], { rest });
        connection.downstream(concat([get(1), set(2), get(3)]));
        if (cut > 0) connection.upstream(answers.subarray(0, cut));
        connection.upstream(answers.subarray(cut, at), true);
        const got = splitFrames(connection.toDownstream);
        const shown = got.map((frame) => [Buffer.from(frame).readBigInt64BE(4), frame[3]]);
        const first = at < response({ id: 1 }).length ? 80 : 20;
        const expected = [
          [1n, first],
          [2n, 20],
          [3n, 80],
        ];
        assert.deepEqual(shown, expected, `end at ${at}, cut at ${cut}`);
        assert.match(text(got[1]!), /refused by policy no-writes/);
        const guarded = first === 80 ? 2 : 1;
        assert.equal(counted(vm, "dubbo_guarded_requests_total"), guarded);
        assert.equal(counted(vm, "dubbo_responses_total"), 3);
        assert.equal(counted(vm, "dubbo_responses_total", "SetUser", 'outcome="exception"'), 1);
        assert.equal(counted(vm, "dubbo_refused_requests_total"), 1);
        assert.equal(counted(vm, "dubbo_unmatched_responses_total"), 0);
        assert.equal(counted(vm, "dubbo_requests_active"), 0);
      }
    }
  });

  test("without it half an answer goes on as it came", () => {
    for (let at = 1; at < answers.length; at++) {
      const { connection } = startPolicies([NO_WRITES]);
      connection.downstream(concat([get(1), set(2)]));
      connection.upstream(answers.subarray(0, at), true);
      assert.deepEqual(connection.toDownstream, answers.subarray(0, at), `end at ${at}`);
    }
  });
});

test("refused calls are logged once for each policy and second, at warning", () => {
  const other = { name: "no-orders", match: { interface: { prefix: "o." } }, authorize: "deny" };
  const { vm, connection } = startPolicies([NO_WRITES, other]);
  const lines = (): string[] =>
    vm.logs.filter(({ level }) => level === WARN).map(({ message }) => message);
  for (let id = 1; id <= 12; id++) connection.downstream(set(id));
  assert.deepEqual(lines(), []);
  vm.tick();
  assert.deepEqual(lines(), ["dubbo: refused by policy no-writes: 12, the last one as denied"]);
  connection.downstream(set(13));
  vm.tick();
  assert.equal(lines().length, 1, "half a second later");
  connection.downstream(concat([set(14), request({ id: 15, path: "o.Order" })]));
  connection.downstream(request({ id: 16, serialization: "java", body: Uint8Array.of(1) }));
  vm.tick();
  assert.deepEqual(lines().slice(1), [
    "dubbo: refused by policy default: 1, the last one as serialization",
    "dubbo: refused by policy no-writes: 2, the last one as denied",
    "dubbo: refused by policy no-orders: 1, the last one as denied",
  ]);
  for (let i = 0; i < 5; i++) vm.tick();
  assert.equal(lines().length, 4);
});

test("bytes that are no frames end the connection where calls are authorized", () => {
  const { connection } = startPolicies([NO_WRITES]);
  connection.downstream(new TextEncoder().encode("GET / HTTP/1.1\r\n"));
  assert.equal(connection.closed, true);
  assert.equal(connection.toUpstream.length, 0);
});

test("enforce: false changes nothing, and counts what would have been refused", () => {
  const { vm, connection } = startPolicies([{ ...NO_WRITES, enforce: false }]);
  const sent = concat([
    get(1),
    set(2),
    request({ id: 3, serialization: "java", body: Uint8Array.of(1) }),
  ]);
  connection.downstream(sent);
  assert.deepEqual(connection.toUpstream, sent);
  assert.equal(counted(vm, "dubbo_shadow_refused_requests_total", 'policy="no-writes"'), 1);
  assert.equal(counted(vm, "dubbo_shadow_refused_requests_total", "serialization"), 1);
  assert.equal(counted(vm, "dubbo_refused_requests_total"), 0);
});
