// `npm start` as processes: every part comes up, every path of the gateway answers, and one signal
// ends it all.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { portInUse } from "../../../harness/ports.ts";
import type { ManagedProcess } from "../../../harness/processes.ts";
import { fromRoot } from "../../../harness/repository.ts";
import { startDemo, START_MS, type StartedDemo } from "./started.ts";

const LIMIT = { timeout: 2 * START_MS };

describe("npm start", LIMIT, () => {
  let started: StartedDemo;
  let demo: ManagedProcess;
  let url: string;

  before(async () => {
    started = await startDemo();
    ({ demo, url } = started);
  });

  after(() => started?.stop());

  for (const [path, service, type] of [
    ["/GetUserDubbo", "user-provider", "user"],
    ["/GetOrderDubbo", "order-provider", "order"],
    ["/usergrpc", "grpc-server", "user"],
    ["/userhttp", "user-http", "user"],
  ] as const) {
    test(`${path} is answered by ${service}`, async () => {
      const response = await fetch(`${url}${path}?id=7`);
      const body = (await response.json()) as any;
      assert.equal(response.status, 200, JSON.stringify(body));
      assert.equal(body.success, true);
      const { podName, podNamespace, podIp, time, ...rest } = body.resultMap;
      assert.deepEqual(rest, { id: 7, name: "hello", service, type });
      assert.ok(podName && podNamespace && podIp && time, JSON.stringify(body));
    });
  }

  test("it tells what to try, and each address of it answers", async () => {
    const addresses = [...demo.log.matchAll(/'(http:[^']+)'/g)].map(([, address]) => address!);
    assert.ok(addresses.length >= 7, demo.log);
    for (const address of addresses) {
      const response = await fetch(address);
      assert.equal(response.status, 200, `${address}: ${await response.text()}`);
    }
  });

  test("SIGTERM ends every part", async () => {
    assert.equal(await demo.stop(30_000), "exit code 0", demo.lastLines());
    for (const port of started.ports) assert.equal(await portInUse(port), false, `port ${port}`);
  });
});

test("no script goes by way of the command tsx, which kills what a signal ends too slowly", () => {
  // It waits 60 ms for a process to have noticed; a demo that is killed leaves its providers behind.
  const { scripts } = JSON.parse(readFileSync(fromRoot("package.json"), "utf8"));
  const lines = Object.entries<string>(scripts).map(([name, line]) => `${name}: ${line}`);
  assert.ok(lines.some((line) => line.includes("node --import tsx")));
  assert.deepEqual(
    lines.filter((line) => line.replaceAll("--import tsx", "").includes("tsx ")),
    [],
  );
});
