// The demo's consumer as a process that a manifest's environment tells whom to call.

import assert from "node:assert/strict";
import { describe, test, type TestContext } from "node:test";
import { DubboServer } from "../../../demo/dubbo/server.ts";
import { unary } from "../../../demo/grpc/handlers.ts";
import { GrpcServer } from "../../../demo/grpc/server.ts";
import { USER_PROVIDER } from "../../../demo/grpc/services.ts";
import { toMessage } from "../../../demo/grpc/user.ts";
import { freePort } from "../../../harness/ports.ts";
import { startProcess } from "../../../harness/processes.ts";
import { answers } from "../../../harness/readiness.ts";
import { fromRoot, ROOT } from "../../../harness/repository.ts";
import { podFromEnvironment } from "../../../demo/pod.ts";
import { recordHandlers } from "../../../demo/provider.ts";
import { ORDERS, USERS } from "../../../demo/record.ts";
import { RecordStore } from "../../../demo/record_store.ts";

const START_MS = 30_000;
const LIMIT = { timeout: 2 * START_MS };
const pod = podFromEnvironment("test", "v1");
const users = recordHandlers(USERS, pod);
const orders = recordHandlers(ORDERS, pod);

/** A Dubbo provider, gone when the test ends. */
async function provider(t: TestContext, services: typeof users) {
  const server = new DubboServer(services);
  const port = await server.listen();
  t.after(() => server.close());
  return { server, address: `127.0.0.1:${port}` };
}

/** Starts the consumer with this environment; gives what says who answered a path. */
async function consumer(t: TestContext, environment: Record<string, string>) {
  const port = await freePort();
  const env = { ...environment, PORT: String(port), POD_NAME: "comsumer-blue" };
  const args = [fromRoot("harness/run.mjs"), "demo/consumer.ts"];
  const command = process.execPath;
  const child = startProcess({ name: "consumer", command, args, cwd: ROOT, env });
  t.after(() => child.stop());
  const url = `http://127.0.0.1:${port}`;
  await child.waitUntil("ready", START_MS, () => answers(`${url}/version`));
  return async (path: string) => {
    const response = await fetch(url + path);
    const { resultMap, error } = (await response.json()) as any;
    return resultMap?.service ?? resultMap?.podName ?? `${response.status} ${error}`;
  };
}

describe("the consumer's environment", LIMIT, () => {
  test("DUBBO: every interface over one connection", async (t) => {
    const { server, address } = await provider(t, { ...users, ...orders });
    const ask = await consumer(t, { DUBBO: address });
    assert.equal(await ask("/version"), "comsumer-blue");
    assert.equal(await ask("/GetUserDubbo"), "user-provider");
    assert.equal(await ask("/GetOrderDubbo"), "order-provider");
    assert.equal(server.counts.connections, 1);
  });

  test("USER_DUBBO, ORDER_DUBBO: each interface by an address of its own", async (t) => {
    const [user, order] = [await provider(t, users), await provider(t, orders)];
    const environment = { USER_DUBBO: user.address, ORDER_DUBBO: order.address };
    const ask = await consumer(t, environment);
    assert.equal(await ask("/GetUserDubbo"), "user-provider");
    assert.equal(await ask("/GetOrderDubbo"), "order-provider");
    assert.deepEqual([user.server.counts.twoway, order.server.counts.twoway], [1, 1]);
  });

  test("GRPC and USER_HTTP", async (t) => {
    const store = new RecordStore("elsewhere", "user", pod);
    const GetUser = unary(() => toMessage(store.get("1")));
    const grpc = new GrpcServer([{ service: USER_PROVIDER, handlers: { GetUser } }]);
    const port = await grpc.listen();
    t.after(() => grpc.shutdown(0));
    const nobody = await freePort();
    const ask = await consumer(t, {
      GRPC: `localhost:${port}`,
      USER_HTTP: `127.0.0.1:${nobody}`,
    });
    assert.equal(await ask("/usergrpc"), "elsewhere");
    assert.equal(await ask("/userhttp"), `502 connect ECONNREFUSED 127.0.0.1:${nobody}`);
  });
});
