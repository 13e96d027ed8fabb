// A thousand hostile clients and providers on one Envoy: callers that behave lose no call, Envoy lives,
// series stay bounded, what Prometheus scrapes can be read, and gauges come back to 0.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { parseExposition } from "../envoy_exposition.ts";
import { ours } from "../envoy_setup.ts";
import { parseWithClient } from "./parsers.ts";
import { holdNames, holdSums } from "./series.ts";
import { readFileSync } from "node:fs";
import { holdLine } from "../../fuzz/telemetry.ts";
import { MOST_SERIES, storm, type Storm } from "./storm.ts";

/** A storm takes some twenty seconds; on a machine with too much to do, many times as long. */
const LIMIT = { timeout: 400_000 };
/** What was open is closed, and what was counted last is told, within two flushes and some. */
const GONE_MS = 60_000;
const POLL_MS = 200;
/** Envoy has some 100 MiB; bodies of 8 MiB and the telemetry of five listeners come to it. */
const MOST_MEMORY_KB = 768 * 1024;
const SIZE = { each: 9, asking: 30, costly: 32, huge: 8, treated: 24 };

describe("a thousand hostile clients and providers", LIMIT, () => {
  let weather: Storm;
  let text = "";
  /** Gauges that were not at 0 when time was up. */
  let open: [string, number][] = [];

  before(async () => {
    weather = await storm(SIZE);
    const { envoy } = weather.lab;
    assert.equal(envoy.process.end, undefined, envoy.process.lastLines());
    // What was counted last is told within two flushes.
    const end = Date.now() + GONE_MS;
    do {
      await sleep(POLL_MS);
      text = await envoy.prometheus();
      const gauges = [...ours(parseExposition(text))].filter(([key]) => /_active\b/.test(key));
      assert.ok(gauges.length > 1);
      open = gauges.filter(([, value]) => value !== 0);
    } while (open.length > 0 && Date.now() < end);
  });

  after(async () => weather?.stop());

  test("they were that many", () => {
    assert.ok(weather.clients >= 700, `${weather.clients} clients`);
    assert.ok(weather.treated >= 250, `${weather.treated} connections to hostile providers`);
    assert.ok(weather.clients + weather.treated >= 1000);
  });

  test("callers that behave lost no call", () => {
    assert.deepEqual(weather.lost, []);
    assert.ok(weather.answered >= 100, `${weather.answered} calls`);
  });

  test("before policies no refused call came to the provider, and every other one as it was", () => {
    const { policed } = weather;
    assert.deepEqual(policed.wrong, []);
    assert.equal(policed.forbidden, 0);
    assert.ok(policed.answered > 300 && policed.refused > 100);
    const series = [...ours(parseExposition(text))];
    const refused = series.filter(([key]) => key.startsWith("dubbo_refused_requests_total{"));
    assert.ok(refused.reduce((sum, [, value]) => sum + value, 0) >= policed.refused);
    assert.ok(series.some(([key]) => key.startsWith("dubbo_delayed_requests_total{")));
  });

  test("the filter was there all the time", () => {
    // A VM that has failed is passed by, with FAIL_OPEN in silence.
    const { values } = parseExposition(text);
    const failures = [...values].filter(([key]) => /wasm.*(fail|error|crash)/.test(key));
    assert.deepEqual(
      failures.filter(([, value]) => value !== 0),
      [],
    );
    assert.doesNotMatch(weather.lab.envoy.process.log, /wasm.*(failed|trap|Uncaught)/i);
  });

  test("what collectors and Envoy's log are told is clean, and is whole", async () => {
    const { collectors, lab } = weather;
    assert.deepEqual(collectors.wrong, []);
    assert.ok(collectors.spans > 1000, `${collectors.spans} spans`);
    assert.ok(collectors.logs > 500, `${collectors.logs} records`);
    assert.ok(collectors.errors.has("a.b.PlainException"));
    const lines = lab.envoy.process.log.match(/\{"time_us":.*/g) ?? [];
    assert.ok(lines.length > 300, `${lines.length} lines`);
    for (const line of lines) holdLine(line);
  });

  test("each bad collector costs its own records, which are counted", () => {
    const series = [...ours(parseExposition(text))];
    const counted = (name: string, ...labels: string[]): number =>
      series
        .filter(([key]) => key.startsWith(`${name}{`) && labels.every((of) => key.includes(of)))
        .reduce((sum, [, value]) => sum + value, 0);
    // To a collector that is slow Envoy gives 504 as its answer.
    for (const reason of ["queue_full", "failed"]) {
      assert.ok(counted("dubbo_telemetry_dropped_total", reason) > 0, reason);
    }
    // Not held to what was taken: noise may begin with 200.
    assert.ok(counted("dubbo_telemetry_exported_total") > 0);
  });

  test("Envoy takes no more memory than its buffers and queues", () => {
    const status = readFileSync(`/proc/${weather.lab.envoy.process.pid}/status`, "utf8");
    const [, peak] = /VmHWM:\s+(\d+) kB/.exec(status)!;
    assert.ok(Number(peak) < MOST_MEMORY_KB, `${peak} kB`);
  });

  test("gauges are back at 0", () => assert.deepEqual(open, []));

  test("every set of names adds up", () => holdSums(ours(parseExposition(text))));

  test("no label is forged, and there are no more names than allowed", () =>
    holdNames(ours(parseExposition(text)), MOST_SERIES));

  test("the client library of Prometheus reads the same", async () => {
    const samples = await parseWithClient(text);
    const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
    assert.equal(samples.length, lines.length);
    const theirs = samples.filter(([name]) => name === "dubbo_requests_total");
    const { values } = parseExposition(text);
    const own = [...values].filter(([key]) => key.startsWith("dubbo_requests_total{"));
    assert.equal(theirs.length, own.length);
    const sum = (numbers: number[]): number => numbers.reduce((a, b) => a + b, 0);
    assert.equal(
      sum(theirs.map(([, , value]) => Number(value))),
      sum(own.map(([, value]) => value)),
    );
  });
});
