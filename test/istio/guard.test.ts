// Providers that fail in mid-call behind two sidecars: the guard of manifests/dubbo-guard.yaml answers,
// and the consumer's sidecar lives.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { sumOf } from "../e2e/envoy_series.ts";
import { callTimes } from "./lab/calling.ts";
import { stateOf } from "./lab/envoy_state.ts";
import { eventually } from "./lab/eventually.ts";
import { kustomized } from "./lab/manifests.ts";
import { startMesh, type Mesh } from "./lab/mesh.ts";
import { seriesOf } from "./lab/series.ts";

const SUITE = { timeout: 240_000 };
const LOCAL = "127.0.0.1:20880";
const CALLS = 40;
const ANSWER = "failed: SERVER_ERROR: upstream connection closed before the response";

/** A provider that ends each connection in mid-call, with a FIN or with a reset. */
const FAILING = (how: "end" | "resetAndDestroy") => [
  process.execPath,
  "-e",
  `require("node:net").createServer((socket) => {
    socket.on("error", () => {});
    socket.once("data", () => socket.${how}());
  }).listen(20880, "0.0.0.0");`,
];

describe("the guard in a mesh", SUITE, () => {
  let mesh: Mesh;

  before(async () => {
    mesh = await startMesh({ objects: await kustomized("manifests") });
    await Promise.all([
      mesh.start("user-provider-blue", { programs: { "user-provider": FAILING("end") } }),
      mesh.start("user-provider-green", {
        programs: { "user-provider": FAILING("resetAndDestroy") },
      }),
      mesh.start("comsumer-blue"),
    ]);
    await mesh.istiod.settled();
  });
  after(() => mesh?.stop());

  test("calls to providers that fail are answered, and their callers' sidecar lives", async () => {
    const consumer = mesh.pod("comsumer-blue");
    // Each caller disconnects: that is when dubbo_proxy alone would take Envoy down.
    const outcomes = await callTimes(consumer, { dubbo: LOCAL, fresh: true }, CALLS);
    assert.deepEqual(
      outcomes,
      Array.from({ length: CALLS }, () => ANSWER),
    );
    await eventually("counted", async () => {
      const series = await seriesOf(consumer);
      const answered = sumOf(series, "responses_total", { status: "SERVER_ERROR" });
      return answered === CALLS && sumOf(series, "guarded_requests_total") === CALLS;
    });
    assert.deepEqual((await stateOf(consumer)).problems, []);
    assert.equal(consumer.proxy?.end, undefined, "Envoy runs");
    assert.doesNotMatch(consumer.proxy!.log, /Pure virtual|Epoch 0 terminated/);
  });
});
