// Requests that peers could read in another way than the filter does: what a caller sends under a
// protected key must not reach them by that way either, and rules must not be told other names.

import assert from "node:assert/strict";
import { test } from "node:test";
import { concat, hex, request } from "../../frames/frames.ts";
import { hessianMap, hessianString as text } from "../../frames/hessian2.ts";
import { standIn } from "../policy/setup.ts";
import { counted, start } from "./setup.ts";

const KEY = "dubbo-route";
const EVIL = hessianMap({ [KEY]: "EVIL" });
const EMPTY = hex("485a");
const PROTECTING = {
  protected: [KEY],
  rules: [{ name: "all", attachments: { set: [{ name: KEY, value: "SAFE" }] } }],
};

/** A string in pieces: all but the last are `R`. */
function inPieces(...pieces: string[]): Uint8Array {
  return concat(
    pieces.map((piece, index) => {
      const code = index === pieces.length - 1 ? 0x53 : 0x52;
      const head = Uint8Array.of(code, piece.length >> 8, piece.length & 0xff);
      return concat([head, new TextEncoder().encode(piece)]);
    }),
  );
}

/** A request of method `go` with this descriptor, and what stands behind it. */
function asking(descriptor: Uint8Array, ...rest: Uint8Array[]): Uint8Array {
  const head = [text("2.0.2"), text("a.B"), text("1.0"), text("go"), descriptor];
  return request({ body: concat([...head, ...rest]) });
}

/** The bytes as binary, which hides what they say from who goes by the code. */
function asBytes(inner: Uint8Array): Uint8Array {
  return concat([Uint8Array.of(0x42, inner.length >> 8, inner.length & 0xff), inner]);
}

const hiding = asBytes(concat([hex("0090"), EVIL]));
const hidden = concat([Uint8Array.of(0x48), text(KEY), text("EVIL"), Uint8Array.of(0x5a)]);
const generic = "Ljava/lang/String;[Ljava/lang/String;[Ljava/lang/Object;";
const genericHead = [text("2.0.2"), text("a.B"), text("1.0"), text("$invoke"), text(generic)];

const spoofs: [string, Uint8Array][] = [
  [
    "a descriptor in pieces, longer than is put together",
    asking(inPieces(`L${"a".repeat(1022)};`, "I"), hex("4e"), EMPTY, EVIL),
  ],
  ["a class that Java's search does not find", asking(text("L-;"), EVIL, EMPTY)],
  ["a class in which it finds two others", asking(text("L-II;"), hex("90"), EMPTY, EVIL)],
  ["an int[] that comes as bytes", asking(text("[I"), hiding, EMPTY)],
  [
    "a generic call's String[] that comes as bytes",
    request({ body: concat([...genericHead, text("go"), hiding, hex("4e"), EMPTY]) }),
  ],
  [
    "half a surrogate pair in an argument",
    asking(
      text("Ljava/lang/String;"),
      hex("03 78 78 ed a0 80"),
      Uint8Array.of(0x48, hidden.length + 1),
      concat([text("x").subarray(1), hidden]),
      hex("00 5a"),
    ),
  ],
  [
    "the same in bytes that are half a pair to dubbo-go alone",
    asking(
      text("Ljava/lang/String;"),
      hex("03 78 78 ed 20 80"),
      Uint8Array.of(0x48, hidden.length + 1),
      concat([text("x").subarray(1), hidden]),
      hex("00 5a"),
    ),
  ],
  ["half a surrogate pair in a name", asking(hex("01 ed a0 80"), EMPTY)],
  [
    "a character of four bytes in an argument",
    asking(text("Ljava/lang/String;"), hex("01 f0 9f 98 80"), EMPTY),
  ],
];

for (const [what, frame] of spoofs) {
  test(`${what}: the call is refused`, () => {
    const { vm, connection } = start(PROTECTING);
    connection.downstream(frame);
    assert.deepEqual(connection.toUpstream, standIn(Buffer.from(frame).readBigInt64BE(4)));
    assert.ok(!connection.closed);
    assert.equal(counted(vm, "dubbo_refused_requests_total", '"unreadable"'), 1);
  });

  test(`${what}: without protected keys it goes on`, () => {
    const { connection } = start({ rules: [] });
    connection.downstream(frame);
    assert.deepEqual(connection.toUpstream, frame);
    assert.ok(!connection.closed);
  });
}

const readable: [string, string][] = [
  ["a high one at the end", "03 78 78 ed a0 80"],
  ["a high one in front of ASCII", "04 ed a0 80 78 78 78"],
  ["a high one in front of a character of two bytes", "02 ed af bf c3 a4"],
  ["a high one in front of one of three", "02 ed a0 80 e4 b8 ad"],
  ["two high ones", "03 ed a0 80 ed a0 81 78"],
  ["a low one", "02 ed b0 80 78"],
];

for (const [what, argument] of readable) {
  test(`half a surrogate pair is read: ${what}`, () => {
    const { vm, connection } = start(PROTECTING);
    const spoofed = concat([hex("48"), text(KEY), text("EVIL"), text("a"), text("b"), hex("5a")]);
    connection.downstream(asking(text("Ljava/lang/String;"), hex(argument), spoofed));
    const went = Buffer.from(connection.toUpstream).toString("latin1");
    assert.match(went, /SAFE/);
    assert.doesNotMatch(went, /EVIL/);
    assert.equal(counted(vm, "dubbo_refused_requests_total"), 0);
  });
}

test("whole pairs of surrogates and arrays as lists are no matter of doubt", () => {
  const { connection } = start(PROTECTING);
  const pair = hex("02 ed a0 bd ed b8 80");
  connection.downstream(
    asking(text("Ljava/lang/String;[I"), pair, hex("72 04 5b 69 6e 74 91 92"), EMPTY),
  );
  assert.ok(!connection.closed);
  assert.match(Buffer.from(connection.toUpstream).toString("latin1"), /SAFE/);
});

test("names in pieces are not overwritten by keys in pieces", () => {
  const keys = Array.from({ length: 40 }, () => [inPieces("trus", "ted"), text("v")]).flat();
  const head = [text("2.0.2"), inPieces("evil", "Call"), text("1.0"), inPieces("del", "ete")];
  const body = concat([...head, text(""), hex("48"), ...keys, hex("5a")]);
  const match = { interface: { exact: "trusted" } };
  const { vm, connection } = start({
    rules: [
      { name: "trusted", match, attachments: { set: [{ name: "a", value: "b" }] } },
      { name: "evil", match: { interface: { exact: "evilCall" }, method: { exact: "delete" } } },
    ],
  });
  connection.downstream(request({ body }));
  assert.equal(counted(vm, "dubbo_routed_requests_total", '"trusted"'), 0);
  assert.equal(counted(vm, "dubbo_routed_requests_total", '"evil"'), 1);
});

test("values in pieces are not overwritten, nor matched by a part", () => {
  const routing = (condition: object): object => ({
    rules: [{ name: "met", match: { attachments: [{ name: "user", ...condition }] } }],
  });
  const keys = Array.from({ length: 40 }, () => [inPieces("ja", "son"), text("v")]).flat();
  for (const [condition, value] of [
    [{ exact: "jason" }, inPieces("ev", "il1")],
    [{ suffix: "-ok" }, inPieces("x".repeat(1021) + "-ok", "-not")],
  ] as const) {
    const { vm, connection } = start(routing(condition));
    connection.downstream(asking(text(""), hex("48"), text("user"), value, ...keys, hex("5a")));
    assert.equal(counted(vm, "dubbo_routed_requests_total"), 0);
  }
});

test("a first request without attachments chooses a cluster like one with none in its map", () => {
  for (const attachments of ["", "4e", "485a"]) {
    const match = { attachments: [{ name: "x", absent: true }] };
    const { vm, connection } = start({ rules: [{ match, cluster: "c1" }] });
    connection.downstream(asking(text(""), hex(attachments)));
    assert.deepEqual([...connection.filterState.values()], ["c1"], attachments);
    assert.equal(counted(vm, "dubbo_misrouted_requests_total"), 0);
  }
});

test("a first request that comes byte by byte is looked at a few times only", () => {
  const match = { attachments: [{ name: "x", absent: true }] };
  const { vm, connection } = start({ rules: [{ match, cluster: "c1" }] });
  const frame = request({ args: ["x".repeat(20_000)] });
  vm.resetHostCalls();
  for (const byte of frame) connection.downstream(Uint8Array.of(byte));
  assert.deepEqual([...connection.filterState.values()], ["c1"]);
  assert.ok((vm.hostCalls["proxy_get_buffer_bytes"] ?? 0) < 60);
});

test("a rule for another workload holds nothing back", () => {
  const source = { labels: [{ name: "app", exact: "other" }] };
  const set = [{ name: KEY, value: "v" }];
  const { connection } = start({ rules: [{ match: { source }, attachments: { set } }] });
  connection.downstream(request().subarray(0, 40));
  assert.equal(connection.toUpstream.length, 40);
});
