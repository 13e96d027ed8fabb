// The services of demo/istio_poc, and mesha of demo/grpc_mesh, by themselves: whom they ask, and what
// they pass on. What a mesh does with them is the matter of test/istio.

import type { Metadata } from "@grpc/grpc-js";
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { connect, type AddressInfo } from "node:net";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { unary } from "../../../demo/grpc/handlers.ts";
import { GrpcServer } from "../../../demo/grpc/server.ts";
import { MESHER, type HelloRequest } from "../../../demo/grpc/services.ts";
import { freePort } from "../../../harness/ports.ts";
import { get, LIMIT, READY_MS, start, startFor, type Part } from "./parts.ts";

// What a mesh needs to be passed on, and what manifests/traffic routes and hashes by.
const PASSED_ON =
  "x-request-id x-b3-traceid x-b3-spanid x-b3-parentspanid x-b3-sampled x-b3-flags b3 " +
  "traceparent tracestate baggage end-user cookie";

describe("a chain of services", LIMIT, () => {
  const parts: Part[] = [];
  let gateway: Part;
  before(async () => {
    const [data, captcha] = await Promise.all([start("data.ts", []), start("captcha.ts", [])]);
    parts.push(data, captcha);
    const service = await start("service.ts", ["--version-label", "v2", "--data", data.url]);
    parts.push(service);
    gateway = await start("gateway.ts", ["--timeout", "1000"], {
      SERVICE_ADDRESS: service.url,
      CAPTCHA_ADDRESS: captcha.url,
    });
    parts.push(gateway);
  });
  after(() => Promise.all(parts.map((part) => part.process.stop())));

  test("each says who it is, and holds the next one's answer", async () => {
    const { status, body } = await get(`${gateway.url}/service`);
    assert.equal(status, 200);
    const hops = [body, body.upstream.body, body.upstream.body.upstream.body];
    const names = hops.map(({ service, version, podName }) => [service, version, podName]);
    assert.deepEqual(names, [
      ["poc-gateway", "v1", "poc-gateway-v1"],
      ["poc-service", "v2", "poc-service-v2"],
      ["poc-data", "v1", "poc-data-v1"],
    ]);
    assert.equal(hops[1].greeting, "hello");
    assert.deepEqual(hops[2].data, { item: "book" });
  });

  test("trace headers, end-user and cookies go to the end, and no other header", async () => {
    const names = PASSED_ON.split(" ");
    const sent = Object.fromEntries(names.map((name) => [name, `value of ${name}`]));
    const { body } = await get(`${gateway.url}/service`, { ...sent, "x-other": "stays" });
    assert.equal(body.headers["x-other"], "stays");
    const hops = [body, body.upstream.body, body.upstream.body.upstream.body];
    for (const { service, headers } of hops) {
      const seen = Object.fromEntries(names.map((name) => [name, headers[name]]));
      assert.deepEqual(seen, sent, service);
    }
    for (const { headers } of hops.slice(1)) assert.equal(headers["x-other"], undefined);
  });

  test("the captcha service is another branch", async () => {
    const { status, body } = await get(`${gateway.url}/captcha`);
    assert.equal(status, 200);
    assert.equal(body.upstream.body.service, "poc-captcha");
    assert.match(body.upstream.body.captcha, /^[A-Z2-9]{6}$/);
  });

  test("a fault is where it is asked for, and its status comes through", async () => {
    const fault = "status=503&at=";
    const failed = await get(`${gateway.url}/service?${fault}poc-service-v2`);
    assert.equal(failed.status, 503);
    assert.equal(failed.body.service, "poc-gateway");
    assert.equal(failed.body.upstream.body.error, "a fault, as asked for");
    const atEnd = await get(`${gateway.url}/service?${fault}poc-data`);
    assert.equal(atEnd.status, 503);
    assert.equal(atEnd.body.upstream.body.upstream.status, 503);
    const nowhere = await get(`${gateway.url}/service?${fault}poc-service-v3`);
    assert.equal(nowhere.status, 200);
  });

  test("who answers too late is 504", async () => {
    const { status, body } = await get(`${gateway.url}/service?delay=10000&at=poc-service`);
    assert.equal(status, 504);
    assert.match(String(body.upstream.body), /timeout/);
  });

  test("an unknown path, another method, and health", async () => {
    const unknown = await get(`${gateway.url}/nothing`);
    assert.equal(unknown.status, 404);
    assert.equal(unknown.body.error, "there is no /nothing; try /service /captcha");
    assert.equal((await fetch(`${gateway.url}/service`, { method: "POST" })).status, 405);
    assert.equal((await get(`${gateway.url}/live`)).status, 200);
    const { body } = await get(`${gateway.url}/version`);
    assert.deepEqual(
      [body.service, body.version, body.podName],
      ["poc-gateway", "v1", "poc-gateway-v1"],
    );
  });
});

describe("what stands before another service", LIMIT, () => {
  test("text and cookies of an Envoy in between come through", async (t) => {
    const envoy = createServer(({ headers }, response) => {
      response.writeHead(503, { "set-cookie": ["poc=1; Path=/", "b=2"] });
      response.end(`no healthy upstream for ${headers.cookie}`);
    });
    await new Promise<void>((resolve) => envoy.listen(0, "127.0.0.1", resolve));
    t.after(() => envoy.close());
    const { port } = envoy.address() as AddressInfo;
    const gateway = await startFor(t, "gateway.ts", ["--service", `http://127.0.0.1:${port}`]);
    const { status, body, response } = await get(`${gateway.url}/service`, { cookie: "poc=7" });
    assert.equal(status, 503);
    assert.deepEqual(body.upstream, { status: 503, body: "no healthy upstream for poc=7" });
    assert.deepEqual(response.headers.getSetCookie(), ["poc=1; Path=/", "b=2"]);
  });

  test("who is not there is 502, with the reason", async (t) => {
    const nobody = `http://127.0.0.1:${await freePort()}`;
    const gateway = await startFor(t, "gateway.ts", ["--service", nobody]);
    const { status, body } = await get(`${gateway.url}/service`);
    assert.equal(status, 502);
    assert.match(String(body.upstream.body), /ECONNREFUSED/);
  });
});

describe("mesha", LIMIT, () => {
  test("an HTTP request becomes a gRPC call, with its headers", async (t) => {
    const greet = ({ name }: HelloRequest, metadata: Metadata) => ({
      message: `${name} ${metadata.get("x-b3-traceid")} ${metadata.get("x-other").length}`,
    });
    const meshb = new GrpcServer([{ service: MESHER, handlers: { SayHello: unary(greet) } }]);
    const address = `127.0.0.1:${await meshb.listen()}`;
    t.after(() => meshb.shutdown(0));
    const { url } = await startFor(t, "../grpc_mesh/mesha.ts", ["--mesher", address]);
    const headers = { "x-b3-traceid": "463ac35c9f6413ad", "x-other": "stays" };
    const { status, body } = await get(`${url}/demo?name=you`, headers);
    assert.equal(status, 200);
    assert.equal(body.message, "you 463ac35c9f6413ad 0");
    await meshb.shutdown(0);
    const without = await get(`${url}/demo`);
    assert.equal(without.status, 503);
    assert.match(without.body.error, /UNAVAILABLE/);
  });
});

describe("TCP", LIMIT, () => {
  test("each line comes back with the version and the pod, however it is cut", async (t) => {
    const { port, process } = await startFor(t, "tcp_echo.ts", ["--version-label", "v2"]);
    const socket = connect(port, "127.0.0.1").setEncoding("utf8");
    let text = "";
    socket.on("data", (part) => (text += part));
    socket.write("hel");
    await sleep(50);
    socket.write("lo\nworld\n");
    await process.waitUntil("two lines", READY_MS, async () => text.split("\n").length === 3);
    assert.equal(text, "v2 poc-tcp-echo-v2 hello\nv2 poc-tcp-echo-v2 world\n");
    process.kill("SIGTERM");
    await new Promise((resolve) => socket.once("close", resolve));
    assert.equal(await process.ended, "exit code 0");
  });
});
