// Mutated captured frames in both directions, the same ones in every run: routing never traps, what it
// lets through is what came or can be read, and a protected key never comes out.

import assert from "node:assert/strict";
import { test } from "node:test";
import { concat, fixture, fixtureIndex } from "../../frames/frames.ts";
import { splitFrames, take } from "./frames.ts";
import { numbers, start } from "./setup.ts";

const KEY = "dubbo-route";
const RULES = [
  {
    name: "all",
    attachments: {
      set: [
        { name: "source-version", value: "v7" },
        { name: "called", from_invocation: "method" },
        { name: "on", from_invocation: "interface" },
      ],
      remove: ["timeout"],
    },
    split: {
      hash_on: { attachment: "path" },
      choices: [{ weight: 1 }, { weight: 1, attachments: { remove: ["retries"] } }],
    },
  },
];
const frames = fixtureIndex().filter(({ bodyBytes }) => bodyBytes < 1500);
const bytesOf = new Map(frames.map(({ file }) => [file, fixture(file)]));
const requests = frames.filter(
  ({ direction, kind, serializationId: id }) =>
    direction === "downstream" && /request$/.test(kind) && (id === 2 || id === 23),
);

type Random = () => number;

function mutate(bytes: Uint8Array, random: Random): Uint8Array {
  const changed = bytes.slice();
  const count = random() % 4;
  for (let i = 0; i < count; i++) {
    const at = random() % 3 === 0 ? random() % 16 : random() % changed.length;
    if (random() % 2 === 0) changed[at] = random() & 0xff;
    else changed[at]! ^= 1 << (random() % 8);
  }
  switch (random() % 8) {
    case 0:
      return changed.subarray(0, random() % changed.length);
    case 1: {
      const at = random() % changed.length;
      return concat([changed.subarray(0, at), changed.subarray(at >> 1)]);
    }
    default:
      return changed;
  }
}

/** Some frames one after the other, most of them as they were captured. */
function stream(random: Random, from: Uint8Array[]): Uint8Array {
  const parts = Array.from({ length: 1 + (random() % 4) }, () => {
    const bytes = from[random() % from.length]!;
    return random() % 3 === 0 ? bytes : mutate(bytes, random);
  });
  const all = concat(parts);
  return all.length === 0 ? Uint8Array.of(0xda) : all;
}

const downstream = frames.filter((each) => each.direction === "downstream");
const upstream = frames.filter((each) => each.direction === "upstream");
const get = (of: typeof frames): Uint8Array[] => of.map(({ file }) => bytesOf.get(file)!);

test("without protected keys: no trap, no close, and every frame as it came or rewritten", () => {
  const random = numbers(1);
  const { plugin } = start({ rules: RULES, filter_state: true });
  let rewritten = 0;
  for (let round = 0; round < 6000; round++) {
    const bytes = stream(random, get(downstream));
    const back = stream(random, get(upstream));
    const connection = plugin.connect();
    for (let at = 0; at < bytes.length;) {
      const size = random() % 3 === 0 ? 1 + (random() % 40) : bytes.length;
      connection.downstream(bytes.subarray(at, at + size), at + size >= bytes.length);
      at += size;
    }
    connection.upstream(back);
    assert.ok(!connection.closed);
    assert.ok(Buffer.from(back).equals(connection.toDownstream));
    holdFrames(bytes, connection.toUpstream, () => rewritten++);
    connection.close("remote");
  }
  assert.ok(rewritten > 3000, String(rewritten));
});

/** Walks what came in and what went out side by side. */
function holdFrames(before: Uint8Array, after: Uint8Array, onRewritten: () => void): void {
  let at = 0;
  let to = 0;
  while (at < before.length) {
    const rest = [before.subarray(at), after.subarray(to)] as const;
    if (Buffer.compare(rest[0], rest[1]) === 0) return;
    const [was, is] = rest.map((bytes) => frameLength(bytes)) as [number, number];
    const old = rest[0].subarray(0, was);
    const now = rest[1].subarray(0, is);
    if (Buffer.compare(old, now) !== 0) {
      const set = take(now).entries.filter(({ key }) => key === "source-version");
      assert.deepEqual(
        set.map(({ text }) => text),
        ["v7"],
      );
      assert.ok(Buffer.from(take(old).args).equals(take(now).args));
      onRewritten();
    }
    at += was;
    to += is;
  }
  assert.equal(to, after.length);
}

function frameLength(bytes: Uint8Array): number {
  assert.ok(bytes.length >= 16, "a frame that lost its header");
  const length = 16 + Buffer.from(bytes.buffer, bytes.byteOffset + 12, 4).readUInt32BE(0);
  assert.ok(length <= bytes.length, "a changed frame is whole");
  return length;
}

test("with a protected key: it never comes out, wherever it was put", () => {
  const random = numbers(2);
  const adder = start({ rules: [{ attachments: { set: [{ name: KEY, value: "v2" }] } }] });
  const spoofed = requests.map(({ file }) => adder.connection.downstream(bytesOf.get(file)!));
  const { plugin } = start({ protected: [KEY], rules: RULES });
  let passed = 0;
  let closed = 0;
  for (let round = 0; round < 6000; round++) {
    const bytes = stream(random, spoofed);
    const connection = plugin.connect();
    for (let at = 0; at < bytes.length && !connection.closed;) {
      const size = random() % 3 === 0 ? 1 + (random() % 40) : bytes.length;
      connection.downstream(bytes.subarray(at, at + size), at + size >= bytes.length);
      at += size;
    }
    for (const frame of callsOf(connection.toUpstream)) {
      const keys = take(frame).entries.map(({ key }) => key?.toLowerCase());
      assert.ok(!keys.includes(KEY), Buffer.from(frame).toString("hex"));
      passed++;
    }
    if (connection.closed) closed++;
    else connection.close("remote");
  }
  assert.ok(passed > 4000 && closed > 1000, `${passed} ${closed}`);
});

/** The calls among what went on. Only calls have attachments, and of none may a part go on. */
function callsOf(bytes: Uint8Array): Uint8Array[] {
  const isCall = (frame: Uint8Array): boolean => (frame[2]! & 0xa0) === 0x80;
  let end = 0;
  while (end + 16 <= bytes.length) {
    const length = 16 + Buffer.from(bytes.buffer, bytes.byteOffset + end, 16).readUInt32BE(12);
    if (end + length > bytes.length) break;
    end += length;
  }
  const rest = bytes.subarray(end);
  assert.ok(rest.length === 0 || (rest.length >= 16 && !isCall(rest)), "a part of a call");
  return splitFrames(bytes.subarray(0, end)).filter(isCall);
}
