// Traces from end to end: ingress gateway, poc-gateway, poc-service, poc-data. The services pass the
// headers on; with manifests/traffic/tracing.yaml each sidecar tells of its part.

import assert from "node:assert/strict";
import type { Server } from "node:http";
import { after, before, describe, test } from "node:test";
import { eventually } from "./lab/eventually.ts";
import type { Mesh } from "./lab/mesh.ts";
import { GATEWAY, httpGet, startPoc, type HttpAnswer } from "./lab/poc.ts";
import type { Pod } from "./lab/pod.ts";
import { withRecipe } from "./lab/recipe.ts";
import { collectSpans, ZIPKIN_OBJECTS, type Span } from "./lab/zipkin.ts";

const SUITE = { timeout: 240_000 };
const INGRESS_PORT = 8080;
const TRACE = "0af7651916cd43dd8448eb211c80319c";
const B3_TRACE = "80f198ee56343ba864fe8b2a57d3eff7";
const SPAN = "e457b5a2e4d86bd1";
/** The spans of a request, each the child of the one before. */
const HOPS = [
  "SERVER poc-gateway.istio-poc",
  "CLIENT poc-gateway.istio-poc",
  "SERVER poc-service.istio-poc",
  "CLIENT poc-service.istio-poc",
  "SERVER poc-data.istio-poc",
];
/** What each of the three services has of one kind. */
type Hops = [gateway: string, service: string, data: string];

describe("traces", SUITE, () => {
  let mesh: Mesh;
  let ingress: Pod;
  let server: Server;
  const spans: Span[] = [];

  before(async () => {
    const services = ["poc-service-v1", "poc-data-v1", "istio-ingressgateway"];
    mesh = await startPoc([GATEWAY, ...services], ["test/istio/lab/tracing.yaml"]);
    ingress = mesh.pod("istio-ingressgateway");
    await mesh.apply(...ZIPKIN_OBJECTS);
    server = await collectSpans(spans);
  });
  after(async () => {
    await mesh?.stop();
    server?.close();
  });

  test("headers of whoever asks arrive at the end as they were", async () => {
    const given = {
      traceparent: `00-${TRACE}-b7ad6b7169203331-01`,
      tracestate: "vendor=1",
      b3: `${B3_TRACE}-${SPAN}-0`,
      baggage: "who=anna",
    };
    const answer = await askIngress({ ...given, "x-not-passed-on": "1" });
    for (const [name, value] of Object.entries(given)) {
      assert.deepEqual(headersOf(answer, name), [value, value, value], name);
    }
    const others = headersOf(answer, "x-not-passed-on");
    assert.deepEqual(others, ["1", undefined, undefined], "and others do not");
  });

  test("the ingress gateway gives each request an id, which all services see", async () => {
    const ids = [];
    for (let i = 0; i < 5; i++) {
      const [id, ...others] = headersOf(await askIngress({}), "x-request-id");
      assert.match(id, /^[0-9a-f]{8}-[0-9a-f-]{27}$/);
      assert.deepEqual(others, [id, id]);
      ids.push(id);
    }
    assert.equal(new Set(ids).size, ids.length);
  });

  test("tracing: each request is one trace of all sidecars' spans", async () => {
    await withRecipe(mesh, ingress, "tracing", async () => {
      let answer = await askIngress({});
      await eventually("traced by all", async () => {
        answer = await askIngress({});
        return headersOf(answer, "x-b3-traceid").every((id) => id !== undefined);
      });
      const traces = headersOf(answer, "x-b3-traceid");
      assert.equal(new Set(traces).size, 1, `${traces}`);
      assert.equal(new Set(headersOf(answer, "x-b3-spanid")).size, 3, "each hop is a span");
      const trace = () => spans.filter(({ traceId }) => traceId === traces[0]);
      await eventually("the whole trace", async () => trace().length >= HOPS.length);
      assert.deepEqual(chainOf(trace()), HOPS);
    });
  });

  test("tracing: who brings a trace stays in it", async () => {
    await withRecipe(mesh, ingress, "tracing", async () => {
      const given = { "x-b3-traceid": B3_TRACE, "x-b3-spanid": SPAN, "x-b3-sampled": "1" };
      await eventually("in that trace", async () => {
        const ids = headersOf(await askIngress(given), "x-b3-traceid");
        assert.deepEqual(ids, [B3_TRACE, B3_TRACE, B3_TRACE]);
        return spans.some(({ traceId, parentId }) => traceId === B3_TRACE && parentId === SPAN);
      });
    });
  });

  function askIngress(headers: Record<string, string>): Promise<HttpAnswer> {
    const all = { host: "poc.mesh.symcn.com", ...headers };
    return httpGet(ingress.address, INGRESS_PORT, "/service", all);
  }
});

/** A header as poc-gateway, poc-service and poc-data have seen it. */
function headersOf({ status, body }: HttpAnswer, name: string): Hops {
  assert.equal(status, 200, JSON.stringify(body));
  const service = body.upstream.body;
  const data = service.upstream.body;
  return [body, service, data].map(({ headers }) => headers[name]) as Hops;
}

/** The spans of a trace from parent to child; those that hang on no other are left out. */
function chainOf(trace: readonly Span[]): string[] {
  const chain: string[] = [];
  let next = trace.find(({ parentId }) => parentId === undefined);
  while (next !== undefined) {
    const { id, kind, localEndpoint }: Span = next;
    chain.push(`${kind} ${localEndpoint.serviceName}`);
    next = trace.find(({ parentId }) => parentId === id);
  }
  return chain;
}
