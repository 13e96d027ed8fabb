// Before tcp_proxy: a connection's first request chooses its cluster, and the access log tells what
// was called. Where Envoy shows no bytes before it has a cluster, no connection hangs for ever.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { findEnvoy } from "../../../harness/envoy_binary.ts";
import { listenersOf, LOCAL_CONFIG, named, type Json } from "../../../harness/envoy_config.ts";
import { ROOT } from "../../../harness/repository.ts";
import { ORDERS } from "../../../demo/record.ts";
import { concat, heartbeat, request, type Request } from "../../frames/frames.ts";
import { Caller } from "../envoy_caller.ts";
import { envoySince, LIMIT, until } from "../envoy_setup.ts";
import { dial } from "../envoy_sockets.ts";
import { podOf, podsOf, routingSeries, series, startRoutedLab } from "./setup.ts";
import type { RoutedLab } from "./setup.ts";

const GET_USER: Request = {};
const GET_ORDER: Request = { path: ORDERS.interface, method: ORDERS.get.method };
const ROUTED = series("routed_requests_total", { rule: "orders" });
const MISROUTED = series("misrouted_requests_total");
const UNROUTED = series("unrouted_connections_total");
/** Envoy writes its access log this often. */
const FLUSH = ["--file-flush-interval-msec", "100"];
/** The filter's patience of 3 s, up to one of its ticks more, and some for a busy machine. */
const PATIENCE_MS = [3000, 5000] as const;

/** Why early data cannot be tested; false where it can. */
const NO_EARLY_DATA = !envoySince("1.37") && "Envoy before 1.37 has none, see below";

describe("connection mode, as committed", { ...LIMIT, skip: NO_EARLY_DATA }, () => {
  let routed: RoutedLab;

  before(async () => void (routed = await startRoutedLab({ args: FLUSH })));
  after(() => routed?.stop());

  /** Resolved once the access log has the words so often. */
  async function logged(words: string, count: number = 1): Promise<void> {
    const times = () => routed.lab.envoy.process.log.split(words).length - 1;
    await until(`${count} times "${words}" in the access log`, () => times() >= count);
    assert.equal(times(), count);
  }

  test("the first request's interface picks the cluster", async () => {
    for (const [call, pod] of [
      [GET_USER, "user-v1"],
      [GET_ORDER, "order-v1"],
      [GET_USER, "user-v1"],
      [GET_ORDER, "order-v1"],
    ] as const) {
      const caller = await Caller.dial(routed.routedPort);
      assert.deepEqual(podsOf(await caller.ask([call, call, call])), { [pod]: 3 });
      caller.close();
    }
    await routingSeries(routed.lab, { [ROUTED]: 6 });
    for (const cluster of ["user-provider", "order-provider"]) {
      await logged(`127.0.0.1:${routed.routedPort} -> ${cluster} `, 2);
    }
  });

  test("a first request in pieces, and one behind a heartbeat", async () => {
    const near = await dial(routed.routedPort);
    const bytes = request({ ...GET_ORDER, id: 1 });
    const before = routed.orders.received.length;
    const cuts = [0, 1, 15, 16, 40, bytes.length - 1];
    for (const [index, cut] of cuts.entries()) {
      await near.write(bytes.subarray(cuts[index - 1], cut));
      await sleep(20);
    }
    assert.equal(routed.orders.received.length, before);
    await near.write(bytes.subarray(-1));
    await until("the answer", () => near.length > 0);
    assert.equal(routed.orders.received.length, before + 1);
    near.socket.destroy();

    // What is no request chooses nothing: the connection goes to the cluster of tcp_proxy.
    const other = await dial(routed.routedPort);
    const users = routed.v1.received.length;
    await other.write(concat([heartbeat({ id: 7 }), request({ ...GET_ORDER, id: 8 })]));
    await until("both at the default cluster", () => routed.v1.received.length >= users + 2);
    other.socket.destroy();
    await routingSeries(routed.lab, { [ROUTED]: 8, [MISROUTED]: 1 });
  });

  test("a later call that belongs elsewhere stays, and is counted", async () => {
    const caller = await Caller.dial(routed.routedPort);
    const pods = (await caller.ask([GET_USER, GET_ORDER, GET_USER, GET_ORDER])).map(podOf);
    assert.deepEqual(new Set(pods), new Set(["user-v1"]));
    caller.close();
    await routingSeries(routed.lab, { [ROUTED]: 10, [MISROUTED]: 3 });
  });

  test("bytes are known to come early now: a connection may be silent for long", async () => {
    const caller = await Caller.dial(routed.routedPort);
    await sleep(PATIENCE_MS[1]);
    assert.deepEqual(podsOf(await caller.ask([GET_ORDER])), { "order-v1": 1 });
    caller.close();
    await routingSeries(routed.lab, { [ROUTED]: 11, [MISROUTED]: 3 });
  });

  test("the access log shows the last request's names, and no bytes of a caller's choice", async () => {
    const blue = { ...GET_ORDER, version: "1.0.0", extraAttachments: { group: "blue" } };
    const evil = { ...GET_ORDER, method: 'Get\nOrder "%s" ; x' };
    for (const calls of [
      [GET_ORDER, blue],
      [blue, evil],
    ]) {
      const caller = await Caller.dial(routed.routedPort);
      await caller.ask(calls);
      caller.close();
    }
    const line = `127.0.0.1:${routed.routedPort} -> order-provider interface=${ORDERS.interface} method=`;
    await logged(`${line}GetOrder version=1.0.0 group=blue `);

    await logged(`${line}Get_Order___s____x version=0.0.0 group= `);
  });
});

describe("Envoy before 1.37", { ...LIMIT, skip: !NO_EARLY_DATA && "this one is newer" }, () => {
  // All else of the file it runs: `startEnvoy` leaves the one field out, and connections then do what
  // the tests without early data say.
  test("refuses the committed file for max_early_data_bytes", async () => {
    const args = ["-c", LOCAL_CONFIG, "--mode", "validate"];
    const validated = promisify(execFile)(await findEnvoy(), args, { cwd: ROOT });
    // Protobuf spreads spaces over its messages at random, so that nobody relies on their words.
    await assert.rejects(validated, /no\s+such\s+field:\s+'max_early_data_bytes'/);
  });
});

describe("filter state behind dubbo_tcp", LIMIT, () => {
  test("is there as committed, and absent without filter_state", async (t) => {
    for (const [routing, shown] of [
      [{ filter_state: true }, "com.k8s.User.UserProvider method=GetUser"],
      [{}, "- method=-"],
    ] as const) {
      const routed = await startRoutedLab({ args: FLUSH, routing: { dubbo_tcp: routing } });
      t.after(() => routed.stop());
      const caller = await Caller.dial(routed.lab.ports.tcp);
      await caller.ask([GET_USER]);
      caller.close();
      const words = `127.0.0.1:${routed.lab.ports.tcp} -> user-provider interface=${shown} `;
      await until(words, () => routed.lab.envoy.process.log.includes(words));
    }
  });
});

// They mostly wait.
describe("connection mode without early data", { ...LIMIT, concurrency: 4 }, () => {
  for (const concurrency of [1, 2]) {
    test(`connections go on to the default cluster, ${concurrency} workers`, async (t) => {
      const routed = await startRoutedLab({
        concurrency,
        change: withoutEarlyData,
      });
      t.after(() => routed.stop());
      const start = Date.now();
      const callers = await Promise.all([1, 2, 3, 4].map(() => Caller.dial(routed.routedPort)));
      const asked = await Promise.all(callers.map((caller) => caller.ask([GET_ORDER, GET_USER])));
      const took = Date.now() - start;
      t.diagnostic(`answered after ${took} ms`);
      assert.ok(took >= PATIENCE_MS[0] && took <= PATIENCE_MS[1], `${took} ms`);
      assert.deepEqual(podsOf(asked.flat()), { "user-v1": 8 });
      // From then on they are like any others; what should have gone elsewhere is told.
      const late = await Promise.all(callers.map((caller) => caller.ask([GET_ORDER])));
      assert.deepEqual(podsOf(late.flat()), { "user-v1": 4 });
      for (const caller of callers) caller.close();
      await routingSeries(routed.lab, { [ROUTED]: 8, [MISROUTED]: 8, [UNROUTED]: 4 });
    });
  }

  test("clients that go while they wait leave nothing behind", async (t) => {
    const routed = await startRoutedLab({ change: withoutEarlyData });
    t.after(() => routed.stop());
    const active = series("connections_active");
    const gone = await Promise.all([1, 2, 3].map(() => dial(routed.routedPort)));
    // A connection that is reset before Envoy accepts it is none.
    await until("three connections", async () => (await routed.lab.own(active)) === 3);
    for (const { socket } of gone) socket.destroy();
    const caller = await Caller.dial(routed.routedPort);
    assert.deepEqual(podsOf(await caller.ask([GET_USER])), { "user-v1": 1 });
    await routingSeries(routed.lab, { [UNROUTED]: 4 });
    await until("one open connection", async () => (await routed.lab.own(active)) === 1);
    caller.close();
  });

  test("with early data, who is silent as the first of all is let go on too", async (t) => {
    // Nobody has shown yet that bytes come.
    const routed = await startRoutedLab();
    t.after(() => routed.stop());
    const start = Date.now();
    const caller = await Caller.dial(routed.routedPort);
    await until("its turn", async () => (await routed.lab.own(UNROUTED)) > 0);
    const took = Date.now() - start;
    assert.ok(took >= PATIENCE_MS[0] && took <= PATIENCE_MS[1], `${took} ms`);
    assert.deepEqual(podsOf(await caller.ask([GET_ORDER])), { "user-v1": 1 });
    caller.close();
    await routingSeries(routed.lab, { [ROUTED]: 1, [MISROUTED]: 1, [UNROUTED]: 1 });
  });
});

function withoutEarlyData(config: Json): void {
  const listener = named(listenersOf(config), "dubbo_tcp_routed", "listener");
  delete listener.filter_chains[0].filters[1].typed_config.max_early_data_bytes;
}
