// Every captured frame through the parsing module, held to what the peer's own codec said of it
// (test/fixtures/frames/index.json); whole, cut after every byte, with bytes behind, and mutated.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import {
  concat,
  fixture,
  fixtureIndex,
  type FixtureFrame,
  hexOf,
  parameterTypes,
} from "../frames/frames.ts";
import { fieldsOf, type Head, NO_KIND, Probe, randomNumbers, type Read } from "./probe.ts";

const HEADER = 16;
const [HESSIAN2, FASTJSON2] = [2, 23];
/** Prefixes of longer bodies are tried up to here: the heads are far shorter. */
const MOST_PREFIXES = 2048;
const MUTATIONS = 200_000;

const frames = fixtureIndex();
const isRequest = (frame: FixtureFrame): boolean =>
  frame.kind === "request" || frame.kind === "oneway-request";
const requests = frames.filter(isRequest);
const results = frames.filter((frame) => frame.kind === "response" && frame.status === 20);
const longest = Math.max(...frames.map((frame) => frame.bodyBytes));
const probe = new Probe(longest + 1024);

const bodyOf = (frame: FixtureFrame): Uint8Array => fixture(frame.file).subarray(HEADER);

/** Arguments as the peer's codec saw them, by file. */
const INDEX = new URL("../fixtures/frames/index.json", import.meta.url);
const argumentsOf = new Map(
  (JSON.parse(readFileSync(INDEX, "utf8")) as { file: string; args?: string[] }[]).map(
    ({ file, args }) => [file, args ?? []],
  ),
);

/** What must be read of a request: in generic calls the method is the first argument. */
function expectedHead(frame: FixtureFrame): Head {
  const isGeneric = /^\$invoke(Async)?$/.test(frame.method!);
  const first = argumentsOf.get(frame.file)?.[0];
  return {
    dubboVersion: frame.dubboVersion ?? null,
    path: frame.path ?? null,
    version: frame.version ?? null,
    method: isGeneric ? first!.replace(/^String /, "") : frame.method!,
    desc: frame.desc ?? null,
  };
}

function attachment(frame: FixtureFrame, key: string): string | null {
  const value = frame.attachments?.[key];
  return typeof value === "string" ? value : null;
}

test("the edge is one: what reads on behind the last byte traps", () => {
  probe.place(Uint8Array.of(0x91, 0x30));
  assert.equal(probe.skipJsonb(1), "incomplete");
  assert.throws(() => probe.skipJsonb(1, 0, 3), WebAssembly.RuntimeError);
});

describe("captured frames", () => {
  test("are all there, and their headers say what the index does", () => {
    assert.equal(frames.length, 309);
    assert.ok(requests.length >= 140 && results.length >= 110);
    for (const frame of frames) {
      const bytes = fixture(frame.file);
      const view = new DataView(bytes.buffer, bytes.byteOffset);
      assert.equal(view.getUint16(0), 0xdabb, frame.file);
      assert.equal(view.getUint8(2), frame.flag, frame.file);
      if (frame.kind === "response") assert.equal(view.getUint8(3), frame.status, frame.file);
      assert.equal(view.getBigInt64(4), frame.id, frame.file);
      assert.equal(view.getUint32(12), frame.bodyBytes, frame.file);
      assert.equal(bytes.length, HEADER + frame.bodyBytes, frame.file);
    }
  });

  test("are counted by the frame reader, whatever the pieces", () => {
    const all = concat(frames.map((frame) => fixture(frame.file)));
    const reader = new Probe(all.length);
    reader.place(all);
    for (const chunk of [1, 7, 16, 17, 255, 4096, 65536, all.length]) {
      assert.equal(reader.frames(chunk, longest), frames.length, `${chunk} bytes at a time`);
    }
    assert.equal(reader.frames(4096, longest - 1), -2, "the longest body is too long");
    reader.place(concat([fixture(frames[0]!.file), Uint8Array.of(0xda, 0x00)]));
    assert.equal(reader.frames(1, longest), -1);
  });
});

describe("captured requests", () => {
  test("have the head, group and interface of the index", () => {
    for (const frame of requests) {
      probe.place(bodyOf(frame));
      const read = probe.invocation(frame.serializationId);
      assert.deepEqual(read.head, expectedHead(frame), frame.file);
      const readable = frame.serializationId === HESSIAN2 || frame.serializationId === FASTJSON2;
      assert.equal(read.result, readable ? frame.bodyBytes : "unsupported", frame.file);
      const expected = {
        group: attachment(frame, "group"),
        interface: attachment(frame, "interface"),
      };
      assert.deepEqual(read.attachments, readable ? expected : null, frame.file);
      const headOnly = probe.invocation(frame.serializationId, { attachments: false });
      assert.deepEqual(headOnly.head, read.head, frame.file);
      assert.ok((headOnly.result as number) <= frame.bodyBytes, frame.file);
    }
    const grouped = requests.filter((frame) => attachment(frame, "group") !== null);
    assert.ok(grouped.length >= 4, "some have a group");
  });

  test("cut after any byte are incomplete or have the same head", () => {
    for (const frame of requests) {
      const body = bodyOf(frame);
      const expected = expectedHead(frame);
      for (let length = 0; length < Math.min(body.length, MOST_PREFIXES); length++) {
        probe.place(body.subarray(0, length));
        for (const attachments of [false, true]) {
          const read = probe.invocation(frame.serializationId, { attachments });
          const where = `${frame.file} cut after ${length}`;
          if (read.head !== null) assert.deepEqual(read.head, expected, where);
          else assert.equal(read.result, "incomplete", where);
          assert.equal(read.attachments, null, where);
        }
      }
    }
  });

  test("are read the same with bytes behind them", () => {
    for (const frame of requests) {
      for (const fill of [0x00, 0x4e, 0x5a, 0xff]) {
        probe.place(bodyOf(frame));
        const alone = probe.invocation(frame.serializationId);
        probe.place(concat([bodyOf(frame), new Uint8Array(100).fill(fill)]));
        assert.deepEqual(probe.invocation(frame.serializationId), alone, frame.file);
      }
    }
  });

  test("in hessian2 are skipped to exactly their end", () => {
    for (const frame of requests.filter((each) => each.serializationId === HESSIAN2)) {
      const head = frame.stringEndsInBody?.[4];
      const count = parameterTypes(frame.desc ?? "").length;
      assert.equal(argumentsOf.get(frame.file)!.length, count, frame.file);
      probe.place(bodyOf(frame));
      if (head !== undefined) {
        const skipped = probe.skipHessian2(count + 1, head);
        assert.equal(skipped, frame.bodyBytes, frame.file);
      }
      // With the head's strings, which may be null: values like all others.
      assert.equal(probe.skipHessian2(5 + count + 1), frame.bodyBytes, frame.file);
    }
  });

  test("in fastjson2 have fields that are each skipped to exactly their end", () => {
    for (const frame of frames.filter((each) => each.serializationId === FASTJSON2)) {
      const body = bodyOf(frame);
      const fields = fieldsOf(body);
      if (isRequest(frame)) {
        const count = parameterTypes(frame.desc ?? "").length;
        assert.equal(fields.length, 5 + count + 1, frame.file);
      }
      probe.place(body);
      for (const [from, to] of fields) {
        assert.equal(probe.skipJsonb(1, from, to), to, `${frame.file} at ${from}`);
      }
    }
  });
});

describe("captured responses and events", () => {
  test("have the kind of the index, also cut short", () => {
    for (const frame of results) {
      const body = bodyOf(frame);
      for (let length = 0; length <= Math.min(body.length, 32); length++) {
        probe.place(body.subarray(0, length));
        const kind = probe.resultKind(frame.serializationId);
        const isKnown = kind !== NO_KIND || length >= 16 || length === body.length;
        if (isKnown) assert.equal(kind, frame.responseType, `${frame.file} cut after ${length}`);
      }
    }
    const kinds = new Set(results.map((frame) => frame.responseType));
    assert.deepEqual([...kinds].sort(), [3, 4, 5], "Dubbo 3 always sends attachments");
  });

  test("in hessian2 are skipped to exactly their end, but for dubbo-go's trailing null", () => {
    for (const frame of results.filter((each) => each.serializationId === HESSIAN2)) {
      const trailing = frame.trailingBytes?.length ?? 0;
      probe.place(bodyOf(frame));
      const count = frame.responseType === 5 ? 2 : 3;
      assert.equal(probe.skipHessian2(count), frame.bodyBytes - trailing, frame.file);
    }
  });

  test("are told apart as heartbeats and READONLY", () => {
    const events = frames.filter((frame) => /heartbeat|event/.test(frame.kind));
    assert.equal(events.length, 16);
    for (const frame of events) {
      probe.place(bodyOf(frame));
      const expected = frame.kind === "event-request" ? "readonly" : "heartbeat";
      assert.equal(probe.eventKind(), expected, frame.file);
    }
  });
});

test(`${MUTATIONS} mutated bodies trap nowhere and end where they may`, () => {
  const random = randomNumbers(20_880);
  const seeds = frames.filter((frame) => frame.bodyBytes <= 1024).map(bodyOf);
  const seen: Record<string, number> = {};
  for (let i = 0; i < MUTATIONS; i++) {
    const body = seeds[random(seeds.length)]!.slice();
    for (let change = random(4); change >= 0 && body.length > 0; change--) {
      const at = random(body.length);
      const how = random(3);
      if (how === 0) body[at] = random(256);
      else if (how === 1) body[at]! ^= 1 << random(8);
      else body.copyWithin(at, random(body.length));
    }
    const cut = body.subarray(0, random(3) === 0 ? random(body.length + 1) : body.length);
    probe.place(cut);
    try {
      const serialization = [2, 3, 4, 6, 23][random(5)]!;
      const answers: Read["result"][] = [
        probe.invocation(serialization).result,
        probe.skipHessian2(1 + random(8)),
        probe.skipJsonb(1 + random(8)),
      ];
      probe.resultKind(serialization);
      probe.eventKind();
      for (const answer of answers) {
        const isInside = typeof answer === "string" || (answer >= 0 && answer <= cut.length);
        assert.ok(isInside, `ends at ${answer} of ${cut.length}`);
        const name = typeof answer === "string" ? answer : "read";
        seen[name] = (seen[name] ?? 0) + 1;
      }
    } catch (error) {
      throw new Error(`mutation ${i}: ${hexOf(cut)}: ${(error as Error).message}`, {
        cause: error,
      });
    }
  }
  for (const answer of ["read", "incomplete", "malformed", "unsupported"]) {
    assert.ok((seen[answer] ?? 0) > MUTATIONS / 200, `${answer}: ${seen[answer]}`);
  }
});
