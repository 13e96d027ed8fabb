// Weighted choices: how often each is drawn, that a key keeps its choice, and what moves when weights
// change.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Clock } from "../../emulator/clock.ts";
import { concat, request, type Request } from "../../frames/frames.ts";
import { splitFrames, texts } from "./frames.ts";
import { start } from "./setup.ts";

const KEYS = 100_000;
/** Calls in one read. */
const BATCH = 500;

function routing(weights: number[], hashOn?: string): object {
  const choices = weights.map((weight, i) => ({
    weight,
    attachments: { set: [{ name: "to", value: String(i) }] },
  }));
  const split = hashOn === undefined ? { choices } : { hash_on: { attachment: hashOn }, choices };
  return { rules: [{ split }] };
}

/** A request with one attachment, which a cheap writer makes. */
const template = request({ attachments: { key: "000000" }, desc: "" });
const digitsAt = template.length - 7;

function withKey(key: number): Uint8Array {
  const bytes = template.slice();
  bytes.set(new TextEncoder().encode(String(key).padStart(6, "0")), digitsAt);
  return bytes;
}

/** The choices of the keys 0 to `count` - 1: the last byte but one of each rewritten frame. */
function choicesOf(
  weights: number[],
  { hashOn, count = KEYS, clock }: { hashOn?: string; count?: number; clock?: Clock },
): Uint8Array {
  const { connection } = start(routing(weights, hashOn), clock === undefined ? {} : { clock });
  const found = new Uint8Array(count);
  for (let from = 0; from < count; from += BATCH) {
    const calls = Array.from({ length: BATCH }, (_, i) => withKey(from + i));
    const out = connection.downstream(concat(calls));
    const size = out.length / BATCH;
    for (let i = 0; i < BATCH; i++) found[from + i] = out[(i + 1) * size - 2]! - 0x30;
  }
  return found;
}

function shares(choices: Uint8Array, of: number): number[] {
  const counts = new Array<number>(of).fill(0);
  for (const choice of choices) counts[choice]!++;
  return counts.map((count) => count / choices.length);
}

test("the cheap reading of these tests is right", () => {
  const { connection } = start(routing([0, 1], "key"));
  const out = connection.downstream(concat([withKey(7), withKey(123_456)]));
  const read = splitFrames(out).map(texts);
  assert.deepEqual(read, [
    { key: "000007", to: "1" },
    { key: "123456", to: "1" },
  ]);
  assert.equal(out[out.length - 2]! - 0x30, 1);
});

describe("random", () => {
  for (const weights of [
    [80, 20],
    [1, 1, 1],
    [0, 1, 99],
  ]) {
    test(`${weights}`, () => {
      const total = weights.reduce((a, b) => a + b);
      const found = shares(choicesOf(weights, { count: 40_000 }), weights.length);
      weights.forEach((weight, i) => {
        const expected = weight / total;
        // Five standard deviations of a fair draw.
        const bound = 5 * Math.sqrt((expected * (1 - expected)) / 40_000);
        assert.ok(Math.abs(found[i]! - expected) <= bound, `${found} of ${weights}`);
      });
    });
  }

  test("choices do not follow each other in a pattern", () => {
    const found = choicesOf([50, 50], { count: 40_000 });
    let same = 0;
    for (let i = 1; i < found.length; i++) if (found[i] === found[i - 1]) same++;
    assert.ok(Math.abs(same / found.length - 0.5) < 0.0125, String(same));
  });

  test("workers that start at different times draw differently", () => {
    const count = BATCH * 2;
    const [a, b] = [1_700_000_000_000_000_000n, 1_700_000_000_000_000_001n].map((now) =>
      choicesOf([50, 50], { count, clock: new Clock(now) }),
    );
    const same = a!.filter((choice, i) => choice === b![i]).length;
    assert.ok(same > count * 0.4 && same < count * 0.6, String(same));
  });
});

describe("sticky", () => {
  const weightings = [
    [80, 20],
    [70, 30],
    [1, 1, 1],
    [1, 1, 2],
    [5, 0, 95],
  ];
  const known = new Map(weightings.map((w) => [String(w), choicesOf(w, { hashOn: "key" })]));

  for (const weights of weightings) {
    test(`the shares of ${weights} are kept within 1 %`, () => {
      const total = weights.reduce((a, b) => a + b);
      const found = shares(known.get(String(weights))!, weights.length);
      weights.forEach((weight, i) => {
        assert.ok(Math.abs(found[i]! - weight / total) < 0.01, `${found} of ${weights}`);
      });
    });
  }

  test("the same key gets the same choice, in every worker and at any time", () => {
    const again = choicesOf([80, 20], { hashOn: "KEY", clock: new Clock(5n) });
    assert.deepEqual(again, known.get("80,20"));
  });

  for (const [before, after, grown, least] of [
    ["80,20", "70,30", 1, 0.1],
    ["1,1,1", "1,1,2", 2, 1 / 2 - 1 / 3],
  ] as [string, string, number, number][]) {
    test(`from ${before} to ${after} only what must move moves, and only to the grown one`, () => {
      const [was, is] = [known.get(before)!, known.get(after)!];
      let moved = 0;
      for (let key = 0; key < KEYS; key++) {
        if (was[key] === is[key]) continue;
        assert.equal(is[key], grown);
        moved++;
      }
      assert.ok(Math.abs(moved / KEYS - least) < 0.01, String(moved / KEYS));
    });
  }

  test("a key that is a string of the other serialization gets the same choice", () => {
    const { connection } = start(routing([1, 1, 1, 1], "key"));
    for (let i = 0; i < 50; i++) {
      const [one, two] = ["hessian2", "fastjson2"].map((serialization) => {
        const extraAttachments = { key: `user-${i}` };
        return texts(connection.downstream(request({ serialization, extraAttachments })))["to"];
      });
      assert.equal(one, two);
    }
  });

  test("without a text under the key chance decides", () => {
    const { connection } = start(routing([1, 1], "key"));
    for (const attachments of [{}, { key: 5 }, { key: null }] as Request["attachments"][]) {
      const seen = new Set<string | null | undefined>();
      for (let i = 0; i < 60; i++) {
        seen.add(texts(connection.downstream(request({ attachments })))["to"]);
      }
      assert.equal(seen.size, 2);
    }
  });

  test("rule and choice both change the call", () => {
    const set = (name: string, value: string): object => ({ name, value });
    const rule = {
      attachments: { set: [set("a", "rule"), set("b", "rule")], remove: ["gone"] },
      split: {
        choices: [{ weight: 1, attachments: { set: [set("b", "choice")], remove: ["c"] } }],
      },
    };
    const { connection } = start({ rules: [rule] });
    const out = connection.downstream(request({ attachments: { gone: "1", c: "2", d: "3" } }));
    assert.deepEqual(texts(out), { a: "rule", b: "choice", d: "3" });
  });
});
