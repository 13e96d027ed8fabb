// Real dubbo-go peers whose own tracing is on, around two real Envoys: all four tell Jaeger one trace.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import { startJaeger, type Jaeger } from "../../harness/collectors.ts";
import { freePorts } from "../../harness/ports.ts";
import { startProcess, type ManagedProcess } from "../../harness/processes.ts";
import { accepts } from "../../harness/readiness.ts";
import { until } from "../e2e/envoy_setup.ts";
import { tracedGo } from "./go_build.ts";
import { CONSUMER, METHOD, PROVIDER, startTwoSides, type TwoSides } from "./two_sides.ts";

/** A first build fetches modules. */
const LIMIT = { timeout: 10 * 60_000 };
const READY_MS = 20_000;
const CALL_MS = 30_000;

describe("dubbo-go with its own tracing", LIMIT, () => {
  let jaeger: Jaeger;
  let sides: TwoSides;
  let provider: ManagedProcess;
  let go: Awaited<ReturnType<typeof tracedGo>>;

  before(async () => {
    go = await tracedGo();
    jaeger = await startJaeger();
    sides = await startTwoSides(
      jaeger.otlpPort,
      { spans: { sample: { percentage: 0 }, propagate: true } },
      async (port) => {
        const args = ["-port", `${port}`, "-otlp", `127.0.0.1:${jaeger.otlpPort}`];
        provider = startProcess({ name: "provider", command: go("provider"), args });
        await provider.waitUntil("ready", READY_MS, () => accepts(port));
      },
    );
  });
  after(async () => {
    await sides?.stop();
    await provider?.stop();
    await jaeger?.stop();
  });

  test("is in one trace with both sidecars, each the child of the one before", async () => {
    const args = ["-addr", `127.0.0.1:${sides.port}`, "-otlp", `127.0.0.1:${jaeger.otlpPort}`];
    const run = promisify(execFile)(go("consumer"), args, { timeout: CALL_MS });
    const id = (await run).stdout.trim();
    assert.match(id, /^[0-9a-f]{32}$/);
    await until("all five spans", async () => (await jaeger.trace(id)).length === 5);
    const spans = await jaeger.trace(id);
    assert.deepEqual(
      spans.map(({ service, name }) => [service, name]),
      [
        ["dubbo-go-consumer", "ask"],
        ["dubbo-go-consumer", "GetUser"],
        [CONSUMER, METHOD],
        [PROVIDER, METHOD],
        ["dubbo-go-provider", "GetUser"],
      ],
    );
    assert.deepEqual(
      spans.map(({ parentId }) => parentId),
      [undefined, ...spans.slice(0, -1).map(({ spanId }) => spanId)],
    );
  });

  test("ends by itself after its lifetime", async () => {
    const [port] = await freePorts(1);
    const args = ["-port", `${port}`, "-otlp", `127.0.0.1:${jaeger.otlpPort}`, "-lifetime", "1s"];
    const mortal = startProcess({ name: "provider", command: go("provider"), args });
    assert.equal(await mortal.ended, "exit code 0", mortal.log);
  });
});
