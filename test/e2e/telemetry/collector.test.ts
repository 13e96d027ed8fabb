// Telemetry from real Envoy to a collector of ours: what is told of calls through dubbo_proxy and over HTTP,
// and that a collector which is dead costs no call.

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, describe, test } from "node:test";
import { DubboServer } from "../../../demo/dubbo/server.ts";
import { podFromEnvironment } from "../../../demo/pod.ts";
import { recordHandlers } from "../../../demo/provider.ts";
import { USERS } from "../../../demo/record.ts";
import {
  addCluster,
  listenersOf,
  named,
  setPluginConfig,
  wasmPlugins,
} from "../../../harness/envoy_config.ts";
import { freePort } from "../../../harness/ports.ts";
import type { Request } from "../../frames/frames.ts";
import { readLogs, readTraces, type Told } from "../../frames/otlp.ts";
import { Caller, times } from "../envoy_caller.ts";
import { LIMIT, ours, startLab, until, type Lab } from "../envoy_setup.ts";
import { triplePeers, type TriplePeers } from "../triple/setup.ts";

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const SPAN = "b7ad6b7169203331";
const TELEMETRY = {
  otlp: { cluster: "collector", interval_ms: 100, timeout_ms: 1000 },
  spans: { sample: { percentage: 0 }, propagate: true },
  log: { when: { outcomes: ["error"] } },
};

const traced: Request = {
  path: USERS.interface,
  method: USERS.get.method,
  desc: USERS.get.descriptor,
  extraAttachments: { traceparent: `00-${TRACE}-${SPAN}-01` },
};

describe("telemetry", LIMIT, () => {
  let lab: Lab;
  let users: DubboServer;
  let peers: TriplePeers;
  let collector: Server;
  const spans: Told[] = [];
  const logs: Told[] = [];

  before(async () => {
    collector = createServer(async (incoming, answer) => {
      const chunks: Buffer[] = [];
      for await (const chunk of incoming) chunks.push(chunk as Buffer);
      const body = Buffer.concat(chunks);
      if (incoming.url === "/v1/traces") spans.push(...readTraces(body).records);
      else logs.push(...readLogs(body).records);
      answer.writeHead(200, { "content-type": "application/x-protobuf" }).end();
    });
    collector.listen(0, "127.0.0.1");
    await once(collector, "listening");
    const { port } = collector.address() as AddressInfo;
    peers = await triplePeers({ telemetry: TELEMETRY });
    lab = await startLab({
      change: (config) => {
        peers.change(config);
        addCluster(config, "collector", port);
        const local = named(listenersOf(config), "dubbo", "listener");
        for (const plugin of wasmPlugins(local)) setPluginConfig(plugin, { telemetry: TELEMETRY });
      },
    });
    users = new DubboServer(recordHandlers(USERS, podFromEnvironment("user", "v1")));
    await users.listen(lab.ports.user);
  });

  after(async () => {
    peers?.close();
    await lab?.stop();
    await users?.close();
    collector?.close();
  });

  test("calls through dubbo_proxy are spans of their caller's trace", async () => {
    const caller = await Caller.dial(lab.ports.dubbo);
    await caller.ask(times(10, traced));
    await until("them", () => spans.length === 10);
    for (const span of spans.splice(0)) {
      assert.deepEqual([span.traceId, span.parentSpanId], [TRACE, SPAN]);
      assert.equal(span.name, `${USERS.interface}/${USERS.get.method}`);
      assert.ok(span.end > span.start);
    }
    await until("it is counted", async () =>
      [...ours(await lab.scrape())].some(
        ([key, value]) => key.startsWith("dubbo_telemetry_exported_total{") && value === 10,
      ),
    );
    caller.close();
  });

  test("a call that fails is logged", async () => {
    const caller = await Caller.dial(lab.ports.dubbo);
    await caller.ask([{ path: USERS.interface, method: "nothing" }]);
    await until("it", () => logs.length === 1);
    assert.equal(logs[0]!.attributes["error.type"], "BAD_REQUEST");
    caller.close();
  });

  test("a call over HTTP goes on with our span for a parent", async () => {
    const metadata = { traceparent: `00-${TRACE}-${SPAN}-01`, "tri-x": "1" };
    await peers.client.call("Unary", { metadata });
    await until("its span", () => spans.length === 1);
    const [span] = spans.splice(0);
    assert.deepEqual([span!.traceId, span!.parentSpanId], [TRACE, SPAN]);
    const headers = (peers.v1.received.pop() ?? peers.v2.received.pop())!;
    assert.equal(headers.traceparent, `00-${TRACE}-${span!.spanId}-01`);
  });
});

test("a collector that is dead costs no call, and what it misses is counted", LIMIT, async () => {
  const port = await freePort();
  const lab = await startLab({
    change: (config) => {
      addCluster(config, "collector", port);
      const local = named(listenersOf(config), "dubbo", "listener");
      for (const plugin of wasmPlugins(local)) {
        setPluginConfig(plugin, {
          telemetry: { ...TELEMETRY, spans: { sample: { percentage: 100 } } },
        });
      }
    },
  });
  const users = new DubboServer(recordHandlers(USERS, podFromEnvironment("user", "v1")));
  await users.listen(lab.ports.user);
  try {
    const caller = await Caller.dial(lab.ports.dubbo);
    for (let i = 0; i < 10; i++) {
      for (const { answer } of await caller.ask(times(20, traced))) assert.equal(answer.status, 20);
    }
    await until("it is asked again and given up", async () =>
      [...ours(await lab.scrape())].some(
        ([key, value]) => key.startsWith("dubbo_telemetry_dropped_total{") && value > 0,
      ),
    );
    caller.close();
  } finally {
    await lab.stop();
    await users.close();
  }
});
