// The demo's gRPC server and client against each other over loopback: calls, how they fail, health
// and its switch. No Envoy.

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, test, type TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Client, credentials, status as Status, type Metadata } from "@grpc/grpc-js";
import { healthAdmin } from "../../../demo/grpc/admin.ts";
import { GrpcClient } from "../../../demo/grpc/client.ts";
import { unary, type Unary } from "../../../demo/grpc/handlers.ts";
import { GrpcServer } from "../../../demo/grpc/server.ts";
import { HEALTH, MESHER, USER_PROVIDER } from "../../../demo/grpc/services.ts";
import type { HealthCheckResponse, HelloReply, HelloRequest } from "../../../demo/grpc/services.ts";
import { fromMessage, toMessage, userHandlers } from "../../../demo/grpc/user.ts";
import { freePort } from "../../../harness/ports.ts";
import { podFromEnvironment } from "../../../demo/pod.ts";
import { RecordStore } from "../../../demo/record_store.ts";
import { eventually } from "./peers.ts";

const { SayHello } = MESHER.methods;
const { GetUser, SetUser } = USER_PROVIDER.methods;
const { Check, Watch } = HEALTH.methods;
const hello: Unary<HelloRequest, HelloReply> = ({ name }) => ({ message: `Hello ${name}` });
// Longer than any load on the machine, where no test is about the time.
const PATIENT_MS = 10_000;
const LIMIT = { timeout: 30_000 };

/** A server and a client of it, both gone when the test ends. */
async function peers(t: TestContext, greet = hello, timeoutMs: number = PATIENT_MS) {
  const server = new GrpcServer([
    { service: MESHER, handlers: { SayHello: unary(greet) } },
    { service: USER_PROVIDER, handlers: userHandlers(store()) },
  ]);
  const port = await server.listen();
  t.after(() => server.shutdown(0));
  return { server, port, client: clientOf(t, port, timeoutMs) };
}

function clientOf(t: TestContext, port: number, timeoutMs: number = PATIENT_MS): GrpcClient {
  const client = new GrpcClient({ address: `127.0.0.1:${port}`, timeoutMs });
  t.after(() => client.close());
  return client;
}

function store(): RecordStore {
  return new RecordStore("grpc-server", "user", podFromEnvironment("grpc", "v1"));
}

describe("calls", LIMIT, () => {
  test("SayHello answers, also in parallel", async (t) => {
    const { client } = await peers(t);
    const names = Array.from({ length: 50 }, (_, index) => `中😀 ${index}`);
    const replies = await Promise.all(names.map((name) => client.call(SayHello, { name })));
    assert.deepEqual(
      replies.map(({ message }) => message),
      names.map((name) => `Hello ${name}`),
    );
  });

  test("the path on the wire is /meshgrpc.Mesher/SayHello, the interface's name Dubbo's", () => {
    const paths = [SayHello, GetUser, SetUser, Check, Watch].map(({ path }) => path);
    assert.deepEqual(paths, [
      "/meshgrpc.Mesher/SayHello",
      "/com.k8s.User.UserProvider/GetUser",
      "/com.k8s.User.UserProvider/SetUser",
      "/grpc.health.v1.Health/Check",
      "/grpc.health.v1.Health/Watch",
    ]);
  });

  test("a user that was set is given back, by who gives it, with the time now", async (t) => {
    const { client } = await peers(t);
    const before = Date.now();
    const fresh = fromMessage(await client.call(GetUser, { id: "7" }));
    assert.equal(fresh.name, "hello");
    assert.ok(fresh.time.getTime() >= before && fresh.time.getTime() <= Date.now());

    const sent = { ...toMessage(fresh), name: "x", podName: "of the caller", time: null };
    await client.call(SetUser, sent);
    const { time, ...kept } = fromMessage(await client.call(GetUser, { id: "7" }));
    assert.ok(time >= fresh.time);
    const pod = podFromEnvironment("grpc", "v1");
    assert.deepEqual(kept, { id: "7", name: "x", ...pod, service: "grpc-server", type: "user" });
  });

  test("a moment keeps its millisecond, also before 1970", () => {
    for (const ms of [0, 999, 1587882532224, -1]) {
      const record = { ...store().get("1"), time: new Date(ms) };
      assert.deepEqual(fromMessage(toMessage(record)), record);
    }
  });

  test("metadata goes along", async (t) => {
    let seen: Metadata | undefined;
    const { client } = await peers(t, (request, metadata) => {
      seen = metadata;
      return { message: request.name };
    });
    await client.call(SayHello, { name: "x" }, { "end-user": "jason" });
    assert.deepEqual(seen?.get("end-user"), ["jason"]);
  });
});

describe("failures", LIMIT, () => {
  test("a status of the handler's choice, or INTERNAL", async (t) => {
    const { client } = await peers(t, () => {
      throw new Error("broken");
    });
    const user = toMessage(store().get(""));
    await assert.rejects(client.call(SetUser, user), {
      code: Status.INVALID_ARGUMENT,
      details: "the user has no id",
    });
    await assert.rejects(client.call(SayHello, { name: "x" }), {
      code: Status.INTERNAL,
      details: "broken",
    });
  });

  test("a method that the server does not have", async (t) => {
    const server = new GrpcServer([]);
    const client = clientOf(t, await server.listen());
    t.after(() => server.shutdown(0));
    await assert.rejects(client.call(SayHello, { name: "x" }), { code: Status.UNIMPLEMENTED });
  });

  test("no answer in time", async (t) => {
    const { client } = await peers(t, () => new Promise(() => {}), 300);
    await assert.rejects(client.call(SayHello, { name: "x" }), {
      code: Status.DEADLINE_EXCEEDED,
    });
  });

  test("nobody listening; once somebody does, calls arrive", async (t) => {
    const port = await freePort();
    const client = clientOf(t, port);
    await assert.rejects(client.call(SayHello, { name: "x" }), { code: Status.UNAVAILABLE });
    const server = new GrpcServer([{ service: MESHER, handlers: { SayHello: unary(hello) } }]);
    t.after(() => server.shutdown(0));
    await server.listen(port);
    // Until the client dials again calls are refused at once; bounded by the test's time.
    for (;;) {
      const reply = await client.call(SayHello, { name: "x" }).catch(() => undefined);
      if (reply !== undefined) return assert.equal(reply.message, "Hello x");
      await sleep(50);
    }
  });

  test("shutdown waits for the calls in flight, and takes no more", async (t) => {
    const releases: (() => void)[] = [];
    const { server, client } = await peers(t, async ({ name }) => {
      await new Promise<void>((resolve) => releases.push(resolve));
      return { message: name };
    });
    let ended = false;
    const pending = client.call(SayHello, { name: "x" });
    await eventually("the call", () => releases.length === 1);
    const shutdown = server.shutdown(PATIENT_MS).then(() => (ended = true));
    await assert.rejects(client.call(SayHello, { name: "y" }), { code: Status.UNAVAILABLE });
    assert.equal(ended, false);
    releases[0]!();
    assert.deepEqual(await pending, { message: "x" });
    await shutdown;
  });

  test("shutdown ends a call that goes on for too long", async (t) => {
    let called = false;
    const { server, client } = await peers(t, () => {
      called = true;
      return new Promise(() => {});
    });
    // Not DEADLINE_EXCEEDED: it is the server that ends it.
    const pending = assert.rejects(client.call(SayHello, { name: "x" }), {
      code: Status.CANCELLED,
    });
    await eventually("the call", () => called);
    await server.shutdown(50);
    await pending;
  });
});

describe("health", LIMIT, () => {
  /** What comes to who watches a service, until the server ends it. */
  function watch(t: TestContext, port: number, service: string) {
    const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
    const { path, requestSerialize, responseDeserialize } = Watch;
    const call = client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, {
      service,
    });
    const seen: HealthCheckResponse["status"][] = [];
    call.on("data", ({ status }: HealthCheckResponse) => seen.push(status));
    const end = new Promise<number>((resolve) => {
      call.on("error", () => {});
      call.on("status", ({ code }) => resolve(code));
    });
    t.after(() => {
      call.cancel();
      client.close();
    });
    return { seen, end, cancel: () => call.cancel() };
  }

  test("the server and each service are SERVING until they are set", async (t) => {
    const { server, client } = await peers(t);
    const statuses = async () => {
      const services = ["", MESHER.name, USER_PROVIDER.name];
      const answers = await Promise.all(services.map((service) => client.call(Check, { service })));
      return answers.map(({ status }) => status);
    };
    assert.deepEqual(await statuses(), ["SERVING", "SERVING", "SERVING"]);
    server.health.set("NOT_SERVING", MESHER.name);
    assert.deepEqual(await statuses(), ["SERVING", "NOT_SERVING", "SERVING"]);
    server.health.set("UNKNOWN");
    assert.deepEqual(await statuses(), ["UNKNOWN", "UNKNOWN", "UNKNOWN"]);
    await assert.rejects(client.call(Check, { service: "x.Y" }), { code: Status.NOT_FOUND });
  });

  test("who watches hears each change once, of the service that it watches", async (t) => {
    const { server, port } = await peers(t);
    const [all, mesher, unknown] = ["", MESHER.name, "x.Y"].map((name) => watch(t, port, name));
    const heard = () => [all, mesher, unknown].map((one) => one!.seen);
    await eventually("the first answers", () => heard().every((seen) => seen.length === 1));
    server.health.set("SERVING");
    server.health.set("NOT_SERVING", MESHER.name);
    server.health.set("NOT_SERVING");
    server.health.set("SERVING");
    await eventually("changes", () => all!.seen.length === 3 && mesher!.seen.length === 3);
    assert.deepEqual(heard(), [
      ["SERVING", "NOT_SERVING", "SERVING"],
      ["SERVING", "NOT_SERVING", "SERVING"],
      ["SERVICE_UNKNOWN"],
    ]);
  });

  test("shutdown tells who watches, and waits for none of them", async (t) => {
    const { server, port } = await peers(t);
    const [staying, leaving] = [watch(t, port, ""), watch(t, port, "")];
    await eventually("answers", () => staying.seen.length + leaving.seen.length === 2);
    leaving.cancel();
    assert.equal(await leaving.end, Status.CANCELLED);
    await server.shutdown(60_000);
    assert.equal(await staying.end, Status.OK);
    assert.deepEqual(staying.seen, ["SERVING", "NOT_SERVING"]);
  });

  test("the admin interface has probes and the switch", async (t) => {
    const { server, client } = await peers(t);
    const http = createServer(healthAdmin(server.health)).listen(0, "127.0.0.1");
    await once(http, "listening");
    t.after(() => {
      http.close();
      http.closeAllConnections();
    });
    const url = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
    const ask = async (method: string, path: string) => {
      const response = await fetch(url + path, { method });
      return { status: response.status, body: await response.json() };
    };
    const probes = async () => {
      const answers = await Promise.all(["/live", "/ready", "/startup"].map((p) => ask("GET", p)));
      return answers.map(({ status }) => status);
    };
    const serving = { "": "SERVING", [MESHER.name]: "SERVING", [USER_PROVIDER.name]: "SERVING" };
    assert.deepEqual(await probes(), [200, 200, 200]);
    assert.deepEqual(await ask("GET", "/health"), { status: 200, body: serving });

    const one = await ask("POST", `/health?status=NOT_SERVING&service=${MESHER.name}`);
    assert.deepEqual(one, { status: 200, body: { ...serving, [MESHER.name]: "NOT_SERVING" } });
    assert.deepEqual(await probes(), [200, 200, 200]);
    await ask("POST", "/health?status=NOT_SERVING");
    assert.deepEqual(await probes(), [200, 503, 200]);
    assert.deepEqual(await client.call(Check, { service: "" }), { status: "NOT_SERVING" });
    assert.deepEqual(await ask("POST", "/health?status=SERVING"), { status: 200, body: serving });
    assert.deepEqual(await probes(), [200, 200, 200]);

    for (const query of ["", "?status=", "?status=SERVICE_UNKNOWN", "?status=SERVING&service=x"]) {
      assert.equal((await ask("POST", `/health${query}`)).status, 400);
    }
    for (const [method, path] of [
      ["GET", "/"],
      ["POST", "/ready"],
    ] as const) {
      assert.equal((await ask(method, path)).status, 404);
    }
  });
});
