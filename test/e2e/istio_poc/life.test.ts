// What the services of demo/istio_poc do while they live: settings that change, and an end that loses no
// request.

import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { request, type IncomingMessage } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { accepts } from "../../../harness/readiness.ts";
import { get, LIMIT, READY_MS, start, startFor, type Part } from "./parts.ts";

describe("settings", LIMIT, () => {
  const folder = mkdtempSync(join(tmpdir(), "settings-"));
  after(() => rmSync(folder, { recursive: true }));

  // What kubelet does: a new folder, a new link to it, and the new link renamed over the old one.
  function mount(revision: string, file: string, text: string): void {
    mkdirSync(join(folder, `..${revision}`));
    writeFileSync(join(folder, `..${revision}`, file), text);
    symlinkSync(`..${revision}`, join(folder, "..data_tmp"));
    renameSync(join(folder, "..data_tmp"), join(folder, "..data"));
  }

  test("a ConfigMap's file is read again when its folder is swapped", async (t) => {
    const file = join(folder, "service.properties");
    mount("2026_1", "service.properties", "# first\ncaptcha.length = 3\n");
    symlinkSync("..data/service.properties", file);
    const env = { POC_CAPTCHA_LENGTH: "9", POC_CAPTCHA_ALPHABET: "x" };
    const { url, process } = await startFor(t, "captcha.ts", ["--config", file], env);
    const pid = process.pid;
    assert.equal((await get(`${url}/captcha`)).body.captcha, "xxx");
    mount("2026_2", "service.properties", "captcha.length=5\n");
    const now = async (expected: string) => (await get(`${url}/captcha`)).body.captcha === expected;
    await process.waitUntil("five letters", READY_MS, () => now("xxxxx"));

    mount("2026_3", "service.properties", "nonsense\n");
    const config = async () => (await fetch(`${url}/config`)).text();
    await process.waitUntil("the error", READY_MS, async () =>
      /line 1 is not name=value/.test(await config()),
    );
    assert.ok(await now("xxxxx"));

    mount("2026_4", "service.properties", "");
    await process.waitUntil("what the environment says", READY_MS, () => now("xxxxxxxxx"));
    const { values, reloads, error } = JSON.parse(await config());
    assert.deepEqual(values["captcha.length"], { value: "9", from: "environment" });
    assert.deepEqual([reloads, error], [2, undefined]);
    assert.deepEqual([process.pid, process.end], [pid, undefined]);
  });

  test("a JSON file too, where it is written in place", async (t) => {
    const file = join(folder, "service.json");
    writeFileSync(file, '{"captcha": {"length": 2, "alphabet": "a"}}');
    const { url, process } = await startFor(t, "captcha.ts", [], { CONFIG_FILE: file });
    assert.equal((await get(`${url}/captcha`)).body.captcha, "aa");
    writeFileSync(file, '{"captcha.length": 4, "captcha.alphabet": "b"}');
    await process.waitUntil(
      "bbbb",
      READY_MS,
      async () => (await get(`${url}/captcha`)).body.captcha === "bbbb",
    );
  });

  test("without its file a service does not start", async () => {
    const args = ["--config", join(folder, "none.json")];
    await assert.rejects(start("captcha.ts", args), /ended \(exit code 1\).*ENOENT/s);
  });
});

describe("the end", LIMIT, () => {
  // A request that the service has, and its answer's status once that comes.
  async function asked({ url }: Part, path: string): Promise<{ status: Promise<number> }> {
    const sent = request(`${url}${path}`).end();
    const status = once(sent, "response").then(([response]: IncomingMessage[]) => {
      response.resume();
      return response.statusCode ?? 0;
    });
    await once(sent, "finish");
    // What was written before is read by whoever answers these two, one after the other.
    for (let turn = 0; turn < 2; turn++) await get(`${url}/version`);
    return { status };
  }

  test("after SIGTERM it is not ready, and answers what it has and what comes", async (t) => {
    const data = await startFor(t, "data.ts", ["--drain", "4000"]);
    const slow = await asked(data, "/data?delay=1000&at=poc-data&status=418");
    data.process.kill("SIGTERM");
    await data.process.waitUntil(
      "not ready",
      READY_MS,
      async () => (await get(`${data.url}/ready`)).status === 503,
    );
    const late = await get(`${data.url}/data`);
    assert.equal(late.status, 200);
    assert.equal(late.response.headers.get("connection"), "close");
    assert.equal(await slow.status, 418);
    assert.equal(await data.process.ended, "exit code 0");
  });

  test("what was asked before is answered though the port is closed", async (t) => {
    const data = await startFor(t, "data.ts", []);
    const slow = await asked(data, "/data?delay=2000&at=poc-data&status=418");
    data.process.kill("SIGTERM");
    await data.process.waitUntil(
      "the port closed",
      READY_MS,
      async () => !(await accepts(data.port)),
    );
    assert.equal(await slow.status, 418);
    assert.equal(await data.process.ended, "exit code 0");
  });
});
