// The demo's gateway with users by gRPC and by HTTP: what it asks, what it answers, and how it says
// what failed. By Dubbo, through Envoy: routing_demo.test.ts.

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, test, type TestContext } from "node:test";
import { DubboClient } from "../../../demo/dubbo/client.ts";
import { gateway } from "../../../demo/gateway.ts";
import { GrpcClient } from "../../../demo/grpc/client.ts";
import { unary, type Unary } from "../../../demo/grpc/handlers.ts";
import { GrpcServer } from "../../../demo/grpc/server.ts";
import { USER_PROVIDER } from "../../../demo/grpc/services.ts";
import type { GetUserRequest, UserMessage } from "../../../demo/grpc/services.ts";
import { toMessage } from "../../../demo/grpc/user.ts";
import { freePort } from "../../../harness/ports.ts";
import { podFromEnvironment } from "../../../demo/pod.ts";
import { RecordStore } from "../../../demo/record_store.ts";
import { grpcUsers, httpUsers, type UserSource } from "../../../demo/user_sources.ts";

// Longer than any load on the machine, and short where a test waits for it.
const PATIENT_MS = 10_000;
const HASTY_MS = 300;
const LIMIT = { timeout: 30_000 };
const pod = podFromEnvironment("consumer", "v1");

/** The gateway with these sources; what a GET of a path is answered. */
async function asking(t: TestContext, sources: Record<string, UserSource>) {
  const dubbo = new DubboClient({ port: await freePort() });
  t.after(() => dubbo.close());
  const url = await serving(t, createServer(gateway(dubbo, pod, "v1", sources)));
  return async (path: string, headers: Record<string, string> = {}) => {
    const response = await fetch(`http://${url}${path}`, { headers });
    return { status: response.status, body: (await response.json()) as any };
  };
}

/** Starts the server, which is gone when the test ends; its host and port. */
async function serving(t: TestContext, server: Server): Promise<string> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** A gRPC server whose users come from `get`, as a source. */
async function grpcSource(
  t: TestContext,
  get: Unary<GetUserRequest, UserMessage>,
  timeoutMs: number = PATIENT_MS,
): Promise<UserSource> {
  const server = new GrpcServer([{ service: USER_PROVIDER, handlers: { GetUser: unary(get) } }]);
  const port = await server.listen();
  t.after(() => server.shutdown(0));
  return grpcAt(t, port, timeoutMs);
}

function grpcAt(t: TestContext, port: number, timeoutMs: number = PATIENT_MS): UserSource {
  const client = new GrpcClient({ address: `127.0.0.1:${port}`, timeoutMs });
  t.after(() => client.close());
  return grpcUsers(client);
}

/** An HTTP server as a source. */
async function httpSource(
  t: TestContext,
  answer: RequestListener,
  timeoutMs: number = PATIENT_MS,
): Promise<UserSource> {
  return httpUsers(await serving(t, createServer(answer)), timeoutMs);
}

describe("users by gRPC and by HTTP", LIMIT, () => {
  test("/usergrpc has GetUser's answer; two headers go along, and no others", async (t) => {
    const store = new RecordStore("grpc-server", "user", pod);
    const seen: object[] = [];
    const source = await grpcSource(t, ({ id }, metadata) => {
      const { "user-agent": _, ...headers } = metadata.getMap();
      seen.push(headers);
      return toMessage(store.get(id));
    });
    const ask = await asking(t, { "/usergrpc": source });
    const headers = { "end-user": "jason", "x-other": "y" };
    const { status, body } = await ask("/usergrpc?id=7&user-id=42", headers);
    assert.equal(status, 200);
    const { time, ...user } = body.resultMap;
    const { podName, podNamespace, podIp } = pod;
    const fields = { id: 7, name: "hello", podName, podNamespace, podIp };
    assert.deepEqual(user, { ...fields, service: "grpc-server", type: "user" });
    assert.match(time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d$/);
    assert.equal(body.success, true);
    assert.equal((await ask("/usergrpc")).body.resultMap.id, 1);
    assert.deepEqual(seen, [{ "end-user": "jason", "user-id": "42" }, {}]);
  });

  test("/userhttp has the service's JSON; the id and two headers go along", async (t) => {
    const seen: unknown[] = [];
    const source = await httpSource(t, ({ url, headers }, response) => {
      seen.push(url, headers["end-user"], headers["user-id"], headers["x-other"]);
      response.end('{"id":"a b&c","name":"中"}');
    });
    const ask = await asking(t, { "/userhttp": source });
    const headers = { "end-user": "jason", "x-other": "y" };
    assert.deepEqual(await ask("/userhttp?id=a%20b%26c&user-id=42", headers), {
      status: 200,
      body: { resultMap: { id: "a b&c", name: "中" }, success: true },
    });
    assert.deepEqual(seen, ["/user?id=a%20b%26c", "jason", "42", undefined]);
  });

  test("nobody listening: 502", async (t) => {
    const port = await freePort();
    const sources = {
      "/usergrpc": grpcAt(t, port),
      "/userhttp": httpUsers(`127.0.0.1:${port}`, PATIENT_MS),
    };
    const ask = await asking(t, sources);
    for (const path of Object.keys(sources)) {
      const { status, body } = await ask(path);
      assert.equal(status, 502);
      assert.equal(body.success, false);
      assert.match(body.error, /ECONNREFUSED/);
    }
  });

  test("no answer in time, here or at a proxy on the way: 504", async (t) => {
    const ask = await asking(t, {
      "/usergrpc": await grpcSource(t, () => new Promise(() => {}), HASTY_MS),
      "/userhttp": await httpSource(t, () => {}, HASTY_MS),
      "/late": await httpSource(t, (_, response) => response.writeHead(504).end("late\n")),
    });
    const errors = [];
    for (const path of ["/usergrpc", "/userhttp", "/late"]) {
      const { status, body } = await ask(path);
      assert.equal(status, 504);
      errors.push(body.error);
    }
    assert.match(errors[0], /^4 DEADLINE_EXCEEDED/);
    assert.match(errors[1], /^no answer from .+ in 300 ms$/);
    assert.match(errors[2], /504 late$/);
  });

  test("a failure that is answered, and an answer that is none: 502", async (t) => {
    const ask = await asking(t, {
      "/usergrpc": await grpcSource(t, () => Promise.reject(new Error("broken"))),
      "/unavailable": await httpSource(t, (_, response) => response.writeHead(503).end("gone")),
      "/text": await httpSource(t, (_, response) => response.end("hello")),
      "/cut": await httpSource(t, ({ socket }) => socket.destroy()),
    });
    const errors = [];
    for (const path of ["/usergrpc", "/unavailable", "/text", "/cut"]) {
      const { status, body } = await ask(path);
      assert.equal(status, 502);
      errors.push(body.error);
    }
    assert.equal(errors[0], "13 INTERNAL: broken");
    assert.match(errors[1], /503 gone$/);
    assert.match(errors[2], /not JSON$/);
  });

  test("what no header can hold: 400, and nobody is asked", async (t) => {
    let calls = 0;
    const source = async () => ({ calls: ++calls });
    const ask = await asking(t, { "/usergrpc": source });
    for (const value of ["%E4%B8%AD", "%0A", "%00", "caf%C3%A9"]) {
      assert.equal((await ask(`/usergrpc?end-user=${value}`)).status, 400);
    }
    assert.equal(calls, 0);
  });

  test("a path without a source is none", async (t) => {
    const ask = await asking(t, {});
    assert.equal((await ask("/usergrpc")).status, 404);
  });
});
