// Real Dubbo Java peers whose own tracing is on (Micrometer's, with OpenTelemetry), around two real Envoys: all four
// tell Jaeger one trace.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import { startJaeger, type Jaeger } from "../../harness/collectors.ts";
import { startProcess, type ManagedProcess } from "../../harness/processes.ts";
import { accepts } from "../../harness/readiness.ts";
import { until } from "../e2e/envoy_setup.ts";
import { LOOPBACK } from "../peers/java_build.ts";
import { tracedJava } from "./java_build.ts";
import { CONSUMER, METHOD, PROVIDER, startTwoSides, type TwoSides } from "./two_sides.ts";

/** A first build fetches libraries. */
const LIMIT = { timeout: 10 * 60_000 };
const READY_MS = 60_000;
const CALL_MS = 90_000;

describe("Dubbo Java with its own tracing", LIMIT, () => {
  let jaeger: Jaeger;
  let sides: TwoSides;
  let provider: ManagedProcess;
  let java: Awaited<ReturnType<typeof tracedJava>>;

  before(async () => {
    java = await tracedJava();
    jaeger = await startJaeger();
    sides = await startTwoSides(
      jaeger.otlpPort,
      { spans: { sample: { percentage: 0 }, propagate: true } },
      async (port) => {
        const args = [...java("Provider"), `${port}`, collector()];
        provider = startProcess({ name: "provider", command: "java", args });
        await provider.waitUntil("ready", READY_MS, () => accepts(port));
      },
    );
  });
  after(async () => {
    await sides?.stop();
    await provider?.stop();
    await jaeger?.stop();
  });

  const collector = (): string => `http://127.0.0.1:${jaeger.otlpGrpcPort}`;

  test("is in one trace with both sidecars, each the child of the one before", async () => {
    const args = [...java("Consumer"), `${LOOPBACK}:${sides.port}`, collector()];
    const { stdout } = await promisify(execFile)("java", args, { timeout: CALL_MS });
    const [, id, parent] = /traceparent 00-([0-9a-f]{32})-([0-9a-f]{16})-01/.exec(stdout)!;
    await until("all four spans", async () => (await jaeger.trace(id!)).length === 4);
    const spans = await jaeger.trace(id!);
    assert.deepEqual(
      spans.map(({ service, name, tags }) => [service, name, tags["span.kind"]]),
      [
        ["java-consumer", METHOD, "client"],
        [CONSUMER, METHOD, "client"],
        [PROVIDER, METHOD, "server"],
        ["java-provider", METHOD, "server"],
      ],
    );
    assert.deepEqual(
      spans.map(({ parentId }) => parentId),
      [undefined, ...spans.slice(0, -1).map(({ spanId }) => spanId)],
    );
    // It is our span that the provider was told.
    assert.equal(spans[2]!.spanId, parent);
  });
});
