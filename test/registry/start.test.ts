// `npm start -- --registry zookeeper`: the demo's calls find their providers by ZooKeeper.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { dirname } from "node:path";
import { after, before, describe, test } from "node:test";
import { fromRoot, ROOT } from "../../harness/repository.ts";
import { startDemo, START_MS, type StartedDemo } from "../e2e/demo/started.ts";
import { until } from "./stage.ts";

const LIMIT = { timeout: 2 * START_MS };

describe("npm start -- --registry zookeeper", LIMIT, () => {
  let started: StartedDemo;

  before(async () => {
    started = await startDemo(["--registry", "zookeeper"]);
  });
  after(() => started?.stop());

  /** The podName of an answer. */
  async function pod(path: string, headers: Record<string, string> = {}): Promise<string> {
    const body = (await (await fetch(started.url + path, { headers })).json()) as any;
    return body.resultMap?.podName ?? JSON.stringify(body);
  }

  test("calls go where the registry says, Jason's to the tag that the rule sets", async () => {
    await until("users and orders are called", async () => {
      const order = await pod("/GetOrderDubbo");
      const user = await pod("/GetUserDubbo?id=7", { "end-user": "jason" });
      return order.endsWith("-order-v1") && user.endsWith("-user-v2");
    });
    const jason = { "end-user": "jason" };
    for (let i = 0; i < 10; i++) assert.match(await pod("/GetUserDubbo?id=7", jason), /-user-v2$/);
    await until("others' go to the first version too", async () =>
      (await pod("/GetUserDubbo?id=7")).endsWith("-user-v1"),
    );
  });

  test("it tells how to see what is registered", async () => {
    const [, metrics] = /curl -s '(\S+\/metrics)'/.exec(started.demo.log)!;
    const text = await (await fetch(metrics!)).text();
    assert.match(text, /^dubbo_registry_services 2$/m);
    assert.match(text, /^dubbo_registry_instances 3$/m);
    assert.match(started.demo.log, /ZooKeeper listens on 127\.0\.0\.1:\d+\./);
  });
});

test("an option that is not known is told with those that are", () => {
  const args = [fromRoot("harness/run.mjs"), "demo/start.ts", "--nonsense"];
  const { status, stderr } = spawnSync(process.execPath, args, { cwd: ROOT, encoding: "utf8" });
  assert.equal(status, 1);
  assert.match(stderr, /^Unknown option '--nonsense'[^]*--registry zookeeper/);
  assert.doesNotMatch(stderr, /^ +at /m);
});

for (const [kind, path, message] of [
  ["consul", process.env.PATH!, /--registry is "consul", expected zookeeper/],
  ["zookeeper", dirname(process.execPath).concat("/nothing"), /needs the command java/],
] as const) {
  test(`--registry ${kind} that cannot be says why`, () => {
    const { status, stderr } = spawnSync(
      process.execPath,
      [fromRoot("harness/run.mjs"), "demo/start.ts", "--registry", kind],
      { cwd: ROOT, env: { ...process.env, PATH: path }, encoding: "utf8" },
    );
    assert.equal(status, 1, stderr);
    assert.match(stderr, message);
  });
}
