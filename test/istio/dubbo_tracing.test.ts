// One trace across HTTP, Dubbo and HTTP: Istio traces the HTTP requests by its own tracing, the filter the Dubbo
// call between them, and the two services hand `traceparent` on.
//
//   GET /GetUserDubbo ─> sidecar, comsumer ─Dubbo─> sidecar ─> sidecar, user-provider ─HTTP─> sidecar ─> sidecar, comsumer

import assert from "node:assert/strict";
import type { Server } from "node:http";
import { after, before, test, describe } from "node:test";
import { wasmPlugins } from "../../harness/envoy_config.ts";
import { eventually } from "./lab/eventually.ts";
import { ask } from "./lab/gateway.ts";
import { kustomized } from "./lab/manifests.ts";
import { startMesh, type Mesh } from "./lab/mesh.ts";
import { collectOtel, OTEL_CLUSTER, OTEL_OBJECTS, type OtelSpan } from "./lab/otel.ts";

const SUITE = { timeout: 240_000 };
const PROVIDER = "test/istio/lab/asking_provider.ts";
const [SERVER, CLIENT] = [2, 3];
const CALL = "com.k8s.User.UserProvider/GetUser";
/** The spans of a request, each the child of the one before: whose, of which kind, and the filter's by name. */
const HOPS = [
  ["comsumer.mesh-demo", SERVER, undefined],
  ["comsumer.mesh-demo", CLIENT, CALL],
  ["user-provider.mesh-demo", SERVER, CALL],
  ["user-provider.mesh-demo", CLIENT, undefined],
  ["comsumer.mesh-demo", SERVER, undefined],
];

describe("a trace across HTTP, Dubbo and HTTP", SUITE, () => {
  let mesh: Mesh;
  let server: Server;
  const spans: OtelSpan[] = [];

  before(async () => {
    const objects = structuredClone(await kustomized("manifests"));
    const telemetry = {
      otlp: { cluster: OTEL_CLUSTER, interval_ms: 200 },
      // Who traces HTTP decides which requests are traced.
      spans: { sample: { percentage: 0 }, propagate: true },
    };
    // The guard's stand in the same connection as the one that counts, which tells its calls.
    const plugins = wasmPlugins(objects).filter(
      ({ configuration }) => configuration.value.metrics?.enabled !== false,
    );
    assert.ok(plugins.length >= 3, `${plugins.length} plugins`);
    for (const { configuration } of plugins) configuration.value.telemetry = telemetry;
    mesh = await startMesh({ objects, operators: ["test/istio/lab/otel.yaml"] });
    await mesh.apply(...OTEL_OBJECTS);
    server = await collectOtel(spans);
    const program = [process.execPath, "--import", "tsx", PROVIDER, "http://comsumer/version"];
    await Promise.all([
      mesh.start("comsumer-blue"),
      mesh.start("user-provider-blue", { programs: { "user-provider": program } }),
    ]);
    await mesh.istiod.settled();
  });
  after(async () => {
    await mesh?.stop();
    server?.closeAllConnections();
    server?.close();
  });

  test("has no gap", async () => {
    assert.deepEqual(mesh.istiod.problems(), []);
    let chain: OtelSpan[] = [];
    // The first requests may come before the provider listens and each sidecar traces.
    let failure = "";
    await eventually("a whole trace", async () => {
      await ask(mesh.pod("comsumer-blue"), "/GetUserDubbo?id=7").catch((error: Error) => {
        failure = error.message;
      });
      chain = chainsOf(spans).find(({ length }) => length === HOPS.length) ?? [];
      return chain.length > 0;
    }).catch((error: Error) => assert.fail(`${error.message}: ${failure} ${shown(spans)}`));
    assert.equal(new Set(chain.map(({ traceId }) => traceId)).size, 1);
    assert.deepEqual(
      chain.map(({ service, kind, name }, hop) => [service, kind, HOPS[hop]![2] && name]),
      HOPS,
    );
  });
});

/** The traces so far, each from its first span to the last that hangs on it. */
function chainsOf(spans: readonly OtelSpan[]): OtelSpan[][] {
  return spans
    .filter(({ parentSpanId }) => parentSpanId === "")
    .map((first) => {
      const chain: OtelSpan[] = [];
      let next: OtelSpan | undefined = first;
      while (next !== undefined && chain.length <= HOPS.length) {
        const { traceId, spanId }: OtelSpan = next;
        chain.push(next);
        next = spans.find((span) => span.traceId === traceId && span.parentSpanId === spanId);
      }
      return chain;
    });
}

function shown(spans: readonly OtelSpan[]): string {
  const lines = spans
    .slice(-12)
    .map(({ service, kind, name, traceId, spanId, parentSpanId }) =>
      [traceId.slice(0, 6), parentSpanId, spanId, service, kind, name].join(" "),
    );
  return `${spans.length} spans\n${lines.join("\n")}`;
}
