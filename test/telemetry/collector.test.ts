// The call log of two real Envoys in a real OpenTelemetry Collector, which writes what it got into a file.

import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { startCollector, type Collector } from "../../harness/collectors.ts";
import { Caller, times } from "../e2e/envoy_caller.ts";
import { until } from "../e2e/envoy_setup.ts";
import { CONSUMER, GET_USER, METHOD, PROVIDER, startTwoSides, type TwoSides } from "./two_sides.ts";

const LIMIT = { timeout: 60_000 };
const INFO = 9;
const ERROR = 17;

/** A record as the Collector wrote it. */
interface Logged {
  service: string;
  body: string;
  event: string;
  severity: number;
  attributes: { [key: string]: string };
}

describe("an OpenTelemetry Collector", LIMIT, () => {
  const folder = mkdtempSync(join(tmpdir(), "call-log-"));
  const file = join(folder, "logs.json");
  let collector: Collector;
  let sides: TwoSides;

  before(async () => {
    collector = await startCollector(file);
    sides = await startTwoSides(collector.otlpPort, { log: {} });
  });
  after(async () => {
    await sides?.stop();
    await collector?.stop();
    rmSync(folder, { recursive: true });
  });

  test("gets a record of each call from each side", async () => {
    const caller = await Caller.dial(sides.port);
    await caller.ask([...times(20, GET_USER), { ...GET_USER, method: "nothing" }]);
    caller.close();
    await until("all records", () => read(file).length === 42);
    for (const [service, side] of [
      [CONSUMER, "consumer"],
      [PROVIDER, "provider"],
    ] as const) {
      const records = read(file).filter((record) => record.service === service);
      const good = records.filter(({ body }) => body === METHOD);
      assert.deepEqual([records.length, good.length], [21, 20]);
      for (const { event, severity, attributes } of good) {
        assert.deepEqual([event, severity], ["dubbo.call", INFO]);
        assert.equal(attributes["dubbo.side"], side);
        assert.equal(attributes["dubbo.outcome"], "success");
        assert.ok(Number(attributes["dubbo.response.bytes"]) > 0);
      }
      const failed = records.find(({ body }) => body !== METHOD)!;
      assert.equal(failed.severity, ERROR);
      assert.equal(failed.attributes["dubbo.outcome"], "error");
    }
  });
});

/** All records so far; a line that is not written to its end yet is left for later. */
function read(file: string): Logged[] {
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, "utf8").split("\n").slice(0, -1);
  return lines.flatMap((line) =>
    JSON.parse(line).resourceLogs.flatMap(({ resource, scopeLogs }: any) =>
      scopeLogs.flatMap(({ logRecords }: any) =>
        logRecords.map((record: any) => ({
          service: attributesOf(resource.attributes)["service.name"],
          body: record.body.stringValue,
          event: record.eventName,
          severity: record.severityNumber,
          attributes: attributesOf(record.attributes),
        })),
      ),
    ),
  );
}

function attributesOf(list: any[]): { [key: string]: string } {
  const pairs = list.map(({ key, value }) => [key, value.stringValue ?? value.intValue]);
  return Object.fromEntries(pairs);
}
