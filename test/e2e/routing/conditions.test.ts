// All conditions and actions of rules on a real Envoy, with a node and an address of its own, before
// tcp_proxy: what rules write reaches the provider, in hessian2 and in fastjson2.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { ORDERS } from "../../../demo/record.ts";
import { HEAD_BYTES } from "../../../demo/dubbo/protocol.ts";
import { fastjson2 } from "../../frames/fastjson2.ts";
import { request, type Request } from "../../frames/frames.ts";
import { hessian2 } from "../../frames/hessian2.ts";
import { Caller } from "../envoy_caller.ts";
import { LIMIT, until } from "../envoy_setup.ts";
import { dial } from "../envoy_sockets.ts";
import { routingSeries, series, startRoutedLab, type RoutedLab } from "./setup.ts";

const NODE = { id: "pod", cluster: "demo", metadata: { LABELS: { app: "shop", version: "v7" } } };
const named = (name: string, match: object) => ({
  name,
  match,
  attachments: { set: [{ name: "rule", value: name }] },
});
const method = (exact: string) => ({ method: { exact } });

const RULES = [
  named("other-side", { side: "provider" }),
  named("other-label", { source: { labels: [{ name: "app", exact: "bank" }] } }),
  named("other-address", { source: { addresses: ["10.0.0.0/8", "::1"] } }),
  named("prefix", { method: { prefix: "List" } }),
  named("suffix", { interface: { suffix: "OrderProvider" }, side: "consumer" }),
  named("version", { version: { exact: "2.0.0" } }),
  named("group", { group: { prefix: "bl" } }),
  named("absent", { ...method("a"), attachments: [{ name: "token", absent: true }] }),
  named("present", { ...method("a"), attachments: [{ name: "TOKEN", present: true }] }),
  named("label", { ...method("b"), source: { labels: [{ name: "app", prefix: "sh" }] } }),
  named("address", { ...method("c"), source: { addresses: ["127.0.0.0/8"] } }),
  {
    name: "all",
    match: method("d"),
    attachments: {
      remove: ["debug"],
      set: [
        { name: "rule", value: "all" },
        { name: "source-version", from_node: "LABELS.version" },
        { name: "source-nothing", from_node: "LABELS.nothing" },
        { name: "called", from_invocation: "method" },
        { name: "timeout", value: "1" },
      ],
    },
  },
];

const CALLS: [rule: string | undefined, call: Request][] = [
  ["prefix", { method: "ListUsers" }],
  [undefined, { method: "GetList" }],
  ["suffix", { path: ORDERS.interface }],
  ["version", { version: "2.0.0" }],
  ["group", { extraAttachments: { group: "blue" } }],
  [undefined, { extraAttachments: { group: "red" } }],
  ["absent", { method: "a" }],
  ["present", { method: "a", extraAttachments: { token: 1 } }],
  ["label", { method: "b" }],
  ["address", { method: "c" }],
];

describe("conditions and actions", LIMIT, () => {
  let routed: RoutedLab;
  let caller: Caller;

  before(async () => {
    routed = await startRoutedLab({
      routing: { dubbo_tcp: { rules: RULES } },
      change: (config) => void (config.node = NODE),
    });
    caller = await Caller.dial(routed.lab.ports.tcp);
  });

  after(async () => {
    caller?.close();
    await routed?.stop();
  });

  test("each call takes the rule that is meant for it, all in one write", async () => {
    await caller.ask(CALLS.map(([, call]) => call));
    const taken = routed.v1.take().map(({ attachments }) => attachments.rule);
    assert.deepEqual(
      taken,
      CALLS.map(([rule]) => rule),
    );
    const expected: Record<string, number> = {};
    for (const [rule] of CALLS) {
      if (rule !== undefined) expected[series("routed_requests_total", { rule })] = 1;
    }
    await routingSeries(routed.lab, expected);
  });

  for (const serialization of ["hessian2", "fastjson2"]) {
    test(`what rules set and remove, in ${serialization}`, async () => {
      const near = await dial(routed.lab.ports.tcp);
      const [path, version] = ["com.k8s.User.UserProvider", "0.0.0"];
      const own = { path, interface: path, version };
      const call = { id: 5, method: "d", serialization };
      const attachments = { ...own, debug: "on", timeout: "3000", mine: "yes" };
      await near.write(request({ ...call, attachments }));
      await until("its arrival", () => routed.v1.received.length === 1);
      const set = { "source-version": "v7", called: "d", timeout: "1" };
      const rewritten = { ...own, mine: "yes", rule: "all", ...set };
      const expected = request({ ...call, attachments: rewritten }).subarray(HEAD_BYTES);
      const body = latin1(routed.v1.take()[0]!.frame.body);
      // A map has no order: the same arguments before it, the same entries in it, nothing else.
      const before = latin1(expected).indexOf("mine");
      assert.equal(body.slice(0, before), latin1(expected).slice(0, before));
      assert.equal(body.length, expected.length);
      // In fastjson2 a value of its own stands behind its length.
      const encode = (value: string) =>
        serialization === "hessian2" ? hessian2(value) : fastjson2(value).subarray(4);
      for (const entry of Object.entries(rewritten)) {
        const bytes = entry.map((one) => latin1(encode(one))).join("");
        assert.ok(body.includes(bytes), `no ${entry.join(": ")}`);
      }
      near.socket.destroy();
    });
  }
});

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("latin1");
}
