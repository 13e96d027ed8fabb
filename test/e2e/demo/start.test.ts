// `npm start` as processes: every part comes up, every path of the gateway answers, and one signal
// ends it all.

import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { listenerEndpoints, localConfig, readConfig } from "../../../harness/envoy_config.ts";
import { clustersOf } from "../../../harness/envoy_config.ts";
import { freePorts, portInUse } from "../../../harness/ports.ts";
import { startProcess, type ManagedProcess } from "../../../harness/processes.ts";
import { fromRoot, ROOT } from "../../../harness/repository.ts";

const START_MS = 60_000;
const LIMIT = { timeout: 2 * START_MS };

describe("npm start", LIMIT, () => {
  const folder = mkdtempSync(join(tmpdir(), "start-"));
  let demo: ManagedProcess;
  let ports: number[];
  let url: string;

  before(async () => {
    const committed = readConfig();
    const listeners = listenerEndpoints(committed).map(({ name }) => name);
    const clusters = clustersOf(committed)
      .filter((cluster) => JSON.stringify(cluster).includes('"socket_address"'))
      .map(({ name }) => name as string);
    ports = await freePorts(listeners.length + clusters.length + 4);
    const left = [...ports];
    const take = (names: string[]) =>
      Object.fromEntries(names.map((name) => [name, left.pop()!] as const));
    const { http, userHttp, admin, page } = take(["http", "userHttp", "admin", "page"]);
    const changed = { listeners: take(listeners), clusters: take(clusters), admin };
    const config = join(folder, "envoy.json");
    writeFileSync(config, JSON.stringify(localConfig(changed)));
    url = `http://127.0.0.1:${http}`;
    demo = startProcess({
      name: "npm start",
      command: process.execPath,
      args: [
        ...["--import", "tsx", fromRoot("demo/start.ts"), "--config", config],
        ...["--http-port", `${http}`, "--user-http-port", `${userHttp}`, "--page-port", `${page}`],
      ],
      cwd: ROOT,
    });
    await demo.waitUntil("up", START_MS, () => demo.log.includes("All parts run."));
  });

  after(async () => {
    await demo?.stop();
    rmSync(folder, { recursive: true });
  });

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
    for (const port of ports) assert.equal(await portInUse(port), false, `port ${port}`);
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
