// The live page of `npm start` in real Chromium: known calls are on it, a provider that is killed is
// seen to go and to come back.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Browser, Page } from "playwright-core";
import type { ManagedProcess } from "../../harness/processes.ts";
import { startDemo, type StartedDemo } from "../e2e/demo/started.ts";
import { openPage, startBrowser } from "./browser.ts";

/** How long something may take to be seen; most takes two seconds. */
const SEEN_MS = 30_000;
const PHONE = { viewport: { width: 390, height: 844 } };
const CALLS = 7;

describe("the live page of npm start", { timeout: 240_000 }, () => {
  let started: StartedDemo;
  let demo: ManagedProcess;
  let browser: Browser;
  let url: string;
  let page: Page;
  let wrong: string[];

  before(async () => {
    started = await startDemo();
    ({ demo } = started);
    url = /See it live: (\S+)/.exec(demo.log)![1]!;
    browser = await startBrowser();
    ({ page, wrong } = await openPage(browser, url));
  });

  after(async () => {
    await browser?.close();
    await started?.stop();
  });

  const press = (name: string) => page.getByRole("button", { name, exact: true }).click();
  const row = (method: string, protocol = "dubbo") =>
    page
      .getByRole("row")
      .filter({ has: page.getByRole("rowheader", { name: `${method}${protocol}` }) });
  const seen = async (what: string, probe: () => Promise<boolean>) => {
    for (const deadline = Date.now() + SEEN_MS; !(await probe());) {
      const text = await page.locator("body").innerText();
      assert.ok(Date.now() < deadline, `${what} is not to be seen in:\n${text}`);
      await page.waitForTimeout(100);
    }
  };
  const shows = (text: string) =>
    seen(text, async () => (await page.locator("body").innerText()).includes(text));

  test("says that nobody has called yet", async () => {
    await shows("No connection has come to the filter yet");
    await shows("No rule was taken.");
  });

  test("shows known calls: counted, routed, with their exception", async () => {
    for (let i = 0; i < CALLS; i++) await press("GetUser as jason");
    await shows("was answered by dubbo-local-user-v2");
    await press("SetOrder");
    await press("SetUser with an exception");
    await press("GetUser over gRPC");
    await shows("the record has no id");
    await shows("exception 1");
    const title = row("GetUser").locator("td").first();
    await seen("seven calls", async () =>
      (await title.getAttribute("title"))!.startsWith(`${CALLS} calls`),
    );
    await seen("the rule", async () =>
      (await page.locator("#routes li").allInnerTexts()).some((text) => /^jason\s+7\b/.test(text)),
    );
    await seen("a p99", async () => / ms/.test(await row("SetOrder").innerText()));
    await seen("gRPC's row", async () => (await row("GetUser", "grpc").count()) === 1);
    const picture = page.locator("#picture");
    for (const name of ["Dubbo callers", "gRPC callers", "user-provider-v2", "order-provider"]) {
      await seen(name, async () => (await picture.innerText()).includes(name));
    }
  });

  test("shows a provider go and come back", async () => {
    await press("Kill user-provider-v2");
    await shows("Kill user-provider-v2 done");
    // While it is away its calls are answered by the guard; nobody else's fail.
    await seen("the guard's answer", async () => {
      await press("GetUser as jason");
      return (await page.locator("#guarded").innerText()).includes("GetUser");
    });
    await shows("SERVER_ERROR");
    await shows("cannot be reached");
    assert.equal(demo.end, undefined, demo.lastLines());
    await seen("an answer again", async () => {
      await press("GetUser as jason");
      await page.waitForTimeout(200);
      return (await page.locator("#answers li").first().innerText()).includes("user-v2");
    });
    assert.match(demo.log, /user-provider-v2 ended \(SIGKILL\), and starts again/);
    await seen(
      "the picture whole again",
      async () => !(await page.locator("#picture").innerText()).includes("cannot be reached"),
    );
  });

  test("makes steady calls until it is told to stop", async () => {
    const button = page.getByRole("button", { name: "Steady calls" });
    await button.click();
    assert.equal(await button.getAttribute("aria-pressed"), "true");
    await seen(
      "a rate",
      async () => Number(await row("SetOrder").locator("td").first().innerText()) > 0,
    );
    await button.click();
    assert.equal(await button.getAttribute("aria-pressed"), "false");
    await seen(
      "silence",
      async () => (await row("SetOrder").locator("td").first().innerText()) === "0",
    );
  });

  test("has a name for everything that is not text", async () => {
    const unnamed = await page.evaluate(() => {
      const named = "svg[role=img], button, section, [role=group], table, [aria-live]";
      return [...document.querySelectorAll(named)]
        .filter((one) => !one.closest("[hidden]"))
        .filter((one) => {
          const by = document.getElementById(one.getAttribute("aria-labelledby") ?? "");
          const heading = one.matches("section") ? one.querySelector("h2")?.textContent : undefined;
          const own = one.matches("button") ? one.textContent : undefined;
          return !(one.getAttribute("aria-label") ?? by?.textContent ?? heading ?? own);
        })
        .map((one) => one.outerHTML.slice(0, 100));
    });
    assert.deepEqual(unnamed, []);
    const picture = page.locator("#picture").getByRole("img", { name: /order-provider/ });
    assert.equal(await picture.count(), 1);
    assert.equal(
      await page.getByRole("table", { name: "Calls by interface and method" }).count(),
      1,
    );
    assert.ok((await page.getByRole("columnheader").count()) >= 9);
  });

  test("fits a phone, in light and dark, and stays a table there", async () => {
    const backs = new Set<string>();
    for (const colorScheme of ["light", "dark"] as const) {
      const phone = await openPage(browser, url, { ...PHONE, colorScheme });
      await phone.page.getByRole("row").nth(3).waitFor({ timeout: SEEN_MS });
      const { scroll, back } = await phone.page.evaluate(() => ({
        scroll: document.documentElement.scrollWidth,
        back: getComputedStyle(document.body).backgroundColor,
      }));
      assert.equal(scroll, 390);
      backs.add(back);
      assert.deepEqual(phone.wrong, []);
      await phone.page.context().close();
    }
    assert.equal(backs.size, 2);
  });

  test("has written no error into the console", () => assert.deepEqual(wrong, []));
});
