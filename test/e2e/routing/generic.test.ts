// docs/generic-proxy.yaml, on free ports: rules before generic_proxy, which routes each call by what they
// set, tells each call in a line, and lives when a provider ends in mid-call. Then what it breaks.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { ORDERS, USERS } from "../../../demo/record.ts";
import { localConfig, readConfig } from "../../../harness/envoy_config.ts";
import { startEnvoy } from "../../../harness/envoy_process.ts";
import { freePorts } from "../../../harness/ports.ts";
import { fromRoot } from "../../../harness/repository.ts";
import { concat, request, type Request } from "../../frames/frames.ts";
import { Caller, times } from "../envoy_caller.ts";
import { Lab, labPorts, LIMIT, until } from "../envoy_setup.ts";
import { dial } from "../envoy_sockets.ts";
import { podsOf, Provider, routingSeries, series } from "./setup.ts";

const JASON: Request = { extraAttachments: { "end-user": "jason" } };
const ORDER: Request = { path: ORDERS.interface, method: ORDERS.get.method };
/** Dubbo's statuses that are expected here. */
const OK = 20;
const SERVER_ERROR = 80;

describe("docs/generic-proxy.yaml", LIMIT, () => {
  let lab: Lab;
  let v1: Provider;
  let v2: Provider;
  let orders: Provider;
  let secondPort: number;

  before(async () => {
    const ports = await labPorts();
    [secondPort] = (await freePorts(1)) as [number];
    const config = localConfig(
      {
        listeners: { dubbo: ports.dubbo },
        clusters: {
          "user-provider": ports.user,
          "user-provider-v2": secondPort,
          "order-provider": ports.order,
        },
        admin: ports.admin,
      },
      fromRoot("docs/generic-proxy.yaml"),
    );
    config.stats_config = readConfig().stats_config;
    lab = new Lab(await startEnvoy({ config }), ports);
    v1 = await Provider.listen("user-v1", USERS, ports.user);
    v2 = await Provider.listen("user-v2", USERS, secondPort);
    orders = await Provider.listen("order-v1", ORDERS, ports.order);
  });

  after(async () => {
    await lab?.stop();
    for (const provider of [v1, v2, orders]) await provider?.close();
  });

  /** The lines of the access log with this text. */
  function linesWith(text: string): string[] {
    return lab.envoy.process.log.split("\n").filter((line) => line.includes(text));
  }

  test("each call goes where its rule says, also on one connection and at once", async () => {
    const caller = await Caller.dial(lab.ports.dubbo);
    const calls = [...times(3, JASON), ...times(3, {}), ...times(3, ORDER)];
    assert.deepEqual(podsOf(await caller.ask(calls)), {
      "user-v2": 3,
      "user-v1": 3,
      "order-v1": 3,
    });
    caller.close();
    const routes = (provider: Provider) =>
      provider.take().map(({ attachments }) => attachments["dubbo-route"]);
    assert.deepEqual(routes(v2), times(3, "v2"));
    assert.deepEqual(routes(v1), times(3, "v1"));
    assert.deepEqual(routes(orders), times(3, undefined));
  });

  test("what a caller says under the protected key takes nobody to version 2", async () => {
    const caller = await Caller.dial(lab.ports.dubbo);
    const call: Request = { extraAttachments: { "Dubbo-Route": "v2", "dubbo-route": "v2" } };
    assert.deepEqual(podsOf(await caller.ask(times(3, call))), { "user-v1": 3 });
    caller.close();
    await routingSeries(lab, {
      [series("routed_requests_total", { rule: "jason" })]: 3,
      [series("routed_requests_total", { rule: "others" })]: 6,
    });
  });

  test("the access log has a line for each call", async () => {
    const line = (service: typeof USERS | typeof ORDERS, route: string, cluster: string) =>
      `${service.interface} ${service.get.method} route=${route} -> ${cluster} ${OK} `;
    const expected: [text: string, count: number][] = [
      [line(USERS, "v2", "user-provider-v2"), 3],
      [line(USERS, "v1", "user-provider"), 6],
      [line(ORDERS, "-", "order-provider"), 3],
    ];
    for (const [text, count] of expected) {
      await until(`lines with ${text}`, () => linesWith(text).length === count);
    }
  });

  test("an interface without a route is answered, and the connection goes on", async () => {
    const caller = await Caller.dial(lab.ports.dubbo);
    const [refused] = await caller.ask([{ path: "com.k8s.Nobody" }]);
    assert.equal(refused!.answer.status, SERVER_ERROR);
    assert.deepEqual(podsOf(await caller.ask([JASON])), { "user-v2": 1 });
    caller.close();
  });

  test("a provider that ends in mid-call: the call is answered, the connection and Envoy live", async () => {
    v2.take();
    v2.silent = true;
    const caller = await Caller.dial(lab.ports.dubbo);
    const open = caller.ask([JASON]);
    await until("the call is there", () => v2.received.length === 1);
    await v2.close();
    const [failed] = await open;
    assert.equal(failed!.answer.status, SERVER_ERROR);
    assert.deepEqual(podsOf(await caller.ask([{}])), { "user-v1": 1 });
    caller.close();
    v2 = await Provider.listen("user-v2", USERS, secondPort);
    const again = await Caller.dial(lab.ports.dubbo);
    assert.deepEqual(podsOf(await again.ask([JASON])), { "user-v2": 1 });
    again.close();
  });

  test("a body that is not hessian2 closes the connection, with the calls behind it", async () => {
    v1.take();
    orders.take();
    const near = await dial(lab.ports.dubbo);
    const fastjson2 = request({ ...ORDER, id: 1, serialization: "fastjson2" });
    await near.write(concat([fastjson2, request({ id: 2 })]));
    await near.finished();
    assert.equal(near.length, 0);
    assert.deepEqual([v1.received.length, orders.received.length], [0, 0]);
    near.socket.destroy();
  });

  test("a oneway call arrives", async () => {
    v1.take();
    const caller = await Caller.dial(lab.ports.dubbo);
    await caller.tell([{}]);
    await until("the call", () => v1.received.length === 1);
    caller.close();
  });
});
