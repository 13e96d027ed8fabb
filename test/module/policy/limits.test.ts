// How often and how many at once: rate limits, bulkheads, and faults.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Clock } from "../../emulator/clock.ts";
import type { Connection } from "../../emulator/connection.ts";
import { SharedData } from "../../emulator/shared_data.ts";
import { request, response, type Request } from "../../frames/frames.ts";
import { counted } from "../routing/setup.ts";
import { beatAnswer, startPolicies } from "./setup.ts";

/** Whether the next call on the connection goes on. */
function passes(connection: Connection, call: Request): boolean {
  const before = connection.toUpstream.length;
  connection.downstream(request(call));
  return connection.toUpstream[before + 2] !== 0xe2;
}

const limit = (more: object = {}): object => ({
  name: "calm",
  rate_limit: { max_tokens: 2, tokens_per_fill: 1, fill_interval: "1s", ...more },
});

describe("a rate limit", () => {
  test("lets as many pass as there are tokens, and more as they come", () => {
    const clock = new Clock();
    const { vm, connection } = startPolicies([limit()], { clock });
    const seen = [1, 2, 3].map((id) => passes(connection, { id }));
    clock.advance(1_000_000_000n);
    seen.push(...[4, 5].map((id) => passes(connection, { id })));
    assert.deepEqual(seen, [true, true, false, true, false]);
    assert.equal(counted(vm, "dubbo_refused_requests_total", "rate_limited"), 2);
    assert.equal(counted(vm, "dubbo_limit_allowed_requests_total", 'policy="calm"'), 3);
  });

  test("with scope process is shared by workers, and without not", () => {
    for (const [scope, expected] of [
      ["process", 5],
      ["worker", 15],
    ] as const) {
      const sharedData = new SharedData();
      const config = [limit({ max_tokens: 5, per: ["application"], scope })];
      // Hashes of keys must agree, though each worker has a seed of its own.
      const workers = [1n, 2n, 3n].map((seed) =>
        startPolicies(config, { sharedData, clock: new Clock(1_700_000_000_000_000_000n + seed) }),
      );
      const callOf = (application: string, id: number): Request => ({
        id,
        extraAttachments: { "remote.application": application },
      });
      let passed = 0;
      for (let id = 1; id <= 10; id++) {
        for (const { connection } of workers) {
          if (passes(connection, callOf("a", id))) passed++;
        }
      }
      assert.equal(passed, expected, scope);
      assert.ok(passes(workers[1]!.connection, callOf("b", 11)), "another key");
    }
  });

  test("with scope process takes no token twice, and gets new ones", () => {
    const sharedData = new SharedData();
    const clock = new Clock();
    const config = [limit({ max_tokens: 2, scope: "process" })];
    const [one, other] = [1, 2].map(() => startPolicies(config, { sharedData, clock }));
    const set = sharedData.set.bind(sharedData);
    let races = 0;
    sharedData.set = (key, bytes, cas) => {
      // Just before one puts its bucket back, the other takes a token.
      if (races++ === 1) assert.ok(passes(other!.connection, { id: 1 }));
      return set(key, bytes, cas);
    };
    assert.ok(passes(one!.connection, { id: 1 }));
    assert.ok(races > 2);
    assert.ok(!passes(one!.connection, { id: 2 }) && !passes(other!.connection, { id: 2 }));
    clock.advance(1_000_000_000n);
    assert.ok(passes(other!.connection, { id: 3 }));
    assert.ok(!passes(one!.connection, { id: 3 }));
  });

  test("answers with the code of a limit", () => {
    const { connection } = startPolicies([limit({ max_tokens: 1 })]);
    passes(connection, { id: 1 });
    passes(connection, { id: 2 });
    connection.upstream(response({ id: 1 }));
    const before = connection.toDownstream.length;
    connection.upstream(beatAnswer(2));
    const refusal = Buffer.from(connection.toDownstream.subarray(before)).toString("latin1");
    // code 7, LIMIT_EXCEEDED_EXCEPTION, in front of the text.
    assert.match(refusal, /\x97\x16refused by policy calm/);
  });

  test("per application, interface or attachment has tokens for each", () => {
    for (const [per, one, other] of [
      [
        "application",
        { extraAttachments: { "remote.application": "a" } },
        { extraAttachments: { "remote.application": "b" } },
      ],
      ["interface", { path: "a.B" }, { path: "a.C" }],
      [
        { attachment: "tenant" },
        { extraAttachments: { tenant: "a" } },
        { extraAttachments: { tenant: "b" } },
      ],
    ] as const) {
      const { connection } = startPolicies([limit({ per: [per] })]);
      const seen = [one, one, one, other, other, other].map((call) =>
        passes(connection, call as Request),
      );
      assert.deepEqual(seen, [true, true, false, true, true, false], JSON.stringify(per));
    }
  });

  test("per name of callers' choosing takes no memory without bound", () => {
    const { vm, plugin } = startPolicies([limit({ per: ["application"] })], {
      rest: { metrics: { labels: [] } },
    });
    const connection = plugin.connect({ collect: false });
    const call = (i: number): void => {
      const extraAttachments = { "remote.application": `app${i}` };
      connection.downstream(request({ id: 1, twoway: false, extraAttachments }));
    };
    for (let i = 0; i < 10_000; i++) call(i);
    const before = vm.memoryBytes();
    for (let i = 0; i < 100_000; i++) call(i);
    assert.equal(vm.memoryBytes(), before);
    // Calls whose application found no place share one bucket.
    assert.ok(counted(vm, "dubbo_refused_requests_total") > 50_000);
  });
});

describe("a bulkhead", () => {
  const bulkhead = { name: "bulkhead", concurrency: { max_in_flight: 2 } };

  test("holds over all connections, and every kind of end frees a place", () => {
    const { vm, plugin, connection } = startPolicies([bulkhead]);
    const other = plugin.connect();
    assert.ok(passes(connection, { id: 1 }));
    assert.ok(passes(other, { id: 1 }));
    assert.ok(!passes(connection, { id: 2 }));
    // Answered.
    connection.upstream(response({ id: 1 }));
    assert.ok(passes(connection, { id: 3 }));
    assert.ok(!passes(other, { id: 2 }));
    // Unanswered.
    other.close("remote");
    assert.ok(passes(connection, { id: 4 }));
    // The same id again: the call before it is not followed any more.
    assert.ok(!passes(connection, { id: 5 }));
    connection.close("remote");
    const last = plugin.connect();
    assert.ok(passes(last, { id: 1 }) && passes(last, { id: 2 }));
    assert.equal(counted(vm, "dubbo_refused_requests_total", "in_flight"), 3);
  });

  test("one-way calls take no place", () => {
    const { connection } = startPolicies([bulkhead]);
    for (let id = 1; id < 10; id++) assert.ok(passes(connection, { id, twoway: false }));
  });

  test("a call that a later policy refuses takes no place", () => {
    const second = {
      name: "second",
      match: { method: { exact: "x" } },
      concurrency: { max_in_flight: 1 },
    };
    const { connection } = startPolicies([bulkhead, second]);
    assert.ok(passes(connection, { id: 1, method: "x" }));
    for (let id = 2; id < 9; id++) assert.ok(!passes(connection, { id, method: "x" }));
    assert.ok(passes(connection, { id: 10 }));
  });
});

describe("faults", () => {
  const fault = (percentage: number): object => ({
    name: "chaos",
    fault: { abort: { percentage } },
  });
  const share = (percentage: number): number => {
    const { connection } = startPolicies([fault(percentage)]);
    let refused = 0;
    for (let id = 1; id <= 2000; id++) {
      if (!passes(connection, { id })) refused++;
      connection.upstream(beatAnswer(id));
    }
    return refused / 2000;
  };

  test("come as often as they should", () => {
    assert.equal(share(0), 0);
    assert.equal(share(100), 1);
    const tenth = share(10);
    assert.ok(tenth > 0.05 && tenth < 0.15, `${tenth}`);
  });
});
