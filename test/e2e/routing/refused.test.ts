// Requests that cannot be rewritten. Where keys are protected nobody knows whether they carry one: the call
// is refused or, where nobody knows where it ends, the connection closed. Where none are, they go on as they
// are. All are counted.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { USERS } from "../../../demo/record.ts";
import { concat, fixture, frame, request, type Request } from "../../frames/frames.ts";
import { Caller, times } from "../envoy_caller.ts";
import { sumOf } from "../envoy_series.ts";
import { LIMIT, until } from "../envoy_setup.ts";
import { dial } from "../envoy_sockets.ts";
import { podOf, routingSeries, series, startRoutedLab } from "./setup.ts";

const KEY = "dubbo-route";
const toV2 = { set: [{ name: KEY, value: "v2" }] };
const NOBODY = { attachments: [{ name: "end-user", exact: "jason" }] };
const routing = { protected: [KEY], rules: [{ match: NOBODY, attachments: toV2 }] };
const bytes = (...numbers: number[]) => Uint8Array.of(...numbers);
const ascii = (text: string) => Buffer.from(text, "latin1");

const TWO_MIB = "x".repeat(2 * 1024 * 1024);
const SET: Request = { method: USERS.set.method, desc: "Ljava/lang/String;", args: [TWO_MIB] };

/** Requests of which nobody can say what they carry. */
const UNREADABLE: [reason: string, what: string, bytes: () => Uint8Array][] = [
  ["too_large", "2 MiB", () => request({ ...SET, id: 3 })],
  [
    "serialization",
    "java serialization",
    () => fixture("java-3.2.19/java-user_get_string-request-1.bin"),
  ],
  ["unreadable", "arguments that are no hessian2", () => request({ id: 3, args: [bytes(0x40)] })],
];

/** Bytes of which nobody can say where the next request begins. */
const ENDLESS: [reason: string, what: string, bytes: () => Uint8Array][] = [
  ["foreign", "no Dubbo at all", () => ascii("GET / HTTP/1.1\r\nHost: dubbo\r\n\r\n")],
  ["too_large", "above Dubbo's own limit", () => frame({ flag: 0xc2, length: 9 << 20 }, bytes(5))],
];

describe("requests that cannot be rewritten", LIMIT, () => {
  test("with protected keys: each is refused, and the calls around it are answered", async (t) => {
    const routed = await startRoutedLab({ routing: { dubbo: routing, dubbo_tcp: routing } });
    t.after(() => routed.stop());
    for (const port of [routed.lab.ports.dubbo, routed.lab.ports.tcp]) {
      for (const [, what, unreadable] of UNREADABLE) {
        const near = await dial(port);
        await near.write(concat([request({ id: 1 }), unreadable(), request({ id: 2 })]));
        await until(`three answers: ${what}`, () => {
          const text = near.received.toString("latin1");
          return text.split("\xda\xbb").length === 4;
        });
        assert.match(near.received.toString("latin1"), /refused because it cannot be read/, what);
        near.socket.destroy();
      }
    }
    await until("the refusals are counted", async () => {
      const { values } = await routed.lab.scrape();
      return UNREADABLE.every(
        ([reason]) => sumOf(values, "refused_requests_total", { policy: "default", reason }) === 2,
      );
    });
    const calls = routed.v1.received.filter((one) => !one.frame.event);
    assert.equal(calls.length, 2 * 2 * UNREADABLE.length);
    assert.equal(routed.v2.received.length, 0);
    assert.equal(sumOf((await routed.lab.scrape()).values, "refused_connections_total"), 0);
  });

  test("with protected keys: nothing arrives that has no end, the client is closed, Envoy lives", async (t) => {
    const routed = await startRoutedLab({
      routing: { dubbo: routing, dubbo_tcp: routing },
    });
    t.after(() => routed.stop());
    const expected: Record<string, number> = {};
    const count = (metric: string, labels: Record<string, string>) => {
      const key = series(metric, labels);
      expected[key] = (expected[key] ?? 0) + 1;
    };
    for (const port of [routed.lab.ports.dubbo, routed.lab.ports.tcp]) {
      for (const [reason, what, unreadable] of ENDLESS) {
        const near = await dial(port);
        // A good call goes before; the connection is one that works.
        await near.write(request({ id: 1 }));
        await until("its answer", () => near.length > 0);
        const [answered, start] = [near.length, Date.now()];
        await near.write(concat([unreadable(), request({ id: 2 })]));
        await near.finished();
        t.diagnostic(`${what}: closed after ${Date.now() - start} ms`);
        assert.equal(near.length, answered, `${what}: bytes after the refusal`);
        assert.ok(Date.now() - start < 1000, `${what}: closed only after ${Date.now() - start} ms`);
        near.socket.destroy();
        count("refused_connections_total", { reason });
      }
    }
    const calls = 2 * ENDLESS.length;
    await routingSeries(routed.lab, expected);
    assert.equal(routed.v1.received.length, calls);
    assert.equal(routed.v2.received.length, 0);
    const ended = series("connections_active");
    await until("the end of all connections", async () => (await routed.lab.own(ended)) === 0);
  });

  test("a refusal while a call is in flight ends it, and Envoy lives", async (t) => {
    const routed = await startRoutedLab({ routing: { dubbo: routing, dubbo_tcp: routing } });
    t.after(() => routed.stop());
    routed.v1.silent = true;
    for (const port of times(5, [routed.lab.ports.dubbo, routed.lab.ports.tcp]).flat()) {
      const near = await dial(port);
      const before = routed.v1.received.length;
      await near.write(request({ id: 1 }));
      await until("a call in flight", () => routed.v1.received.length > before);
      await near.write(ascii("no Dubbo"));
      await near.finished();
      near.socket.destroy();
    }
    const refused = { [series("refused_connections_total", { reason: "foreign" })]: 10 };
    await routingSeries(routed.lab, refused);
    routed.v1.silent = false;
    const caller = await Caller.dial(routed.lab.ports.dubbo);
    assert.equal(podOf((await caller.ask([{}]))[0]!), "user-v1");
    caller.close();
  });

  test("without protected keys: 2 MiB go on as they are, to the last route, and are counted", async (t) => {
    const canary = { name: "canary", attachments: toV2 };
    const routed = await startRoutedLab({ routing: { dubbo: { rules: [canary] } } });
    t.after(() => routed.stop());
    const caller = await Caller.dial(routed.lab.ports.dubbo);
    assert.equal(podOf((await caller.ask([{}]))[0]!), "user-v2");
    const [large] = await caller.ask([SET]);
    assert.equal(podOf(large!), "user-v1");
    const [received] = routed.v1.take();
    assert.deepEqual(received!.args, [TWO_MIB]);
    assert.equal(KEY in received!.attachments, false);
    assert.equal(podOf((await caller.ask([{}]))[0]!), "user-v2");
    caller.close();
    await routingSeries(routed.lab, {
      [series("routed_requests_total", { rule: "canary" })]: 3,
      [series("unrewritten_requests_total", { reason: "too_large" })]: 1,
    });
  });
});
