// Hessian 2 numbers classes, types and objects through the whole body, and later values refer to earlier
// ones by number: an attachment that goes must not change what another one means.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { EncoderV2 } from "hessian.js";
import { FrameSplitter } from "../../../demo/dubbo/frame.ts";
import { decodeRequest } from "../../../demo/dubbo/message.ts";
import { request } from "../../frames/frames.ts";
import { shown, take } from "./frames.ts";
import { counted, numbers, start } from "./setup.ts";

const ROUTING = {
  rules: [
    {
      name: "all",
      attachments: { set: [{ name: "to", value: "x" }], remove: ["gone", "also-gone"] },
    },
  ],
};

type Attachments = Record<string, unknown>;

function decoded(frame: Uint8Array): ReturnType<typeof decodeRequest> {
  const found: ReturnType<typeof decodeRequest>[] = [];
  new FrameSplitter((each) => found.push(decodeRequest(each))).push(Buffer.from(frame));
  return found[0]!;
}

/**
 * A request as one encoder writes it: objects that stand twice become references. hessian.js writes the
 * keys of a map in alphabetical order.
 */
function encode(args: unknown[], attachments: Attachments): Uint8Array {
  const encoder = new EncoderV2();
  const head = ["2.0.2", "a.B", "1.0", "go", "Ljava/lang/Object;".repeat(args.length)];
  for (const value of [...head, ...args]) encoder.write(value);
  encoder.write(attachments);
  return request({ body: new Uint8Array(encoder.get()) });
}

const user = (id: string): object => ({ $class: "com.k8s.User", $: { id, name: "n" } });
const order = (id: string): object => ({ $class: "com.k8s.Order", $: { id } });
const typed = (): object => ({ $class: "java.util.TreeMap", $: { a: "b" } });

const { vm, connection } = start(ROUTING);
let unrewritten = 0;

/** Sends a request; answers whether it was rewritten, and holds it against what came in either case. */
function send(args: unknown[], attachments: Attachments): boolean {
  const before = encode(args, attachments);
  const after = connection.downstream(before);
  if (counted(vm, "dubbo_unrewritten_requests_total") > unrewritten) {
    unrewritten++;
    assert.equal(counted(vm, "dubbo_unrewritten_requests_total", '"references"'), unrewritten);
    assert.equal(shown(after), shown(before));
    return false;
  }
  const [was, is] = [decoded(before), decoded(after)];
  const { gone: _, "also-gone": __, ...kept } = was.attachments;
  assert.deepEqual(is, { ...was, attachments: { ...kept, to: "x" } });
  assert.equal(shown(take(after).args), shown(take(before).args));
  return true;
}

describe("an attachment is removed", () => {
  const shared = user("shared");
  for (const [name, args, attachments] of [
    ["with objects in the arguments", [user("1"), order("2"), user("3")], { gone: "1", a: "b" }],
    ["in front of an object of a class of the arguments", [user("1")], { gone: "1", u: user("2") }],
    ["in front of a new class", [user("1")], { gone: "1", o: order("2"), p: order("3") }],
    ["in front of a reference to an argument", [shared], { gone: "1", u: shared }],
    ["behind objects", [user("1")], { b: order("2"), c: user("3"), gone: "1" }],
    ["that is the last object", [user("1")], { b: order("2"), a: "b", gone: user("3") }],
    ["that is an object with only texts behind it", [], { gone: user("3"), a: "b", n: 5, t: true }],
    ["that is a list with only texts behind it", [], { gone: ["x", ["y"]], a: "b" }],
    ["twice, both objects", [], { gone: user("1"), a: "b", "also-gone": order("2") }],
    ["in front of a typed map", [typed()], { gone: "1", m: typed(), n: typed() }],
  ] as [string, unknown[], Attachments][]) {
    test(name, () => assert.ok(send(args, attachments)));
  }
});

describe("a request is left alone, and counted, where the attachment is", () => {
  const shared = user("shared");
  for (const [name, args, attachments] of [
    ["an object in front of another", [], { gone: user("1"), o: order("2") }],
    ["the definition of a class that follows", [], { gone: user("1"), u: user("2") }],
    ["an object that is referred to", [], { gone: shared, u: shared }],
    ["a list in front of a reference", [shared], { gone: ["x"], u: shared }],
    ["a typed map in front of its type", [], { gone: typed(), m: typed() }],
  ] as [string, unknown[], Attachments][]) {
    test(name, () => assert.ok(!send(args, attachments)));
  }
});

test("any attachments: they mean the same afterwards, or the request is left alone", () => {
  const random = numbers(3);
  let rewritten = 0;
  let left = 0;
  for (let round = 0; round < 600; round++) {
    const pool = [user("1"), order("2"), typed(), ["l", user("3")], { m: order("4") }];
    const values: (() => unknown)[] = [
      () => "text",
      () => random() % 1000,
      () => true,
      () => pool[random() % pool.length]!,
      () => user("new"),
      () => [pool[random() % pool.length]!],
    ];
    const value = (): unknown => values[random() % values.length]!();
    const args = Array.from({ length: random() % 3 }, value);
    const keys = ["a", "gone", "b", "x", "also-gone", "y"].filter(() => random() % 3 !== 0);
    const simple = random() % 2 === 0;
    const entries = keys.map((key) => [key, simple ? values[random() % 3]!() : value()] as const);
    if (send(args, Object.fromEntries(entries))) rewritten++;
    else left++;
  }
  assert.ok(rewritten > 250 && left > 50, `${rewritten} ${left}`);
});
