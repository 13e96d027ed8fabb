// The demo as `npm start` runs it, in one process: HTTP requests to the gateway, its one connection
// through envoy-local.yaml, and the demo's providers of users in two versions.

import assert from "node:assert/strict";
import { createServer, type Server } from "node:http";
import { once } from "node:events";
import { after, before, describe, test } from "node:test";
import { DubboClient } from "../../../demo/dubbo/client.ts";
import { DubboServer } from "../../../demo/dubbo/server.ts";
import type { Services } from "../../../demo/dubbo/server_call.ts";
import { gateway } from "../../../demo/gateway.ts";
import type { Json } from "../../../harness/envoy_config.ts";
import { freePorts } from "../../../harness/ports.ts";
import { podFromEnvironment } from "../../../demo/pod.ts";
import { recordHandlers } from "../../../demo/provider.ts";
import { ORDERS, USERS } from "../../../demo/record.ts";
import { LIMIT, startLab, type Lab } from "../envoy_setup.ts";
import { asCommitted, routingSeries, series } from "./setup.ts";

const CALLS = 300;
const SIGMAS = 5;

describe("the demo's gateway", LIMIT, () => {
  let lab: Lab;
  let client: DubboClient;
  let http: Server;
  let url: string;
  const servers: DubboServer[] = [];
  /** The attachments of users' calls that came last to a provider. */
  let attachments: object = {};

  before(async () => {
    const [second, routedPort, httpPort] = (await freePorts(3)) as [number, number, number];
    lab = await startLab({
      componentLogLevel: "dubbo:critical",
      change: (config) => asCommitted(config, routedPort, second),
    });
    for (const [service, label, port] of [
      [USERS, "v1", lab.ports.user],
      [USERS, "v2", second],
      [ORDERS, "v1", lab.ports.order],
    ] as const) {
      const handlers: Services = recordHandlers(service, podFromEnvironment(service.type, label));
      const methods = handlers[service.interface]!;
      const { method } = service.get;
      const get = methods[method]!;
      methods[method] = (call) => {
        attachments = call.attachments;
        return get(call);
      };
      servers.push(new DubboServer(handlers));
      await servers.at(-1)!.listen(port);
    }
    client = new DubboClient({ port: lab.ports.dubbo, application: "consumer" });
    http = createServer(gateway(client, podFromEnvironment("consumer", "v1"), "v1"));
    http.listen(httpPort, "127.0.0.1");
    await once(http, "listening");
    url = `http://127.0.0.1:${httpPort}`;
  });

  after(async () => {
    http?.close();
    http?.closeAllConnections();
    client?.close();
    await lab?.stop();
    for (const server of servers) await server.close();
  });

  /** How often each pod answered so many requests of the path. */
  async function ask(count: number, path: string, headers: Record<string, string> = {}) {
    const pods: Record<string, number> = {};
    for (let i = 0; i < count; i++) {
      const response = await fetch(url + path, { headers, signal: AbortSignal.timeout(5000) });
      const { success, resultMap } = (await response.json()) as Json;
      assert.equal(success, true);
      pods[resultMap.podName] = (pods[resultMap.podName] ?? 0) + 1;
    }
    return pods;
  }

  test("users: four in five to v1, with end-user jason all to v2; orders as ever", async (t) => {
    const pods = await ask(CALLS, "/GetUserDubbo?id=7");
    t.diagnostic(JSON.stringify(pods));
    const v2 = pods["dubbo-local-user-v2"]!;
    assert.equal(pods["dubbo-local-user-v1"]! + v2, CALLS);
    const off = Math.abs(v2 - CALLS / 5) / Math.sqrt(CALLS * 0.2 * 0.8);
    assert.ok(off <= SIGMAS, `${v2} of ${CALLS}, off by ${off} sigma`);

    const jason = { "end-user": "jason" };
    for (const path of ["/GetUserDubbo", "/SetUserDubbo?id=7&name=x"]) {
      assert.deepEqual(await ask(20, path, jason), { "dubbo-local-user-v2": 20 });
    }
    assert.deepEqual(await ask(20, "/GetUserDubbo?end-user=jason"), { "dubbo-local-user-v2": 20 });
    assert.deepEqual(await ask(20, "/GetOrderDubbo", jason), { "dubbo-local-order-v1": 20 });
    await routingSeries(lab, {
      [series("routed_requests_total", { rule: "canary" })]: CALLS,
      [series("routed_requests_total", { rule: "jason" })]: 60,
    });
  });

  test("two headers go along as attachments, and no others", async () => {
    const headers = { "end-user": "jason", "user-id": "42", "dubbo-route": "v1", "x-other": "y" };
    await ask(1, "/GetUserDubbo", headers);
    assert.deepEqual(attachments, {
      path: USERS.interface,
      interface: USERS.interface,
      version: "0.0.0",
      timeout: "3000",
      "remote.application": "consumer",
      "end-user": "jason",
      "user-id": "42",
      "dubbo-route": "v2",
    });
  });
});
