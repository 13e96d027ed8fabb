// Spans of two real Envoys in a real Jaeger: the caller's own span, the consumer's side and the provider's
// are one trace there, each the child of the one before.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { startJaeger, type Jaeger } from "../../harness/collectors.ts";
import { Caller, times } from "../e2e/envoy_caller.ts";
import { until } from "../e2e/envoy_setup.ts";
import { callersSpan, newIds } from "./callers_span.ts";
import { CONSUMER, GET_USER, METHOD, PROVIDER, startTwoSides, type TwoSides } from "./two_sides.ts";

const LIMIT = { timeout: 60_000 };

describe("Jaeger", LIMIT, () => {
  let jaeger: Jaeger;
  let sides: TwoSides;

  before(async () => {
    jaeger = await startJaeger();
    sides = await startTwoSides(jaeger.otlpPort, {
      spans: { sample: { percentage: 0 }, propagate: true },
    });
  });
  after(async () => {
    await sides?.stop();
    await jaeger?.stop();
  });

  test("has one trace from the caller through both sides", async () => {
    const ids = newIds();
    const caller = await Caller.dial(sides.port);
    const extraAttachments = { traceparent: `00-${ids.traceId}-${ids.spanId}-01` };
    const [{ answer }] = await caller.ask([{ ...GET_USER, extraAttachments }]);
    caller.close();
    assert.equal(answer.status, 20);
    await callersSpan(jaeger.otlpPort, ids);
    await until("three spans", async () => (await jaeger.trace(ids.traceId)).length === 3);
    const spans = await jaeger.trace(ids.traceId);
    const [asking, consumer, provider] = spans;
    assert.deepEqual(
      spans.map(({ service, name, tags }) => [service, name, tags["span.kind"]]),
      [
        ["caller", "GET /user", "server"],
        [CONSUMER, METHOD, "client"],
        [PROVIDER, METHOD, "server"],
      ],
    );
    assert.deepEqual(
      spans.map(({ parentId }) => parentId),
      [undefined, asking!.spanId, consumer!.spanId],
    );
    for (const { tags, duration } of [consumer!, provider!]) {
      assert.equal(tags["rpc.system.name"], "dubbo");
      assert.equal(tags["rpc.response.status_code"], "OK");
      assert.ok(duration > 0);
    }
    assert.deepEqual(
      [consumer!.tags["dubbo.side"], provider!.tags["dubbo.side"]],
      ["consumer", "provider"],
    );
  });

  test("has no span of a caller that does not sample", async () => {
    const [not, sampled] = [newIds(), newIds()];
    const caller = await Caller.dial(sides.port);
    for (const [ids, flag] of [
      [not, "00"],
      [sampled, "01"],
    ] as const) {
      const extraAttachments = { traceparent: `00-${ids.traceId}-${ids.spanId}-${flag}` };
      await caller.ask(times(5, { ...GET_USER, extraAttachments }));
    }
    caller.close();
    await until("the others", async () => (await jaeger.trace(sampled.traceId)).length === 10);
    assert.deepEqual(await jaeger.trace(not.traceId), []);
  });

  test("shows a call that fails as an error", async () => {
    const ids = newIds();
    const caller = await Caller.dial(sides.port);
    const extraAttachments = { traceparent: `00-${ids.traceId}-${ids.spanId}-01` };
    await caller.ask([{ ...GET_USER, method: "nothing", extraAttachments }]);
    caller.close();
    await until("its spans", async () => (await jaeger.trace(ids.traceId)).length === 2);
    for (const { tags } of await jaeger.trace(ids.traceId)) {
      assert.equal(tags.error, true);
      assert.equal(tags["error.type"], tags["rpc.response.status_code"]);
    }
  });
});
