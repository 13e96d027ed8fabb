// Rules before dubbo_proxy, as envoy-local.yaml is committed: the header route, the canary's split, a
// split that sticks to an attachment, and requests in every form that has no attachments to set.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { HEAD_BYTES } from "../../../demo/dubbo/protocol.ts";
import { ORDERS, USERS } from "../../../demo/record.ts";
import { concat, request, type Request } from "../../frames/frames.ts";
import { hessian2 } from "../../frames/hessian2.ts";
import { Caller, times, type Asked } from "../envoy_caller.ts";
import { LIMIT, until } from "../envoy_setup.ts";
import { podOf, podsOf, routingSeries, series, startRoutedLab, type RoutedLab } from "./setup.ts";

const JASON: Request = { extraAttachments: { "end-user": "jason" } };
/** So many calls at once: dubbo_proxy has an upstream connection for each. */
const AT_ONCE = 100;
const SIGMAS = 5;

/** Makes the calls, some at once. */
async function askAll(caller: Caller, calls: readonly Request[]): Promise<Asked[]> {
  const asked: Asked[] = [];
  for (let at = 0; at < calls.length; at += AT_ONCE) {
    asked.push(...(await caller.ask(calls.slice(at, at + AT_ONCE))));
  }
  return asked;
}

/** Whether so many of `count` are what `share` of them by chance may be. */
function assertShare(found: number, count: number, share: number): void {
  const off = Math.abs(found - count * share);
  const sigma = Math.sqrt(count * share * (1 - share));
  assert.ok(off <= SIGMAS * sigma, `${found} of ${count}, off by ${off / sigma} sigma`);
}

describe("the committed rules", LIMIT, () => {
  let routed: RoutedLab;
  let caller: Caller;
  const counted = { jason: 0, canary: 0 };

  before(async () => {
    routed = await startRoutedLab();
    caller = await Caller.dial(routed.lab.ports.dubbo);
  });

  after(async () => {
    caller?.close();
    await routed?.stop();
  });

  /** The number of calls per rule, exactly, and nothing refused or left as it was. */
  async function counts(more: Partial<typeof counted>): Promise<void> {
    counted.jason += more.jason ?? 0;
    counted.canary += more.canary ?? 0;
    const expected: Record<string, number> = {};
    for (const [rule, count] of Object.entries(counted)) {
      if (count > 0) expected[series("routed_requests_total", { rule })] = count;
    }
    await routingSeries(routed.lab, expected);
  }

  test("jason always reaches v2, which sees the rule's attachment beside the caller's", async () => {
    const asked = await askAll(caller, times(200, JASON));
    assert.deepEqual(podsOf(asked), { "user-v2": 200 });
    const received = routed.v2.take();
    assert.equal(received.length, 200);
    const path = USERS.interface;
    const sent = { path, interface: path, version: "0.0.0", timeout: "3000", "end-user": "jason" };
    for (const { attachments, args } of received) {
      assert.deepEqual(attachments, { ...sent, "dubbo-route": "v2" });
      assert.deepEqual(args, ["A0"]);
    }
    await counts({ jason: 200 });
  });

  test("who is called almost like him does not", async () => {
    for (const name of ["Jason", "jason ", "jaso", ""]) {
      const call = { extraAttachments: { "end-user": name } };
      const pods = podsOf(await askAll(caller, times(50, call)));
      assert.ok((pods["user-v1"] ?? 0) > 20, JSON.stringify(pods));
    }
    const number = { extraAttachments: { "end-user": 1 } };
    await askAll(caller, [number]);
    await counts({ canary: 201 });
    routed.v1.take();
    routed.v2.take();
  });

  test("1,000 calls split four to one, five sigma", async (t) => {
    const pods = podsOf(await askAll(caller, times(1000, {})));
    t.diagnostic(JSON.stringify(pods));
    assert.equal(pods["user-v1"]! + pods["user-v2"]!, 1000);
    assertShare(pods["user-v2"]!, 1000, 0.2);
    // Each call got the attachment that says where it went.
    for (const [version, provider] of Object.entries({ v1: routed.v1, v2: routed.v2 })) {
      const routes = provider.take().map(({ attachments }) => attachments["dubbo-route"]);
      assert.deepEqual(new Set(routes), new Set([version]));
    }
    await counts({ canary: 1000 });
  });

  test("an interface without a rule goes its way unchanged", async () => {
    const call = { path: ORDERS.interface, method: ORDERS.get.method };
    const expected = request({ ...call, id: 1 }).subarray(HEAD_BYTES);
    assert.deepEqual(podsOf(await askAll(caller, times(50, call))), { "order-v1": 50 });
    for (const { frame } of routed.orders.take())
      assert.deepEqual(frame.body, Buffer.from(expected));
    await counts({});
  });

  test("attachments that are null or missing become a map", async () => {
    const head = ["2.0.2", USERS.interface, "0.0.0", USERS.get.method, USERS.get.descriptor, "A0"];
    const missing = concat(head.map((value) => hessian2(value)));
    const asked = await askAll(caller, times(60, { attachments: null }));
    asked.push(...(await askAll(caller, times(60, { body: missing }))));
    asked.push(...(await askAll(caller, times(60, { attachments: {} }))));
    const received = [...routed.v1.take(), ...routed.v2.take()];
    assert.equal(received.length, 180);
    for (const { attachments, args, method } of received) {
      assert.deepEqual(Object.keys(attachments), ["dubbo-route"]);
      assert.deepEqual([method, args], [USERS.get.method, ["A0"]]);
    }
    // Chance lets all of these go to one version once in 10^17 runs.
    assert.deepEqual(Object.keys(podsOf(asked)).sort(), ["user-v1", "user-v2"]);
    await counts({ canary: 180 });
  });

  test("oneway calls are routed too", async () => {
    await caller.tell(times(20, JASON));
    await until("20 oneway calls at v2", () => routed.v2.received.length === 20);
    for (const { frame, attachments } of routed.v2.take()) {
      assert.equal(frame.twoway, false);
      assert.equal(attachments["dubbo-route"], "v2");
    }
    assert.equal(routed.v1.received.length, 0);
    await counts({ jason: 20 });
  });

  test("a request in pieces is held until it is whole", async () => {
    const [first, second] = [request({ id: 901n, ...JASON }), request({ id: 902n, ...JASON })];
    const bytes = concat([first, second]);
    const before = caller.frames.length;
    for (const [from, to] of [
      [0, 1],
      [1, 16],
      [16, 40],
      [40, first.length + 7],
    ] as const) {
      await caller.end.write(bytes.subarray(from, to));
      await new Promise((resolve) => setTimeout(resolve, 30));
    }
    await caller.end.write(bytes.subarray(first.length + 7));
    await until("two answers", () => caller.frames.length === before + 2);
    const ids = routed.v2.take().map(({ attachments }) => attachments["dubbo-route"]);
    assert.deepEqual(ids, ["v2", "v2"]);
    await counts({ jason: 2 });
  });
});

describe("a split that sticks", LIMIT, () => {
  const KEYS = 1000;
  const choice = (weight: number, value: string) => ({
    weight,
    attachments: { set: [{ name: "dubbo-route", value }] },
  });
  const split = {
    hash_on: { attachment: "user-id" },
    choices: [choice(80, "v1"), choice(20, "v2")],
  };
  const routing = { protected: ["dubbo-route"], rules: [{ name: "sticky", split }] };
  const calls = Array.from({ length: KEYS }, (_, key) => ({
    extraAttachments: { "user-id": `user ${key}` },
  }));
  let first: string[];

  for (const concurrency of [1, 2]) {
    test(`the same user meets the same version, ${concurrency} workers`, async (t) => {
      const routed = await startRoutedLab({ concurrency, routing: { dubbo: routing } });
      t.after(() => routed.stop());
      const rounds: string[][] = [];
      for (let round = 0; round < 3; round++) {
        const caller = await Caller.dial(routed.lab.ports.dubbo);
        rounds.push((await askAll(caller, calls)).map(podOf));
        caller.close();
      }
      const toV2 = rounds[0]!.filter((pod) => pod === "user-v2").length;
      t.diagnostic(`${toV2} of ${KEYS} users meet v2`);
      assertShare(toV2, KEYS, 0.2);
      // All rounds agree, and so do two Envoys.
      first ??= rounds[0]!;
      for (const round of rounds) assert.deepEqual(round, first);
      // Without the attachment it is chance that decides.
      const caller = await Caller.dial(routed.lab.ports.dubbo);
      const pods = podsOf(await askAll(caller, times(200, {})));
      caller.close();
      assertShare(pods["user-v2"]!, 200, 0.2);
      const all = { [series("routed_requests_total", { rule: "sticky" })]: 3 * KEYS + 200 };
      await routingSeries(routed.lab, all);
    });
  }
});
