// manifests/gateway: consumers outside of the mesh call through a gateway of its own, in the clear and in
// TLS that ends there. A connection goes where its first request says.

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type AddressInfo, type Server } from "node:net";
import { connect as connectTls } from "node:tls";
import { after, before, describe, test } from "node:test";
import { DubboClient } from "../../demo/dubbo/client.ts";
import { fromJava, ORDERS, USERS, type RecordService } from "../../demo/record.ts";
import { Expected, sumOf } from "../e2e/envoy_series.ts";
import { CERTIFIED, gatewayCertificate } from "./lab/certificate.ts";
import { namesWithWasm, stateOf } from "./lab/envoy_state.ts";
import { deploymentOf } from "./lab/kubernetes.ts";
import { kustomized } from "./lab/manifests.ts";
import { startMesh, type Mesh } from "./lab/mesh.ts";
import { awaitSeries, seriesOf } from "./lab/series.ts";

const SUITE = { timeout: 240_000 };
const GATEWAY = "dubbo-gateway";
const PLAIN = 20880;
const TLS = 20881;
const HOST = "127.0.0.1";
const CALLS = 5;
const CALL_MS = 10_000;

describe("a gateway for Dubbo", SUITE, () => {
  let mesh: Mesh;
  let address: string;
  const expected = new Expected("consumer");
  const { certificate, secret } = gatewayCertificate();

  before(async () => {
    const objects = [
      ...(await kustomized("manifests")),
      ...(await kustomized("manifests/gateway")),
    ];
    mesh = await startMesh({ objects: [...objects, secret] });
    const [gateway] = await mesh.run(GATEWAY, "user-provider-blue", "order-provider-blue");
    address = gateway!.address;
  });
  after(() => mesh?.stop());

  test("its Envoy accepts the filter on both ports", async () => {
    const state = await stateOf(mesh.pod(GATEWAY));
    assert.deepEqual(state.problems, []);
    assert.deepEqual(mesh.istiod.problems(), []);
    assert.deepEqual(namesWithWasm(state).sort(), [`0.0.0.0_${PLAIN}`, `0.0.0.0_${TLS}`]);
  });

  test("one address leads to each service, by a connection's first request", async () => {
    assert.deepEqual(await ask(USERS, address, PLAIN), answers("user-provider-blue"));
    assert.deepEqual(await ask(ORDERS, address, PLAIN), answers("order-provider-blue"));
    expectCalls(USERS, ORDERS);
  });

  test("so it does where TLS ends at the gateway", async (t) => {
    const tunnel = await openTunnel(address, certificate);
    t.after(() => tunnel.close());
    const { port } = tunnel.address() as AddressInfo;
    assert.deepEqual(await ask(ORDERS, HOST, port), answers("order-provider-blue"));
    expectCalls(ORDERS);
  });

  test("it counts as a consumer's sidecar does", async () => {
    await awaitSeries(mesh.pod(GATEWAY), expected);
  });

  test("the providers' sidecars count the same calls, over mutual TLS", async () => {
    const series = await seriesOf(mesh.pod("order-provider-blue"));
    assert.equal(sumOf(series, "requests_total", { interface: ORDERS.interface }), 2 * CALLS);
  });

  function expectCalls(...services: RecordService[]): void {
    for (const { interface: name, get } of services) {
      const responses = { "OK success": CALLS };
      const calls = { twoway: CALLS, responses, requestBytes: 1, responseBytes: 1 };
      expected.connections(1).calls({ interface: name, method: get.method }, calls);
      // Users meet no rule, and go where the VirtualService says.
      if (name === ORDERS.interface)
        expected.add("routed_requests_total", { rule: "orders" }, CALLS);
    }
  }
});

function answers(name: string): string[] {
  return Array.from({ length: CALLS }, () => name);
}

/** The Deployments whose pods answer so many calls over one connection. */
async function ask(service: RecordService, host: string, port: number): Promise<string[]> {
  const client = new DubboClient({ host, port, timeoutMs: CALL_MS });
  const { method, descriptor } = service.get;
  const names: string[] = [];
  try {
    for (let i = 0; i < CALLS; i++) {
      const args = ["1"];
      const call = { interface: service.interface, method, descriptor, args };
      names.push(deploymentOf(`${fromJava(await client.call(call)).podName}`));
    }
  } finally {
    client.close();
  }
  return names;
}

/** What a consumer without TLS of its own puts before itself: a local port into TLS to the gateway. */
async function openTunnel(address: string, ca: string): Promise<Server> {
  const options = {
    host: address,
    port: TLS,
    servername: CERTIFIED,
    ca,
  };
  const server = createServer((local) => {
    const remote = connectTls(options);
    local.pipe(remote).pipe(local);
    for (const socket of [local, remote]) {
      socket.on("error", () => [local, remote].forEach((one) => one.destroy()));
    }
  });
  server.listen(0, HOST);
  await once(server, "listening");
  return server;
}
