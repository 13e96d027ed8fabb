// How exact a rate limit is with four workers: each for itself, and all together.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { DubboServer } from "../../../demo/dubbo/server.ts";
import { podFromEnvironment } from "../../../demo/pod.ts";
import { recordHandlers } from "../../../demo/provider.ts";
import { USERS } from "../../../demo/record.ts";
import { freePort } from "../../../harness/ports.ts";
import type { Request } from "../../frames/frames.ts";
import { Caller, times } from "../envoy_caller.ts";
import { addListener, LIMIT, startLab, struct, type Lab } from "../envoy_setup.ts";

const WORKERS = 4;
const CONNECTIONS = 24;
const CALLS = 20;
const TOKENS = 100;
const SCOPES = ["worker", "process"] as const;

const { method, descriptor: desc } = USERS.get;
const get: Request = { path: USERS.interface, method, desc };

describe("a rate limit over four workers", LIMIT, () => {
  let lab: Lab;
  let users: DubboServer;
  const ports: Record<string, number> = {};

  before(async () => {
    for (const scope of SCOPES) ports[scope] = await freePort();
    lab = await startLab({
      concurrency: WORKERS,
      change: (config) => {
        for (const scope of SCOPES) {
          const rate_limit = { max_tokens: TOKENS, fill_interval: "3600s", scope };
          const policies = [{ name: `calm-${scope}`, rate_limit }];
          addListener(config, scope, ports[scope]!, struct({ policies }));
        }
      },
    });
    users = new DubboServer(recordHandlers(USERS, podFromEnvironment("user", "v1")));
    await users.listen(lab.ports.user);
  });

  after(async () => {
    await lab?.stop();
    await users?.close();
  });

  /** How many of the calls of all connections, made at the same time, the provider has served. */
  async function served(scope: string): Promise<number> {
    const earlier = users.counts.twoway;
    const callers = await Promise.all(times(CONNECTIONS, 0).map(() => Caller.dial(ports[scope]!)));
    const answers = await Promise.all(callers.map((caller) => caller.ask(times(CALLS, get))));
    assert.equal(answers.flat().length, CONNECTIONS * CALLS);
    for (const caller of callers) caller.close();
    return users.counts.twoway - earlier;
  }

  test("scope process: as many pass as there are tokens", async () => {
    assert.equal(await served("process"), TOKENS);
  });

  test("scope worker: as many for each worker at most", async (t) => {
    const passed = await served("worker");
    t.diagnostic(`${passed} of ${CONNECTIONS * CALLS} calls, ${TOKENS} tokens, ${WORKERS} workers`);
    assert.ok(passed >= TOKENS && passed <= WORKERS * TOKENS, `${passed}`);
  });
});
