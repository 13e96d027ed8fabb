// Behind the guard of docs/discovery.yaml: providers that nobody but ZooKeeper told of fail, and Envoy lives;
// what the registry says of them holds as it does without the guard.

import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort } from "../../harness/ports.ts";
import { callOnce } from "../guard/guard_call.ts";
import { FaultyProvider, type Fault } from "../guard/faulty_provider.ts";
import { callers, envoyStat, registrant, startNamed, startStage, until, who } from "./stage.ts";

const TEST = { timeout: 120_000 };
const GUARD = ["--guard", "dubbo_guard"];
const SENTENCE = "upstream connection closed before the response";
const SERVER_ERROR = 80;
const FAULTS: Fault[] = ["kill", "rst", "half", "refuse", "unreachable"];
/** Longer than it took Envoy to abort, where it did. */
const AFTERMATH_MS = 150;

test("providers that fail are answered for, each in its way, and Envoy lives", TEST, async (t) => {
  const stage = await startStage(t, ...GUARD);
  const session = await registrant(t, stage);
  for (const fault of FAULTS) {
    const port = await freePort();
    const provider = await FaultyProvider.start(fault, port);
    t.after(() => provider.stop());
    const path = `a.${fault}`;
    await session.register(`dubbo://127.0.0.1:${port}/${path}?interface=${path}`);
    // Routes follow the cluster and its endpoints.
    await until(`${path} is known`, async () =>
      (await stage.envoy.get("/config_dump")).includes(`"interface": "${path}"`),
    );
    for (let id = 1; id <= 2; id++) {
      await provider.ready();
      const seen = await callOnce(stage.port, { id, path }, () => provider.fails());
      assert.deepEqual(seen, { status: SERVER_ERROR, message: SENTENCE, isClosed: false }, fault);
      await sleep(AFTERMATH_MS);
    }
  }
  assert.match(await stage.envoy.get("/ready"), /LIVE/);
});

test("weights, tags and what asks for no calls", TEST, async (t) => {
  const stage = await startStage(t, ...GUARD);
  const session = await registrant(t, stage);
  const register = async (name: string, query: string) => {
    const port = await startNamed(t, name, "a.A");
    const url = `dubbo://127.0.0.1:${port}/a.A?interface=a.A&${query}`;
    await session.register(url);
    return url;
  };
  await register("few", "weight=20");
  await register("many", "weight=80");
  await register("none", "disabled=true");
  const gray = await register("gray", "dubbo.tag=gray");
  const tagged = () => who(stage, "a.A", "", "0.0.0", "gray");
  await until("gray is called", async () => (await tagged()) === "gray");
  for (let i = 0; i < 20; i++) assert.equal(await tagged(), "gray");
  const answers = await callers(stage, "a.A", 500);
  assert.ok(Math.abs(answers.few! - 100) <= 10, JSON.stringify(answers));
  assert.equal(answers.few! + answers.many!, 500);
  assert.ok((await envoyStat(stage.envoy, "tcp.dubbo_dial.downstream_cx_total")) >= 3);
  await session.unregister(gray);
  await until("gray is gone", async () => (await tagged()) !== "gray");
  assert.equal((await stage.metrics()).get("dubbo_registry_ads_refusals_total"), 0);
});
