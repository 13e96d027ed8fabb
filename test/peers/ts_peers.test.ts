// The demo's own Dubbo peers against real ones: a dubbo-go consumer calls TypeScript providers, and
// the TypeScript client calls a dubbo-go provider.

import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { DubboClient, type Call } from "../../demo/dubbo/client.ts";
import { DubboException } from "../../demo/dubbo/errors.ts";
import type { DubboServer } from "../../demo/dubbo/server.ts";
import { pojo } from "../../demo/dubbo/java.ts";
import { freePorts } from "../../harness/ports.ts";
import { startProcess } from "../../harness/processes.ts";
import { accepts } from "../../harness/readiness.ts";
import { fromRoot, ROOT } from "../../harness/repository.ts";
import { fromJava, ORDERS, USERS, type RecordService } from "../../demo/record.ts";
import { goCommand } from "./go_build.ts";
import { runGoConsumer, startGoProvider } from "./go_peers.ts";
import { reportsOf } from "./peer_process.ts";
import { linesOf, type CallLine } from "./report.ts";
import { startTsProvider } from "./ts_provider.ts";

const CALLS = 400;
const READY_MS = 15_000;
const ANSWER_MS = 5000;
const CALL_MS = 10_000;
const TEST = { timeout: 60_000 };

describe("the demo's Dubbo peers", () => {
  before(async () => void (await goCommand("consumer")));

  test("a TypeScript provider answers dubbo-go", TEST, async (t) => {
    const { provider, port } = await startTsProvider();
    t.after(() => provider.server.close());
    const address = `127.0.0.1:${port}`;
    const options = { user: address, order: address, calls: CALLS, parallel: 8, heartbeat: "20ms" };
    await runGoConsumer(options, async (sent) => {
      assert.deepEqual(sent.failures, []);
      assert.deepEqual(linesOf(...(await reportsOf(CALLS, [provider]))), linesOf(sent));
      assert.ok(provider.server.counts.heartbeats > 0, "no heartbeat came");
      await heartbeatsAnswered(provider.server);
    });
  });

  test("the demo's programs answer dubbo-go", TEST, async (t) => {
    const [user, order] = await freePorts(2);
    for (const [file, port] of [
      ["user_provider.ts", user],
      ["order_provider.ts", order],
    ] as const) {
      const args = [fromRoot("harness/run.mjs"), `demo/${file}`, "--port", String(port)];
      const child = startProcess({ name: file, command: process.execPath, args, cwd: ROOT });
      t.after(() => child.stop());
      await child.waitUntil("ready", READY_MS, () => accepts(port));
    }
    const addresses = { user: `127.0.0.1:${user}`, order: `127.0.0.1:${order}` };
    const report = await runGoConsumer({ ...addresses, calls: CALLS, plain: true });
    assert.deepEqual(report.failures, []);
  });

  test("a dubbo-go provider answers the TypeScript client", TEST, async (t) => {
    const provider = await startGoProvider();
    t.after(() => provider.stop());
    const client = new DubboClient({ port: provider.port, timeoutMs: CALL_MS });
    t.after(() => client.close());

    try {
      for (const service of [USERS, ORDERS]) await callEverything(client, service);
    } catch (cause) {
      const seen = JSON.stringify(await provider.report());
      throw new Error(`the provider saw ${seen}\n${provider.process.lastLines()}`, { cause });
    }
    const [received] = await reportsOf(14, [provider]);
    const counts = { ok: 3, nulls: 1, exceptions: 1, errors: 0, oneway: 0, marked: 0 };
    const blue = { version: "1.0.0", group: "blue" };
    const lines = [
      { interface: USERS.interface, method: "GetUser", version: "0.0.0", sent: 5, ...counts },
      setLine(USERS, { version: "0.0.0" }),
      { interface: ORDERS.interface, method: "GetOrder", sent: 5, ...counts, ...blue },
      setLine(ORDERS, blue),
    ];
    assert.deepEqual(linesOf(received), linesOf({ ...received, calls: lines }));
  });
});

/** Sends a heartbeat to each client and waits until each has answered. */
async function heartbeatsAnswered(server: DubboServer): Promise<void> {
  const { connections } = server;
  server.heartbeat();
  const deadline = Date.now() + ANSWER_MS;
  while (server.counts.heartbeatAnswers < connections && Date.now() < deadline) await sleep(10);
  assert.equal(server.counts.heartbeatAnswers, connections);
}

/** Calls each method of a service: values, null, an exception, twoway and one-way. */
async function callEverything(client: DubboClient, service: RecordService): Promise<void> {
  const get = (id: string) => client.call(callOf(service, "get", id));
  for (const id of ["1", "Zoë 張 🙂", "slow-50"]) assert.equal(fromJava(await get(id)).id, id);
  assert.equal(await get("null"), null);
  await assert.rejects(get("error"), DubboException);

  const record = pojo(service.className, { id: "7", name: "seven" });
  const kept = fromJava(await client.call(callOf(service, "set", record)));
  assert.deepEqual([kept.id, kept.name], ["7", "seven"]);
  const oneway = callOf(service, "set", record);
  await client.oneway({ ...oneway, attachments: { ...oneway.attachments, async: "true" } });
}

/** A call of a service's get or set; the order service has a version and a group. */
function callOf(service: RecordService, which: "get" | "set", argument: unknown): Call {
  const { method, descriptor } = service[which];
  const call = { interface: service.interface, method, descriptor, args: [argument] };
  if (service === USERS) return call;
  return { ...call, serviceVersion: "1.0.0", attachments: { group: "blue" } };
}

function setLine(service: RecordService, key: Partial<CallLine>): CallLine {
  const counts = { sent: 2, oneway: 1, ok: 1, nulls: 0, exceptions: 0, errors: 0, marked: 0 };
  return { interface: service.interface, method: service.set.method, ...key, ...counts };
}
