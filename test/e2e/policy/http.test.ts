// A policy before Envoy's HTTP router: a refused gRPC call reaches no server, and its caller is told in gRPC's
// words.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { status as Status } from "@grpc/grpc-js";
import { LIMIT, ours, startLab, until, type Lab } from "../envoy_setup.ts";
import { triplePeers, type TriplePeers } from "../triple/setup.ts";

const POLICIES = {
  policies: [
    { name: "no-guests", match: { application: { exact: "guest" } }, authorize: "deny" },
    {
      name: "calm",
      match: { application: { exact: "noisy" } },
      rate_limit: { max_tokens: 2, fill_interval: "3600s" },
    },
    {
      name: "slow",
      match: { application: { exact: "slow" } },
      fault: { delay: { percentage: 100, fixed_delay: "700ms" } },
    },
  ],
};

describe("before Envoy's router", LIMIT, () => {
  let peers: TriplePeers;
  let lab: Lab;

  before(async () => {
    peers = await triplePeers(POLICIES);
    lab = await startLab({ change: peers.change });
  });

  after(async () => {
    peers?.close();
    await lab?.stop();
  });

  const as = (application: string) =>
    peers.client.call("Unary", { metadata: { "tri-consumer-appname": application } });

  test("a refused call is PERMISSION_DENIED and meets no server", async () => {
    const received = (): number => peers.v1.received.length + peers.v2.received.length;
    const before = received();
    for (let i = 0; i < 5; i++) assert.equal((await as("guest")).code, Status.PERMISSION_DENIED);
    assert.equal(received(), before);
    assert.equal((await as("shop")).code, Status.OK);
    assert.equal(received(), before + 1);
    await until("it is counted", async () => {
      const entries = [...ours(await lab.scrape())];
      const refused = entries.filter(([key]) => key.startsWith("dubbo_refused_requests_total{"));
      return refused.length === 1 && refused[0]![1] === 5;
    });
  });

  test("a limit is RESOURCE_EXHAUSTED", async () => {
    const codes: number[] = [];
    for (let i = 0; i < 4; i++) codes.push((await as("noisy")).code);
    const { OK, RESOURCE_EXHAUSTED } = Status;
    assert.deepEqual(codes, [OK, OK, RESOURCE_EXHAUSTED, RESOURCE_EXHAUSTED]);
  });

  test("a delayed call is answered, and others of its connection do not wait", async () => {
    const begun = performance.now();
    let isAnswered = false;
    const delayed = as("slow").then((answer) => {
      isAnswered = true;
      return answer;
    });
    assert.equal((await as("shop")).code, Status.OK);
    assert.ok(!isAnswered);
    assert.equal((await delayed).code, Status.OK);
    assert.ok(performance.now() - begun >= 690);
    await until("it is counted", async () => {
      const entries = [...ours(await lab.scrape())];
      return entries.some(([key]) => key.startsWith("dubbo_delayed_requests_total{"));
    });
  });
});
