// `npm run watch` against an Envoy that is played: what it lets through, and that hostile names stay text.

import assert from "node:assert/strict";
import { createServer, request, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, describe, test } from "node:test";
import type { Browser } from "playwright-core";
import { startProcess, type ManagedProcess } from "../../harness/processes.ts";
import { fromRoot, ROOT } from "../../harness/repository.ts";
import { openPage, startBrowser } from "./browser.ts";

const HOSTILE = `<img src=x onerror=\\"document.title='taken'\\">`;
const LONG = "x".repeat(200);

const SCRAPE = `
dubbo_requests_total{dubbo_interface="a.${HOSTILE}",dubbo_method="${HOSTILE}",dubbo_side="consumer",dubbo_protocol="dubbo",dubbo_application="${HOSTILE}"} 3
dubbo_requests_total{dubbo_interface="a.${LONG}",dubbo_method="${LONG}",dubbo_side="provider",dubbo_protocol="dubbo",dubbo_application="${LONG}"} 3
dubbo_responses_total{dubbo_interface="a.${LONG}",dubbo_method="${LONG}",dubbo_side="provider",dubbo_protocol="dubbo",dubbo_status="${LONG}",dubbo_outcome="error"} 3
dubbo_routed_requests_total{dubbo_rule="${HOSTILE}"} 1
dubbo_refused_requests_total{dubbo_policy="${LONG}",dubbo_reason="denied"} 1
envoy_cluster_upstream_cx_total{envoy_cluster_name="${HOSTILE}"} 1
envoy_cluster_upstream_cx_total{envoy_cluster_name="outbound|20880||${LONG}"} 1
`;

interface Asked {
  method?: string;
  path?: string;
  headers?: Record<string, string>;
}

describe("npm run watch", { timeout: 120_000 }, () => {
  const asked: string[] = [];
  let envoy: Server;
  let watch: ManagedProcess;
  let browser: Browser;
  let url: string;

  before(async () => {
    envoy = createServer((request, response) => {
      asked.push(`${request.method} ${request.url!.split("?")[0]}`);
      response.end(SCRAPE);
    });
    await new Promise<void>((resolve) => envoy.listen(0, "127.0.0.1", resolve));
    const address = `http://127.0.0.1:${(envoy.address() as AddressInfo).port}`;
    watch = startProcess({
      name: "watch",
      command: process.execPath,
      args: [fromRoot("harness/run.mjs"), "observability/page/watch.ts", address],
      cwd: ROOT,
    });
    await watch.waitUntil("ready", 20_000, () => watch.log.includes("Ctrl-C"));
    url = /^http:\S+/m.exec(watch.log)![0];
    browser = await startBrowser();
  });

  after(async () => {
    await browser?.close();
    await watch?.stop();
    envoy?.close();
    envoy?.closeAllConnections();
  });

  /** The status of the page's server for a request that a browser would not let us make. */
  const ask = ({ method = "GET", path = "/", headers = {} }: Asked): Promise<number> =>
    new Promise((resolve, reject) => {
      const { hostname, port } = new URL(url);
      const sent = request({ hostname, port, method, path, headers }, (response) => {
        response.resume();
        resolve(response.statusCode!);
      });
      sent.once("error", reject).end();
    });

  test("listens on 127.0.0.1 alone", () => assert.match(url, /^http:\/\/127\.0\.0\.1:\d+\/$/));

  test("lets nothing through but the series", async () => {
    asked.length = 0;
    assert.equal(await ask({ path: "/stats/prometheus" }), 200);
    assert.equal(await ask({ path: "/stats/prometheus?filter=.&x" }), 200);
    for (const path of [
      "/stats",
      "/quitquitquit",
      "/config_dump",
      "/stats/prometheus/../../certs",
    ]) {
      assert.equal(await ask({ path }), 404, path);
      assert.notEqual(await ask({ method: "POST", path }), 200, path);
    }
    assert.equal(await ask({ method: "PUT", path: "/stats/prometheus" }), 405);
    assert.deepEqual(asked, ["GET /stats/prometheus", "GET /stats/prometheus"]);
  });

  test("answers nobody who calls it by another name, or from another page", async () => {
    const headers = { host: "evil.example" };
    assert.equal(await ask({ path: "/stats/prometheus", headers }), 403);
    const { host } = new URL(url);
    const origin = { host, origin: "http://evil.example" };
    assert.equal(await ask({ method: "POST", path: "/actions/get-user", headers: origin }), 403);
    const own = { host, origin: `http://${host}` };
    assert.equal(await ask({ method: "POST", path: "/actions/get-user", headers: own }), 404);
  });

  test("shows names as text, however they read, on a phone too; and has no buttons", async () => {
    const viewport = { width: 390, height: 844 };
    const { page, wrong } = await openPage(browser, url, { viewport });
    await page.getByRole("row").nth(3).waitFor();
    const text = await page.locator("body").innerText();
    assert.ok(text.includes("<img src=x onerror="), text);
    assert.equal(await page.locator("img").count(), 0);
    assert.equal(await page.title(), "Dubbo in Envoy, live");
    assert.equal(await page.evaluate("document.documentElement.scrollWidth"), 390);
    assert.equal(await page.getByRole("button").count(), 0);
    assert.deepEqual(wrong, []);
  });

  test("says so when Envoy is gone", async () => {
    const { page } = await openPage(browser, url);
    await page.getByText("Live", { exact: true }).waitFor();
    envoy.close();
    envoy.closeAllConnections();
    await page.getByText(/^Envoy does not answer: .*ECONNREFUSED/).waitFor();
  });
});

test("npm run watch says what it needs", async () => {
  for (const words of [[], ["nothing"], ["http://127.0.0.1:1", "http://127.0.0.1:2"]]) {
    const watch = startProcess({
      name: "watch",
      command: process.execPath,
      args: [fromRoot("harness/run.mjs"), "observability/page/watch.ts", ...words],
      cwd: ROOT,
    });
    assert.equal(await watch.ended, "exit code 1");
    assert.match(watch.log, /npm run watch -- http/);
  }
});
