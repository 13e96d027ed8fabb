// Dubbo calls through sidecars that istiod has configured from manifests/: what of them arrives where,
// and that the filter's series say exactly that, on the consumer's side and on the provider's.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Expected, sumOf } from "../e2e/envoy_series.ts";
import { callTimes } from "./lab/calling.ts";
import { namesWithWasm, stateOf } from "./lab/envoy_state.ts";
import { ask, type Answer } from "./lab/gateway.ts";
import { kustomized } from "./lab/manifests.ts";
import { startMesh, type Mesh } from "./lab/mesh.ts";
import { withEnvironment, withoutFilter } from "./lab/deployments.ts";
import { awaitSeries, seriesOf } from "./lab/series.ts";

const SUITE = { timeout: 240_000 };
const USERS = { interface: "com.k8s.User.UserProvider", method: "GetUser" };
const SET_USER = { interface: "com.k8s.User.UserProvider", method: "SetUser" };
const ORDERS = { interface: "com.k8s.Order.OrderProvider", method: "GetOrder" };
const BLUE = "user-provider-blue";
const GREEN = "user-provider-green";

describe("calls through sidecars configured by istiod", SUITE, () => {
  let mesh: Mesh;
  /** Users' calls over the local listener, by provider. */
  const toUsers = { [BLUE]: 0, [GREEN]: 0 };

  before(async () => {
    mesh = await startMesh({ objects: await kustomized("manifests") });
    // What manifests/README.md has for consumers that dial by name.
    const byName = { USER_DUBBO: "user-provider:20880", ORDER_DUBBO: "order-provider:20880" };
    await mesh.apply(withEnvironment(mesh.object("Deployment", "comsumer-green"), byName));
    await mesh.apply(withoutFilter(mesh.object("Deployment", "grpc-server-blue")));
    await mesh.run("user-provider-blue", "user-provider-green", "order-provider-blue");
    await mesh.run("comsumer-blue", "comsumer-green", "grpc-server-blue");
  });
  after(() => mesh?.stop());

  test("over the local listener rules choose the version of each call", async () => {
    const consumer = mesh.pod("comsumer-blue");
    const jason = { headers: { "end-user": "jason" } };
    for (let i = 0; i < 20; i++) {
      assert.equal(podOf(await ask(consumer, `/GetUserDubbo?id=${i}`, jason)), GREEN);
    }
    toUsers[GREEN] += 20;
    const met = { [BLUE]: 0, [GREEN]: 0 };
    for (let i = 0; i < 60; i++) {
      const answer = await ask(consumer, `/GetUserDubbo?id=${i}`);
      met[podOf(answer) as keyof typeof met]++;
    }
    // One in five: 12. Four times the standard deviation of 3.1 away is one run in 16,000.
    assert.ok(met[GREEN] > 0 && met[GREEN] <= 24, `of 60 calls ${met[GREEN]} met version 2`);
    toUsers[BLUE] += met[BLUE];
    toUsers[GREEN] += met[GREEN];
    for (let i = 0; i < 10; i++) await ask(consumer, `/GetOrderDubbo?id=${i}`);

    const once = { requestBytes: 1, responseBytes: 1 };
    const expected = new Expected("consumer")
      .connections(1, 1)
      .calls(USERS, { twoway: 80, responses: { "OK success": 80 }, ...once })
      .calls(ORDERS, { twoway: 10, responses: { "OK success": 10 }, ...once })
      .add("routed_requests_total", { rule: "jason" }, 20)
      .add("routed_requests_total", { rule: "canary" }, 60);
    await awaitSeries(consumer, expected);
  });

  test("the providers' sidecars have counted what came to each", async () => {
    for (const [name, calls] of Object.entries(toUsers)) {
      const pod = mesh.pod(name);
      // dubbo_proxy keeps a connection for each call that is under way; here there was one at a time.
      const series = await seriesOf(pod);
      const connections = sumOf(series, "connections_total");
      const active = sumOf(series, "connections_active");
      const responses = { "OK success": calls };
      const expected = new Expected("provider")
        .connections(connections, active)
        .calls(USERS, { twoway: calls, responses, requestBytes: 1, responseBytes: 1 });
      await awaitSeries(pod, expected);
      assert.ok(connections > 0);
    }
  });

  test("dialled by name, calls are counted in front of tcp_proxy, byte for byte as at the provider", async () => {
    const consumer = mesh.pod("comsumer-green");
    const provider = mesh.pod("order-provider-blue");
    const before = await seriesOf(provider);
    for (let i = 0; i < 25; i++) await ask(consumer, `/GetOrderDubbo?id=${i}`);
    const answer = await ask(consumer, "/SetUserDubbo?id=1&name=by-name");
    assert.equal(answer.name, "by-name");

    const once = { requestBytes: 1, responseBytes: 1 };
    const expected = new Expected("consumer")
      .connections(2, 2)
      .calls(ORDERS, { twoway: 25, responses: { "OK success": 25 }, ...once })
      .calls(SET_USER, { twoway: 1, responses: { "OK success": 1 }, ...once });
    await awaitSeries(consumer, expected);
    const after = await seriesOf(provider);
    for (const metric of ["requests_total", "request_bytes_total", "response_bytes_total"]) {
      const labels = { interface: ORDERS.interface };
      const grown = sumOf(after, metric, labels) - sumOf(before, metric, labels);
      assert.equal(grown, sumOf(await seriesOf(consumer), metric, labels), metric);
    }
  });

  test("a workload without the label has no filter and no series, and its calls pass", async () => {
    const other = mesh.pod("grpc-server-blue");
    for (const outcome of await callTimes(other, { dubbo: "user-provider:20880" }, 5)) {
      assert.match(outcome, /^user-provider-(blue|green)$/);
    }
    const state = await stateOf(other);
    assert.deepEqual(namesWithWasm(state), []);
    assert.equal(state.listeners.has("local_proxy_20880"), false);
    const address = mesh.object("Service", "user-provider").spec.clusterIP;
    assert.ok(state.listeners.has(`${address}_20880`), "it has Istio's listener for the Service");
    assert.deepEqual(await seriesOf(other), new Map());
  });
});

function podOf(answer: Answer): string {
  return answer.deployment;
}
