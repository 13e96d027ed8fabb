// Tests of the frame builders, against frames that real peers sent.

import assert from "node:assert/strict";
import { test } from "node:test";
import {
  concat,
  fixture,
  fixtureIndex,
  Flag,
  heartbeat,
  heartbeatResponse,
  hex,
  hexOf,
  parameterTypes,
  readonly,
  request,
  response,
  type Value,
} from "./frames.ts";
import { hessianInt, hessianString } from "./hessian2.ts";

const same = (actual: Uint8Array, expected: Uint8Array): void =>
  assert.equal(hexOf(actual), hexOf(expected));

const byFile = (file: string): NonNullable<ReturnType<typeof fixtureIndex>[number]> => {
  const found = fixtureIndex().find((entry) => entry.file === file);
  assert.ok(found, file);
  return found;
};

test("the index agrees with the heads of all captured frames", () => {
  assert.ok(fixtureIndex().length > 300);
  for (const entry of fixtureIndex()) {
    const bytes = fixture(entry.file);
    const view = new DataView(bytes.buffer);
    assert.equal(view.getUint16(0), 0xdabb, entry.file);
    assert.equal(view.getUint8(2), entry.flag, entry.file);
    assert.equal(view.getBigInt64(4), entry.id, entry.file);
    assert.equal(view.getUint32(12), entry.bodyBytes, entry.file);
    assert.equal(bytes.length, 16 + entry.bodyBytes, entry.file);
    assert.equal(entry.kind.endsWith("request"), (entry.flag & Flag.request) !== 0, entry.file);
    assert.equal(entry.kind.endsWith("response"), entry.status !== undefined, entry.file);
    const isCall = entry.kind === "request" || entry.kind === "oneway-request";
    assert.equal(isCall, entry.method !== undefined && entry.desc !== undefined, entry.file);
  }
});

test("requests are built as Java and Go send them", () => {
  for (const [file, args] of [
    ["java-3.3.6/hessian2-user_get_string-request-1.bin", ["A0"]],
    ["java-3.3.6/hessian2-exc_checked-request-1.bin", [400, "坏 0"]],
    ["java-3.3.6/fastjson2-user_get_string-request-1.bin", ["A0"]],
    ["dubbo-go-3.3.2/user-001-c2s-request-GetUser.bin", ["7"]],
  ] as [string, Value[]][]) {
    const entry = byFile(file);
    const built = request({
      ...(entry as { path: string; version: string; method: string; desc: string; id: bigint }),
      serialization: entry.serializationId,
      args,
      attachments: {},
    });
    // The attachments come in an order of the peer's own; everything before them is ours to meet.
    const ours = built.subarray(16, built.length - (entry.serializationId === 23 ? 6 : 2));
    same(ours, fixture(file).subarray(16, 16 + ours.length));
    same(built.subarray(0, 12), fixture(file).subarray(0, 12));
  }
});

test("a whole request, attachments in the order given", () => {
  for (const serialization of ["hessian2", "fastjson2"]) {
    const file = `java-3.3.6/${serialization}-user_get_string-request-1.bin`;
    const built = request({
      id: byFile(file).id,
      serialization,
      attachments: {
        path: "com.k8s.User.UserProvider",
        "remote.application": "lab-consumer",
        interface: "com.k8s.User.UserProvider",
        version: "0.0.0",
        timeout: "3000",
      },
    });
    same(built, fixture(file));
  }
});

test("responses and events are built as Java sends them", () => {
  for (const serialization of ["hessian2", "fastjson2"]) {
    const file = `java-3.3.6/${serialization}-edge_void-response-1.bin`;
    same(response({ id: byFile(file).id, serialization, kind: 5 }), fixture(file));
    const beat = `java-3.3.6/${serialization}-heartbeat-heartbeat-request-1.bin`;
    same(heartbeat({ id: byFile(beat).id, serialization }), fixture(beat));
    const answer = `java-3.3.6/${serialization}-heartbeat-heartbeat-response-1.bin`;
    same(heartbeatResponse({ id: byFile(answer).id, serialization }), fixture(answer));
  }
  const event = "java-3.3.6/readonly-provider_exit-event-request-1.bin";
  same(readonly({ id: byFile(event).id }), fixture(event));
});

test("parts that no fixture shows", () => {
  same(response({ id: 7, kind: 0, value: "e" }), hex("dabb0214 0000000000000007 00000003 90 0165"));
  same(response({ status: 70, message: "no" }), hex("dabb0246 0000000000000001 00000003 026e6f"));
  same(response({ kind: 2, trailing: hex("4e") }), hex("dabb0214 0000000000000001 00000002 924e"));
  same(
    request({ twoway: false, id: -1, body: hex("") }),
    hex("dabb8200 ffffffffffffffff 00000000"),
  );
  assert.deepEqual(parameterTypes("ILjava/util/Map;[[B[Ljava/lang/String;"), [
    ...["I", "Ljava/util/Map;", "[[B", "[Ljava/lang/String;"],
  ]);
});

test("hessian strings in all lengths count UTF-16 units", () => {
  const heads = [0, 31, 32, 1023, 1024, 32768].map((length) => {
    const bytes = hessianString("x".repeat(length));
    return hexOf(bytes.subarray(0, bytes.length - length));
  });
  assert.deepEqual(heads, ["00", "1f", "30 20", "33 ff", "53 04 00", "53 80 00"]);
  same(hessianString("é坏😀"), hex("04 c3a9 e59d8f eda0bd edb880"));
  const long = hessianString("x".repeat(32769));
  same(long.subarray(0, 3), hex("52 8000"));
  same(long.subarray(3 + 32768), hex("01 78"));
});

test("hessian ints in their four widths", () => {
  const ints = [0, -16, 47, -17, 48, 2047, -2048, 2048, 262143, -262144, 262144];
  const written = ints.map((value) => hexOf(hessianInt(value)));
  assert.deepEqual(written, [
    ...["90", "80", "bf", "c7 ef", "c8 30", "cf ff", "c0 00"],
    ...["d4 08 00", "d7 ff ff", "d0 00 00", "49 00 04 00 00"],
  ]);
});

test("longer strings take the longer heads of both serializations", () => {
  for (const serialization of ["hessian2", "fastjson2"]) {
    const args = [["x".repeat(47)], ["x".repeat(48)], ["x".repeat(3000)]];
    const sizes = args.map((values) => request({ serialization, args: values }).length);
    const empty = request({ serialization, args: [""] }).length;
    const head = serialization === "hessian2" ? [1, 1, 2] : [0, 2, 3];
    assert.deepEqual(
      sizes.map((size, i) => size - empty - args[i]![0]!.length),
      head,
    );
  }
  same(concat([hex("01"), hex("02")]), hex("0102"));
});
