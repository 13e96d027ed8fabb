// The guard between real dubbo-go peers: of a consumer's calls through dubbo_proxy every so many lose
// their provider. Each of those, and no other, is an error with the guard's sentence; the consumer's
// connections stay, and Envoy too when they end.

import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import { sumOf } from "../e2e/envoy_series.ts";
import { startLab, until } from "../e2e/envoy_setup.ts";
import { FlakyRelay } from "./flaky_relay.ts";
import { goCommand } from "./go_build.ts";
import { runGoConsumer, startGoProvider } from "./go_peers.ts";
import type { Report } from "./report.ts";

const CALLS = 600;
const EVERY = 7;
const CONNECTIONS = 4;
const TEST = { timeout: 60_000 };

describe("dubbo-go peers through dubbo_proxy and the guard", () => {
  before(async () => void (await goCommand("consumer")));

  test("a call whose provider is gone fails alone", TEST, async (t) => {
    const lab = await startLab({ componentLogLevel: "dubbo:critical" });
    t.after(() => lab.stop());
    const provider = await startGoProvider();
    t.after(() => provider.stop());
    const relays = await Promise.all(
      [lab.ports.user, lab.ports.order].map((port) => FlakyRelay.start(port, provider.port, EVERY)),
    );
    t.after(() => Promise.all(relays.map((relay) => relay.stop())));
    const address = `127.0.0.1:${lab.ports.dubbo}`;
    const options = {
      user: address,
      order: address,
      calls: CALLS,
      parallel: 16,
      seed: 31,
      connections: CONNECTIONS,
    };

    let report: Report | undefined;
    const broken = () => relays.reduce((sum, relay) => sum + relay.broken, 0);
    const run = runGoConsumer(options, async (sent) => {
      report = sent;
      await until("the series", async () => {
        const { values } = await lab.scrape();
        return (
          sumOf(values, "requests_total") === CALLS &&
          sumOf(values, "guarded_requests_total") === broken()
        );
      });
    });
    // It ends with status 1: calls failed that should not have.
    await assert.rejects(run);

    const { calls, failures } = report!;
    assert.ok(broken() > CALLS / EVERY / 2, `${broken()} broken`);
    const errors = calls.reduce((sum, line) => sum + line.errors, 0);
    assert.equal(errors, broken(), failures.join("\n"));
    // The first of them, in words.
    assert.notEqual(failures.length, 0);
    for (const failure of failures) {
      assert.match(failure, /upstream connection closed before the response/);
    }
    const { values } = await lab.scrape();
    assert.equal(sumOf(values, "responses_total", { status: "SERVER_ERROR" }), broken());
    assert.equal(sumOf(values, "unanswered_requests_total"), 0);
    assert.equal(sumOf(values, "requests_active"), 0);
    // No failed call made the consumer drop its connection and open another.
    assert.ok(sumOf(values, "connections_total") <= CONNECTIONS);
  });
});
