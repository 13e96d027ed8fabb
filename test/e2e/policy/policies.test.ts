// Policies in real Envoy, in front of tcp_proxy and of dubbo_proxy: refused calls never reach the provider's
// services, their callers are told in Dubbo's words, and other calls of the connection are as without.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { DubboServer } from "../../../demo/dubbo/server.ts";
import { podFromEnvironment } from "../../../demo/pod.ts";
import { recordHandlers } from "../../../demo/provider.ts";
import { USERS } from "../../../demo/record.ts";
import { listenersOf, named, setPluginConfig, wasmPlugins } from "../../../harness/envoy_config.ts";
import { freePort } from "../../../harness/ports.ts";
import { request, type Request } from "../../frames/frames.ts";
import { Caller, times, type Asked } from "../envoy_caller.ts";
import { addListener, LIMIT, ours, startLab, struct, until, type Lab } from "../envoy_setup.ts";

const POLICIES = {
  policies: [
    { name: "no-writes", match: { method: { exact: USERS.set.method } }, authorize: "deny" },
    {
      name: "calm",
      match: { application: { exact: "noisy" } },
      rate_limit: { max_tokens: 3, fill_interval: "3600s" },
      answer: { status: "SERVER_THREADPOOL_EXHAUSTED_ERROR", message: "later" },
    },
    {
      name: "slow",
      match: { application: { exact: "slow" } },
      fault: { delay: { percentage: 100, fixed_delay: "700ms" } },
    },
  ],
};
/** The guard's own configuration, with a delay. */
const GUARD = {
  answer_on_upstream_close: true,
  metrics: { enabled: false },
  policies: [
    {
      name: "late",
      match: { application: { exact: "late" } },
      fault: { delay: { percentage: 100, fixed_delay: "700ms" } },
    },
  ],
};
/** A little less than the delay, in ms: the clock of Envoy and ours round differently. */
const DELAY = 690;

const get: Request = { path: USERS.interface, ...methodOf(USERS.get) };
const set: Request = { path: USERS.interface, ...methodOf(USERS.set), args: [null] };
const noisy: Request = { ...get, extraAttachments: { "remote.application": "noisy" } };
const late: Request = { ...get, extraAttachments: { "remote.application": "late" } };
const slow: Request = { ...get, extraAttachments: { "remote.application": "slow" } };

function methodOf({ method, descriptor }: { method: string; descriptor: string }): Request {
  return { method, desc: descriptor };
}

const text = ({ answer }: Asked): string => Buffer.from(answer.body).toString("latin1");

for (const terminal of ["tcp_proxy", "dubbo_proxy"] as const) {
  describe(`before ${terminal}`, LIMIT, () => {
    let lab: Lab;
    let users: DubboServer;
    let port: number;

    before(async () => {
      port = await freePort();
      lab = await startLab({
        change: (config) => {
          addListener(config, "policed", port, struct(POLICIES));
          const local = named(listenersOf(config), "dubbo", "listener");
          for (const plugin of wasmPlugins(local)) setPluginConfig(plugin, POLICIES);
          const guard = named(listenersOf(config), "guard-user-provider", "listener");
          for (const plugin of wasmPlugins(guard)) setPluginConfig(plugin, GUARD);
        },
      });
      if (terminal === "dubbo_proxy") port = lab.ports.dubbo;
      users = new DubboServer(recordHandlers(USERS, podFromEnvironment("user", "v1")));
      await users.listen(lab.ports.user);
    });

    after(async () => {
      await lab?.stop();
      await users?.close();
    });

    const total = async (metric: string, ...labels: string[]): Promise<number> => {
      let sum = 0;
      for (const [key, value] of ours(await lab.scrape())) {
        if (key.startsWith(`${metric}{`) && labels.every((label) => key.includes(label)))
          sum += value;
      }
      return sum;
    };

    test("refused calls are answered among others, in their places, and run nothing", async () => {
      const caller = await Caller.dial(port);
      const calls = times(20, [get, set, get]).flat();
      const asked = await caller.ask(calls);
      calls.forEach((call, index) => {
        assert.equal(asked[index]!.answer.status, 20);
        const isRefused = /RpcException.*refused by policy no-writes/s.test(text(asked[index]!));
        assert.equal(isRefused, call === set, `call ${index}`);
      });
      assert.equal(users.counts.twoway, 40);
      const refused = 'dubbo_policy="no-writes"';
      await until("all are counted", async () => (await total("dubbo_responses_total")) === 60);
      assert.equal(await total("dubbo_refused_requests_total", refused), 20);
      assert.equal(await total("dubbo_responses_total", 'dubbo_outcome="exception"'), 20);
      assert.equal(await total("dubbo_requests_active"), 0);
      caller.close();
    });

    test("a rate limit answers with its status", async () => {
      const before = users.counts.twoway;
      const caller = await Caller.dial(port);
      const asked = await caller.ask(times(5, noisy));
      const statuses = asked.map(({ answer }) => answer.status);
      assert.deepEqual(statuses, [20, 20, 20, 100, 100]);
      assert.match(text(asked[4]!), /later/);
      assert.equal(users.counts.twoway - before, 3);
      caller.close();
    });

    test("delayed calls are answered, with all behind them in their order, and nobody else waits", async () => {
      const before = users.counts.twoway;
      const caller = await Caller.dial(port);
      const other = await Caller.dial(port);
      const begun = performance.now();
      // The first read has a call in front of the delayed one; what comes later is held too, or refused.
      const first = caller.ask([get, slow, get, set]);
      await until("the one in front", () => caller.frames.length === 1);
      await other.ask(times(3, get));
      const afterOthers = caller.frames.length;
      const later = caller.ask(times(50, get));
      const asked = await first;
      const took = performance.now() - begun;
      await later;
      assert.equal(
        afterOthers,
        1,
        "others on another connection are answered while the delayed one waits",
      );
      assert.ok(took >= DELAY, `${took} ms`);
      // A heartbeat is answered below the provider's services; dubbo_proxy has a connection for each call.
      const answered = caller.frames.map(({ id }) => Number(id)).filter((id) => id !== 4);
      if (terminal === "dubbo_proxy") answered.sort((a, b) => a - b);
      assert.deepEqual(
        answered,
        Array.from({ length: 54 }, (_, index) => index + 1).filter((id) => id !== 4),
      );
      assert.deepEqual(new Set(caller.frames.map(({ status }) => status)), new Set([20]));
      assert.match(text(asked[3]!), /refused by policy no-writes/);
      assert.equal(users.counts.twoway - before, 3 + 53);
      await until("it is counted", async () => {
        return (await total("dubbo_delayed_requests_total", 'dubbo_policy="slow"')) === 1;
      });
      caller.close();
      other.close();
    });

    if (terminal === "dubbo_proxy")
      test("in the guard's listener a delayed call waits alone", async () => {
        const caller = await Caller.dial(port);
        const begun = performance.now();
        const all = caller.ask([get, late, get, get]);
        await until("the others, of its own connection", () => caller.frames.length === 3);
        assert.ok(caller.frames.every(({ id }) => id !== 2n));
        const asked = await all;
        assert.ok(performance.now() - begun >= DELAY);
        assert.equal(asked[1]!.answer.status, 20);
        caller.close();
      });

    test("a client that leaves while its call is delayed leaves nothing behind", async () => {
      const before = users.counts.twoway;
      const caller = await Caller.dial(port);
      await caller.tell([get]);
      caller.end.socket.write(request({ ...slow, id: 99 }));
      await until("it is delayed", async () => {
        return (await total("dubbo_delayed_requests_total", 'dubbo_policy="slow"')) === 2;
      });
      caller.end.socket.resetAndDestroy();
      await until("its end", async () => (await total("dubbo_connections_active")) === 0);
      const next = await Caller.dial(port);
      const begun = performance.now();
      await next.ask([slow]);
      assert.ok(performance.now() - begun >= DELAY);
      assert.equal(users.counts.twoway - before, 1);
      next.close();
      await until("nothing is left", async () => (await total("dubbo_requests_active")) === 0);
    });

    test("one-way calls that are refused are dropped", async () => {
      const before = users.counts.oneway;
      const caller = await Caller.dial(port);
      await caller.tell(times(3, set));
      await caller.tell(times(2, get));
      await caller.ask([get]);
      await until("them", () => users.counts.oneway - before === 2);
      caller.close();
    });
  });
}
