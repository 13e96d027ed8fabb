// The class of an exception that an answer carries, in spans and in the log: real peers' frames, however they
// are split, and what is no class.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { concat, frame, request, response } from "../../frames/frames.ts";
import { fixture, fixtureIndex } from "../../frames/fixtures.ts";
import { hessianString } from "../../frames/hessian2.ts";
import { counted } from "../routing/setup.ts";
import { ALL, isLine, logsOf, make, OTLP, SECOND, spansOf, start, type Started } from "./setup.ts";

const LINES = { log: { to: "envoy" } };
const BOTH = { otlp: OTLP, spans: ALL, log: {} };

/** Answers a call with `answer`, in pieces of `size` bytes. */
function answered(started: Started, id: bigint, answer: Uint8Array, size = answer.length): void {
  const { plugin, vm, clock } = started;
  const connection = plugin.connect();
  connection.downstream(request({ id }));
  for (let at = 0; at < answer.length; at += size) {
    connection.upstream(answer.subarray(at, at + size));
  }
  connection.close("local");
  clock.advance(SECOND);
  vm.tick();
}

const linesOf = ({ vm }: Started): Record<string, unknown>[] =>
  vm.logs.filter(isLine).map(({ message }) => JSON.parse(message) as Record<string, unknown>);

/** An answer with an exception whose value is `value`. */
const thrownAs = (value: Uint8Array, id = 1n): Uint8Array =>
  response({ id, body: concat([Uint8Array.of(0x90), value]) });
const ofClass = (name: string): Uint8Array =>
  concat([Uint8Array.of(0x43), hessianString(name), Uint8Array.of(0x90, 0x60)]);

describe("the class of an exception", () => {
  const frames = fixtureIndex().filter(({ exception }) => exception !== undefined);

  test("is known of four serializations", () => {
    const seen = new Set(frames.map(({ serializationId }) => serializationId));
    assert.deepEqual(
      [...seen].sort((a, b) => a - b),
      [2, 3, 4, 23],
    );
  });

  for (const { file, id, exception } of frames) {
    const bytes = fixture(file);
    test(`is told of ${file}, and nothing else of it`, () => {
      for (const size of [bytes.length, 1, 16, 17, 40]) {
        const started = start(BOTH);
        answered(started, id, bytes, size);
        assert.equal(spansOf(started)[0]!.attributes["error.type"], exception, `${size}`);
        assert.equal(logsOf(started)[0]!.attributes["error.type"], exception, `${size}`);
        const sent = started.plugin.sent.map(({ body }) => Buffer.from(body).toString("latin1"));
        assert.doesNotMatch(sent.join(""), /boom|detailMessage|stackTrace/);
        const lines = start(LINES);
        answered(lines, id, bytes, size);
        assert.equal(linesOf(lines)[0]!.exception, exception, `${size}`);
      }
    });
  }

  test("of each connection is its own while both answers are on their way", () => {
    const started = start(LINES);
    const [one, other] = [started.plugin.connect(), started.plugin.connect()];
    for (const connection of [one, other]) connection.downstream(request({ id: 1 }));
    const [a, b] = ["a.OneException", "b.OtherException"].map((name) => thrownAs(ofClass(name)));
    one.upstream(a!.subarray(0, -1));
    other.upstream(b!.subarray(0, -1));
    one.upstream(a!.subarray(-1));
    other.upstream(b!.subarray(-1));
    const seen = linesOf(started).map(({ exception }) => exception);
    assert.deepEqual(seen, ["a.OneException", "b.OtherException"]);
  });

  test("is cleaned, and cut", () => {
    const started = start(LINES);
    answered(started, 1n, thrownAs(ofClass('a"b\\c\n\u00e9')));
    answered(started, 1n, thrownAs(ofClass("x".repeat(220))));
    const [cleaned, cut] = linesOf(started).map(({ exception }) => exception);
    assert.equal(cleaned, "a_b_c___");
    assert.equal(cut, "x".repeat(200));
  });

  test("is told of as many classes as there may be series", () => {
    const started = start(LINES, { metrics: { max_series: 2 } });
    for (const name of ["a", "b", "c", "a", "d"]) answered(started, 1n, thrownAs(ofClass(name)));
    const seen = linesOf(started).map(({ exception }) => exception);
    assert.deepEqual(seen, ["a", "b", "_OTHER", "a", "_OTHER"]);
  });

  test("that is none is not told, and the call is", () => {
    const bodies: [number, string][] = [
      ...["90", "904e", "9043", "904305", "9043054142", "90430541", "90434e", "90439060"],
      ...[
        "9053000161",
        "9043520001",
        `9043${"52000161".repeat(40)}`,
        `9043531000${"61".repeat(500)}`,
      ],
    ].map((hex) => [2, hex]);
    bodies.push(
      ...["00000002bd00", "00000002bd000000000592", "00000002bd0000000005924a", "0000000100"]
        .concat("00000002bd0000000005927affffffff", "00000002bd00000000059248ffffffff61")
        .map((hex): [number, string] => [23, hex]),
      ...[
        "aced000577020001",
        "aced0005770200017372",
        "aced00057702000173720005",
        "aced0005770100737200016161",
      ].map((hex): [number, string] => [3, hex]),
      [4, "aced0005770200017372020001616161"],
    );
    for (const [serialization, hex] of bodies) {
      const body = Uint8Array.from(Buffer.from(hex, "hex"));
      const answer = frame({ flag: serialization, id: 1, status: 20 }, body);
      for (const size of [answer.length, 1]) {
        const started = start(LINES);
        answered(started, 1n, answer, size);
        const [line] = linesOf(started);
        assert.deepEqual([line!.outcome, line!.exception], ["exception", undefined], hex);
        assert.equal(counted(started.vm, "dubbo_decode_errors_total"), 0, hex);
      }
    }
  });

  test("is each span's own among calls of one method", () => {
    const started = start({ otlp: OTLP, spans: ALL });
    const nothing = Uint8Array.of(0x4e);
    const [one, other] = [ofClass("a.OneException"), ofClass("b.OtherException")];
    const connection = started.plugin.connect();
    [nothing, one, one, other, nothing, other].forEach((value, id) => {
      connection.downstream(request({ id }));
      connection.upstream(thrownAs(value, BigInt(id)));
    });
    started.clock.advance(SECOND);
    started.vm.tick();
    assert.deepEqual(
      spansOf(started).map(({ attributes }) => attributes["error.type"]),
      [
        "exception",
        "a.OneException",
        "a.OneException",
        "b.OtherException",
        "exception",
        "b.OtherException",
      ],
    );
  });

  test("is told where it is asked for", () => {
    const answer = thrownAs(ofClass("a.b.C"), 0n);
    const log = start({ log: { to: "envoy", fields: ["method", "exception"] } });
    answered(log, 0n, answer);
    const { time_us, ...line } = linesOf(log)[0]!;
    assert.ok((time_us as number) > 0);
    assert.deepEqual(line, { method: "GetUser", exception: "a.b.C" });
    const without = start({ otlp: OTLP, log: { fields: ["method"] } });
    answered(without, 0n, answer);
    assert.equal(logsOf(without)[0]!.attributes["error.type"], "exception");
  });

  test("is of its own call alone", () => {
    const started = start(LINES);
    answered(started, 1n, thrownAs(ofClass("a.b.C")));
    make(started, [{}], 80);
    const { plugin, vm, clock } = started;
    const connection = plugin.connect();
    connection.downstream(request({ id: 9 }));
    connection.close("local");
    clock.advance(SECOND);
    vm.tick();
    const seen = linesOf(started).map(({ outcome, exception }) => [outcome, exception]);
    assert.deepEqual(seen, [
      ["exception", "a.b.C"],
      ["error", undefined],
      ["unanswered", undefined],
    ]);
  });
});
