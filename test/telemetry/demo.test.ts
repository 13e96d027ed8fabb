// `npm start -- --traces`: the commands that it prints lead to a first trace.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fromRoot, ROOT } from "../../harness/repository.ts";
import { startDemo, START_MS, type StartedDemo } from "../e2e/demo/started.ts";
import { until } from "../e2e/envoy_setup.ts";

const LIMIT = { timeout: 2 * START_MS };

describe("npm start -- --traces", LIMIT, () => {
  let started: StartedDemo;

  before(async () => {
    started = await startDemo(["--traces"]);
  });
  after(() => started?.stop());

  test("prints how to make a call and how to see its trace", async () => {
    const { log } = started.demo;
    const [, traceparent, call] = /traceparent: (\S+)' '(\S+)'/.exec(log)!;
    const [, query] = /'(\S+\/api\/traces\/\S+)'/.exec(log)!;
    const answer = await fetch(call!, { headers: { traceparent: traceparent! } });
    assert.equal(answer.status, 200, await answer.text());
    await until("its trace", async () => (await fetch(query!)).ok);
    // Whoever else tells the call does so in the meantime: the demo sends twice a second.
    await sleep(1200);
    const [trace] = ((await (await fetch(query!)).json()) as any).data;
    assert.deepEqual(
      trace.spans.map(({ operationName, references }: any) => [
        operationName,
        references[0].spanID,
      ]),
      [["com.k8s.User.UserProvider/GetUser", traceparent!.split("-")[2]]],
    );
  });

  test("lists the calls that had no trace", async () => {
    const answer = await fetch(`${started.url}/GetOrderDubbo`);
    assert.equal(answer.status, 200, await answer.text());
    const [, list] = /'(\S+\/api\/traces\?service=\S+)'/.exec(started.demo.log)!;
    await until("it", async () =>
      (await (await fetch(list!)).text()).includes("com.k8s.Order.OrderProvider/GetOrder"),
    );
  });
});

test("without Jaeger it says how to get it", () => {
  const { status, stderr } = spawnSync(
    process.execPath,
    [fromRoot("harness/run.mjs"), "demo/start.ts", "--traces"],
    { cwd: ROOT, env: { ...process.env, JAEGER_BIN: "/nowhere/jaeger" }, encoding: "utf8" },
  );
  assert.equal(status, 1);
  assert.match(stderr, /\/nowhere\/jaeger.*npm run build:collectors/);
});
