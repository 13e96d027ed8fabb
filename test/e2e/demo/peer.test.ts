// The demo's Dubbo client and server against each other over loopback: calls of every kind, and
// what becomes of them when connections go. No Envoy.

import assert from "node:assert/strict";
import { createServer, type AddressInfo, type Server } from "node:net";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { DubboClient } from "../../../demo/dubbo/client.ts";
import { DubboConnectionError, DubboException } from "../../../demo/dubbo/errors.ts";
import { DubboStatusError, DubboTimeoutError } from "../../../demo/dubbo/errors.ts";
import { double, long, pojo } from "../../../demo/dubbo/java.ts";
import { Status } from "../../../demo/dubbo/protocol.ts";
import type { Services } from "../../../demo/dubbo/server_call.ts";
import { freePort } from "../../../harness/ports.ts";
import { ECHO, echo, eventually, LIMIT, peers, STRING } from "./peers.ts";

describe("calls", LIMIT, () => {
  const echoService: Services = { [ECHO]: { echo: ({ args: [text] }) => text } };

  test("a call arrives with head and attachments, and its value comes back", async (t) => {
    const seen: unknown[] = [];
    const services: Services = {
      [ECHO]: {
        echo: (call) => {
          const { args, attachments, serviceVersion, oneway } = call;
          seen.push(args, attachments, serviceVersion, oneway);
          call.responseAttachments["x-answered-by"] = "test";
          return pojo("com.k8s.Test.Answer", { text: args[0], time: new Date(1234) });
        },
      },
    };
    const { client } = await peers(t, services);
    const answer = await client.invoke(echo("中😀", { attachments: { "x-canary": "v2" } }));
    assert.deepEqual(answer.value, { text: "中😀", time: new Date(1234) });
    assert.deepEqual(answer.attachments, { dubbo: "2.0.2", "x-answered-by": "test" });
    const attachments = {
      path: ECHO,
      interface: ECHO,
      version: "0.0.0",
      timeout: "2000",
      "remote.application": "demo",
      "x-canary": "v2",
    };
    assert.deepEqual(seen, [["中😀"], attachments, "0.0.0", false]);
  });

  test("parallel calls share one connection and are answered out of order", async (t) => {
    const order: string[] = [];
    const services: Services = {
      [ECHO]: {
        echo: async ({ args: [text] }) => {
          if (text === "0") await sleep(100);
          order.push(String(text));
          return text;
        },
      },
    };
    const { server, client } = await peers(t, services);
    const texts = Array.from({ length: 50 }, (_, index) => String(index));
    const values = await Promise.all(texts.map((text) => client.call(echo(text))));
    assert.deepEqual(values, texts);
    assert.equal(order.at(-1), "0");
    assert.deepEqual([server.counts.connections, server.counts.twoway], [1, 50]);
  });

  test("values of every kind survive both ways", async (t) => {
    const services: Services = { [ECHO]: { all: ({ args }) => args } };
    const { client } = await peers(t, services);
    const args = [true, -1, 2 ** 40, 1.5, "x".repeat(70_000), Buffer.from([1, 2]), [1, "a"], null];
    const call = { interface: ECHO, method: "all" };
    const descriptor = `ZIJD${STRING}[BLjava/util/List;Ljava/lang/Object;`;
    assert.deepEqual(await client.call({ ...call, descriptor, args }), args);
    const typed = [long(-9223372036854775808n), long(5), double(1)];
    const values = await client.call({ ...call, descriptor: "JJD", args: typed });
    assert.deepEqual(values, ["-9223372036854775808", 5, 1]);
  });

  test("null, no value and $echo", async (t) => {
    const services: Services = { [ECHO]: { none: () => {}, null: async () => null } };
    const { client } = await peers(t, services);
    const call = { interface: ECHO, descriptor: "", args: [] };
    assert.equal(await client.call({ ...call, method: "none" }), null);
    assert.equal(await client.call({ ...call, method: "null" }), null);
    const descriptor = "Ljava/lang/Object;";
    const ping = { ...call, method: "$echo", descriptor, args: ["ping"] };
    assert.equal(await client.call(ping), "ping");
  });

  test("a oneway call is served and not answered", async (t) => {
    const seen: unknown[] = [];
    const services: Services = { [ECHO]: { echo: ({ args, oneway }) => seen.push(args, oneway) } };
    const { server, client } = await peers(t, services);
    await client.oneway(echo("quiet"));
    await eventually("the oneway call", () => seen.length === 2);
    assert.deepEqual(seen, [["quiet"], true]);
    assert.deepEqual([server.counts.oneway, server.counts.twoway], [1, 0]);
  });

  test("what a handler throws reaches the caller by its kind", async (t) => {
    const services: Services = {
      [ECHO]: {
        // A message longer than a short string of Hessian.
        plain: () => {
          throw new Error("boom ".repeat(300));
        },
        business: async () => {
          throw new DubboException("com.k8s.Test.NoSuchThing", "not there");
        },
        status: () => {
          throw new DubboStatusError(Status.SERVER_THREADPOOL_EXHAUSTED_ERROR, "full");
        },
      },
    };
    const { client } = await peers(t, services);
    const call = { interface: ECHO, descriptor: "", args: [] };
    await assert.rejects(client.call({ ...call, method: "plain" }), {
      name: "DubboException",
      className: "java.lang.RuntimeException",
      message: "boom ".repeat(300),
    });
    await assert.rejects(client.call({ ...call, method: "business" }), {
      name: "DubboException",
      className: "com.k8s.Test.NoSuchThing",
      message: "not there",
    });
    await assert.rejects(client.call({ ...call, method: "status" }), {
      name: "DubboStatusError",
      status: 100,
      detail: "full",
    });
  });

  test("an unknown interface or method is a bad request", async (t) => {
    const { client } = await peers(t, echoService);
    const detail = (method: string) =>
      `Fail to decode request due to: RpcInvocation [methodName=${method}, parameterTypes=null]`;
    await assert.rejects(client.call(echo("x", { interface: "com.k8s.Nobody" })), {
      name: "DubboStatusError",
      status: 40,
      detail: detail("echo"),
    });
    await assert.rejects(client.call(echo("x", { method: "toString" })), {
      status: 40,
      detail: detail("toString"),
    });
    assert.equal(await client.call(echo("still there")), "still there");
  });

  test("the interface attachment finds a service under another path", async (t) => {
    const { client } = await peers(t, echoService);
    assert.equal(await client.call(echo("x", { path: "alias/echo" })), "x");
  });

  test("a call that takes too long times out, and its late answer harms nobody", async (t) => {
    const services: Services = {
      [ECHO]: { echo: ({ args: [ms] }) => sleep(Number(ms), ms) },
    };
    const { client } = await peers(t, services);
    await assert.rejects(client.call(echo("150", { timeoutMs: 50 })), DubboTimeoutError);
    assert.equal(await client.call(echo("200")), "200");
  });
});

describe("connections", LIMIT, () => {
  const hanging: Services = {
    [ECHO]: { echo: ({ args: [text] }) => (text === "hang" ? new Promise(() => {}) : text) },
  };

  test("heartbeats are sent on idle and answered, from both sides", async (t) => {
    const { server, client } = await peers(t, hanging, { heartbeatMs: 40 });
    await client.call(echo("x"));
    await eventually("heartbeats of the client", () => server.counts.heartbeats >= 2);
    server.heartbeat();
    await eventually("the client's answer", () => server.counts.heartbeatAnswers === 1);
    const answered = new Promise((resolve) => client.on("heartbeat", resolve));
    await client.heartbeat();
    assert.equal(await answered, true);
    assert.equal(server.counts.connections, 1);
  });

  test("a peer that shows no sign of life is given up", async (t) => {
    const mute = createServer((socket) => socket.on("error", () => {}).resume());
    const port = await listening(mute);
    t.after(() => mute.close());
    const client = new DubboClient({ port, heartbeatMs: 40, timeoutMs: 2000 });
    t.after(() => client.close());
    await assert.rejects(client.call(echo("x")), /DubboConnectionError: no sign of life/);
  });

  test("READONLY is heard; what is pending is answered, what is new dials anew", async (t) => {
    const slow: Services = { [ECHO]: { echo: ({ args: [ms] }) => sleep(Number(ms), ms) } };
    const { server, client } = await peers(t, slow);
    const pending = client.call(echo("100"));
    await eventually("the first call", () => server.counts.twoway === 1);
    const heard = new Promise<void>((resolve) => client.once("readonly", resolve));
    server.broadcastReadonly();
    await heard;
    assert.equal(await client.call(echo("0")), "0");
    assert.equal(await pending, "100");
    assert.equal(server.counts.connections, 2);
    await eventually("the old connection's end", () => server.connections === 1);
  });

  for (const reset of [false, true]) {
    const how = reset ? "reset" : "closed";
    test(`a ${how} connection rejects what is pending, the next call dials anew`, async (t) => {
      const { server, client } = await peers(t, hanging);
      const pending = ["hang", "hang"].map((text) => client.call(echo(text)));
      await eventually("the calls", () => server.counts.twoway === 2);
      server.destroyConnections(reset);
      for (const result of await Promise.allSettled(pending)) {
        assert.equal(result.status, "rejected");
        assert.ok(result.reason instanceof DubboConnectionError);
      }
      assert.equal(await client.call(echo("again")), "again");
      assert.equal(server.counts.connections, 2);
    });
  }

  test("close rejects pending and later calls at once", async (t) => {
    const { server, client } = await peers(t, hanging);
    const pending = client.call(echo("hang"));
    await eventually("the call", () => server.counts.twoway === 1);
    client.close();
    await assert.rejects(pending, /DubboConnectionError: the client was closed/);
    await assert.rejects(client.call(echo("x")), /DubboConnectionError: the client was closed/);
  });

  test("nobody listening is a connection error", async (t) => {
    const client = new DubboClient({ port: await freePort() });
    t.after(() => client.close());
    await assert.rejects(client.call(echo("x")), /DubboConnectionError: connect ECONNREFUSED/);
  });

  test("shutdown says READONLY and waits for the calls in flight", async (t) => {
    const slow: Services = { [ECHO]: { echo: ({ args: [ms] }) => sleep(Number(ms), ms) } };
    const { server, client } = await peers(t, slow);
    const pending = client.call(echo("100"));
    await eventually("the call", () => server.counts.twoway === 1);
    await Promise.all([server.shutdown(1000), assert.doesNotReject(pending)]);
    await assert.rejects(client.call(echo("0")), DubboConnectionError);
  });
});

function listening(server: Server): Promise<number> {
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => resolve((server.address() as AddressInfo).port));
  });
}
