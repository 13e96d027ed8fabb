// gRPC through sidecars with the HTTP filter of manifests/dubbo-triple.yaml: calls are counted on both
// sides, other HTTP of the same sidecars is not, and rules reach Istio's own routes.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { isDeepStrictEqual } from "node:util";
import { wasmPlugins, type Json } from "../../harness/envoy_config.ts";
import { Expected, sumOf } from "../e2e/envoy_series.ts";
import { withAnnotations } from "./lab/deployments.ts";
import { stateOf, type EnvoyState } from "./lab/envoy_state.ts";
import { eventually } from "./lab/eventually.ts";
import { ask } from "./lab/gateway.ts";
import { askInside } from "./lab/inside.ts";
import type { KubernetesObject } from "./lab/kubernetes.ts";
import { kustomized } from "./lab/manifests.ts";
import { startMesh, type Mesh } from "./lab/mesh.ts";
import { awaitSeries, seriesOf } from "./lab/series.ts";

const SUITE = { timeout: 240_000 };
const BLUE = "grpc-server-blue";
const GREEN = "grpc-server-green";
const SERVER = "grpc-server";
const PORT = 50000;
const INTERFACE = "com.k8s.User.UserProvider";
const GET_USER = { interface: INTERFACE, method: "GetUser", protocol: "grpc" };
const CALLS = 25;
/** Instead of 45 s: how long Envoy lets connections stay with what they had. */
const DRAIN = JSON.stringify({ holdApplicationUntilProxyStarts: true, drainDuration: "5s" });
const OK = { status: "OK", outcome: "success" };
/** As in docs/triple.md. */
const JASON = {
  protected: ["dubbo-route"],
  rules: [
    {
      name: "jason",
      match: { attachments: [{ name: "end-user", exact: "jason" }] },
      attachments: { set: [{ name: "dubbo-route", value: "v2" }] },
    },
  ],
};

describe("gRPC through sidecars with the HTTP filter", SUITE, () => {
  let mesh: Mesh;

  before(async () => {
    mesh = await startMesh({ objects: await kustomized("manifests") });
    const deployment = mesh.object("Deployment", "comsumer-blue");
    await mesh.apply(withAnnotations(deployment, { "proxy.istio.io/config": DRAIN }));
    await mesh.run("user-provider-blue", "grpc-server-blue");
    await mesh.run("comsumer-blue");
  });
  after(() => mesh?.stop());

  test("the filter is the last before the router, where gRPC goes out and comes in", async () => {
    const consumer = await stateOf(mesh.pod("comsumer-blue"));
    const provider = await stateOf(mesh.pod("grpc-server-blue"));
    assert.deepEqual([...consumer.problems, ...provider.problems, ...mesh.istiod.problems()], []);
    const outbound = managersOf(consumer.listeners.get(`0.0.0.0_${PORT}`));
    assert.deepEqual(outbound.map(lastFilters), [["dubbo_triple_outbound", "router"]]);
    const chains = (provider.listeners.get("virtualInbound")?.filter_chains as Json[]).filter(
      ({ filter_chain_match }) => filter_chain_match?.destination_port === PORT,
    );
    const inbound = chains.flatMap((chain) => managersOf({ filter_chains: [chain] }));
    // With mutual TLS and, as it is PERMISSIVE by default, without.
    assert.ok(inbound.length >= 2, `${inbound.length} chains for port ${PORT}`);
    for (const manager of inbound) {
      assert.deepEqual(lastFilters(manager), ["dubbo_triple_inbound", "router"]);
    }
    // And nowhere else; the provider has it where it would call gRPC itself.
    const filters = ({ listeners }: EnvoyState) =>
      [...listeners.values()].flatMap(managersOf).flatMap(wasmPlugins).length;
    assert.equal(filters(consumer), outbound.length);
    assert.equal(filters(provider), inbound.length + outbound.length);
  });

  test("what is no call passes, and is not counted", async () => {
    const consumer = mesh.pod("comsumer-blue");
    for (let i = 0; i < 10; i++) {
      assert.equal((await ask(consumer, "/userhttp?id=1")).deployment, "user-provider-blue");
      await ask(consumer, "/version");
    }
    // On gRPC's own port; the server knows nothing but gRPC.
    const question = { host: SERVER, port: PORT, path: `/${INTERFACE}/GetUser` };
    const [answer] = await askInside(consumer, [question]);
    // Which is the server's own answer: both sidecars let it through.
    assert.equal(answer?.status, 415, answer?.error);
  });

  test("calls of /usergrpc are counted on both sides, all of them, and nothing else is", async () => {
    const consumer = mesh.pod("comsumer-blue");
    for (let i = 0; i < CALLS; i++) {
      assert.equal((await ask(consumer, `/usergrpc?id=${i}`)).deployment, BLUE);
    }
    // These are all series there are: so neither what passed in the test before.
    await awaitSeries(consumer, answered("consumer", CALLS));
    await awaitSeries(mesh.pod("grpc-server-blue"), answered("provider", CALLS));
    const [there, here] = [
      await seriesOf(consumer),
      await seriesOf(mesh.pod("grpc-server-blue")),
    ] as const;
    for (const metric of ["request_bytes_total", "response_bytes_total"]) {
      assert.equal(sumOf(there, metric), sumOf(here, metric), metric);
    }
    assert.deepEqual(await seriesOf(mesh.pod("user-provider-blue")), new Map());
  });

  test("what Istio's fault injection answers is no call: it stands before the filter", async (t) => {
    const consumer = mesh.pod("comsumer-blue");
    const fault = { abort: { grpcStatus: "ABORTED", percentage: { value: 100 } } };
    const faults = virtualService([{ fault, route: [{ destination: { host: SERVER } }] }]);
    await mesh.apply(faults);
    t.after(() => mesh.remove(faults));
    await eventually("calls are aborted", () =>
      ask(consumer, "/usergrpc").then(
        () => false,
        (error: Error) => error.message.includes("ABORTED"),
      ),
    );
    // What was answered before the sidecar had heard of it is counted as ever.
    const responses = await seriesOf(consumer);
    for (let i = 0; i < 10; i++) await assert.rejects(ask(consumer, "/usergrpc"), /ABORTED/);
    await mesh.remove(faults);
    await eventually("calls are answered", () =>
      ask(consumer, "/usergrpc").then(
        () => true,
        () => false,
      ),
    );
    await eventually("the last one is counted", async () => {
      const grown = await seriesOf(consumer);
      return sumOf(grown, "requests_total") > sumOf(responses, "requests_total");
    });
    const series = await seriesOf(consumer);
    assert.equal(sumOf(series, "responses_total"), sumOf(series, "responses_total", OK));
  });

  test("a rule sets a header, by which Istio's routes choose the version", async () => {
    const consumer = mesh.pod("comsumer-blue");
    await mesh.run("grpc-server-green");
    const to = (subset: string) => [{ destination: { host: SERVER, subset } }];
    await mesh.apply(
      withRouting(mesh.object("EnvoyFilter", "dubbo-triple"), JASON),
      virtualService([
        { match: [{ headers: { "dubbo-route": { exact: "v2" } } }], route: to("v2") },
        { route: to("v1") },
      ]),
    );
    const jason = { headers: { "end-user": "jason" } };
    const answerers = async (): Promise<unknown[]> => {
      const answers = [];
      for (let i = 0; i < CALLS; i++) {
        answers.push(await ask(consumer, "/usergrpc", jason), await ask(consumer, "/usergrpc"));
      }
      return answers.map(({ deployment }) => deployment);
    };
    const expected = Array.from({ length: CALLS }, () => [GREEN, BLUE]).flat();
    // So many are no chance, as they would be one by one without the rule. The consumer's connection
    // has its filter until Envoy has drained it.
    await eventually("the rule chooses", async () =>
      isDeepStrictEqual(await answerers(), expected),
    );
    assert.deepEqual((await stateOf(consumer)).problems, []);
  });
});

/** All series of this many unary calls that were answered; of bytes, that there are some. */
function answered(side: string, calls: number): Expected {
  return new Expected(side)
    .add("requests_total", { ...GET_USER, call: "unary", serialization: "protobuf" }, calls)
    .add("responses_total", { ...GET_USER, ...OK }, calls)
    .add("request_duration_milliseconds", GET_USER, calls)
    .add("requests_active", GET_USER, 0)
    .add("request_bytes_total", GET_USER, 1)
    .add("response_bytes_total", GET_USER, 1);
}

/** The HTTP connection managers in a listener's chains. */
function managersOf(listener: Json | undefined): Json[] {
  const chains: Json[] = [...(listener?.filter_chains ?? []), listener?.default_filter_chain ?? {}];
  return chains
    .flatMap(({ filters = [] }) => filters as Json[])
    .filter(({ name }) => name === "envoy.filters.network.http_connection_manager");
}

/** The last two filters of HTTP: a plugin by its own name, others by the end of theirs. */
function lastFilters(manager: Json): string[] {
  const filters: Json[] = manager.typed_config.http_filters;
  return filters
    .slice(-2)
    .map((filter) => wasmPlugins(filter)[0]?.name ?? filter.name.split(".").at(-1));
}

/** Routes of calls to grpc-server. */
function virtualService(http: Json[]): KubernetesObject {
  return {
    apiVersion: "networking.istio.io/v1",
    kind: "VirtualService",
    metadata: { name: SERVER, namespace: "mesh-demo" },
    spec: { hosts: [SERVER], http },
  };
}

/** A copy with these rules in the consumers' sidecars. */
function withRouting(filter: KubernetesObject, routing: Json): KubernetesObject {
  const copy = structuredClone(filter);
  const { config } = copy.spec.configPatches[0].patch.value.typed_config;
  const value = { ...config.configuration.value, routing };
  config.configuration = { ...config.configuration, value };
  return copy;
}
