// docs/istio-series.md in stock Envoy: the names of a connection's last call as tags of series that Envoy
// counts by itself for tcp_proxy, without a regex in stats_tags; and what the expressions are worth that the
// page has for Istio's filter, which stock Envoy has not.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { parse } from "yaml";
import { listenersOf, named, wasmPlugins, type Json } from "../../../harness/envoy_config.ts";
import { fromRoot } from "../../../harness/repository.ts";
import { readExposition } from "../../../observability/page/exposition.ts";
import { request, response } from "../../frames/frames.ts";
import { STREAMS } from "../triple/peers.ts";
import { triplePeers } from "../triple/setup.ts";
import { envoySince, LIMIT, startLab, struct, until, type Lab } from "../envoy_setup.ts";
import { pair, Upstream } from "../envoy_sockets.ts";

/** By label the expression of the page's Telemetry, as an access log prints what it is worth. */
function printed(): string {
  const page = readFileSync(fromRoot("docs/istio-series.md"), "utf8");
  const [, block] = /```yaml\n(apiVersion: telemetry[^]*?)```/.exec(page)!;
  const [{ overrides }] = parse(block!).spec.metrics;
  const labels: [string, { value: string }][] = Object.entries(overrides[0].tagOverrides);
  return labels.map(([label, { value }]) => `${label}=%CEL(${value})%`).join(" ");
}

/** An access log that prints it behind `kind`. */
function celLog(kind: string): Json {
  const inline_string = `${kind} ${printed()}\n`;
  return {
    name: "envoy.access_loggers.stdout",
    typed_config: {
      "@type": `${TYPES}.access_loggers.stream.v3.StdoutAccessLog`,
      log_format: { text_format_source: { inline_string } },
    },
  };
}

const TYPES = "type.googleapis.com/envoy.extensions";
const METHODS = ["GetUser", "GetUser", "SetUser"];
const SERVICE = "com.k8s.User.UserProvider";

/** The access log as the page has it. */
function accessLog(): Json[] {
  const page = readFileSync(fromRoot("docs/istio-series.md"), "utf8");
  const [, block] = /```yaml\n(access_log:\n[\s\S]*?)```/.exec(page)!;
  return parse(block!).access_log;
}

/** Envoy with it, and without our tags. */
function startWithLogger(): Promise<Lab> {
  return startLab({
    change: (config) => {
      const listener = named(listenersOf(config), "dubbo_tcp", "listener");
      const routing = { filter_state: true };
      wasmPlugins(listener)[0]!.configuration = struct({ metrics: { enabled: false }, routing });
      const [, tcp]: Json[] = listener.filter_chains[0].filters;
      tcp!.typed_config.access_log = accessLog();
      delete config.stats_config;
    },
  });
}

describe("the stats logger behind the filter", LIMIT, () => {
  test("counts connections and bytes by interface and method", async (t) => {
    if (!envoySince("1.37")) {
      // It has no such logger, and says so.
      await assert.rejects(startWithLogger(), /ended \(exit code 1\)/);
      return;
    }
    const lab = await startWithLogger();
    t.after(() => lab.stop());
    const upstream = await Upstream.listen(lab.ports.user);
    t.after(() => upstream.close());
    let bytes = 0;
    for (const method of METHODS) {
      const { near, far } = await pair(lab.ports.tcp, upstream);
      const asked = request({ method });
      bytes += asked.length;
      await near.write(asked);
      await far.has(asked.length);
      await far.write(response());
      await near.has(response().length);
      near.socket.end();
      await far.finished();
      far.socket.end();
      await near.finished();
    }
    const counted = async () => {
      const samples = readExposition(await lab.envoy.prometheus());
      return Object.fromEntries(
        samples
          .filter(({ name }) => name.startsWith("envoy_tcp_by_service_") && name.endsWith("_total"))
          .map(({ name, labels, value }) => [[name, ...Object.values(labels)].join(" "), value]),
      );
    };
    const expected = {
      [`envoy_tcp_by_service_connections_total ${SERVICE} GetUser`]: 2,
      [`envoy_tcp_by_service_connections_total ${SERVICE} SetUser`]: 1,
      [`envoy_tcp_by_service_received_bytes_total ${SERVICE}`]: bytes,
    };
    await until("all is counted", async () => Object.values(await counted()).length === 3);
    await until("all three connections", async () => {
      const all = Object.values(await counted());
      return all.reduce((sum, value) => sum + value, 0) === METHODS.length + bytes;
    }).catch(() => {});
    assert.deepEqual(await counted(), expected);
  });
});

describe("the expressions for Istio's filter", LIMIT, () => {
  test("are the names of a connection's last call, and over HTTP of each call", async (t) => {
    const routing = { filter_state: true };
    const peers = await triplePeers({ routing });
    t.after(() => peers.close());
    const lab = await startLab({
      // The access log is written when it is looked at.
      args: ["--file-flush-interval-msec", "50"],
      change: (config) => {
        peers.change(config);
        const tcp = named(listenersOf(config), "dubbo_tcp", "listener");
        wasmPlugins(tcp)[0]!.configuration = struct({ routing });
        tcp.filter_chains[0].filters[1].typed_config.access_log = [celLog("tcp")];
        const http = named(listenersOf(config), "triple", "listener");
        http.filter_chains[0].filters[0].typed_config.access_log = [celLog("http")];
      },
    });
    t.after(() => lab.stop());
    const upstream = await Upstream.listen(lab.ports.user);
    t.after(() => upstream.close());
    const { near, far } = await pair(lab.ports.tcp, upstream);
    const asked = Buffer.concat(["GetUser", "SetUser"].map((method) => request({ method })));
    await near.write(asked);
    await far.has(asked.length);
    near.socket.end();
    await far.finished();
    far.socket.end();
    await peers.client.call("Unary");
    await peers.client.call("Download");
    const lines = () =>
      lab.envoy.process.log.split("\n").filter((line) => /^(tcp|http) /.test(line));
    await until("three lines", () => lines().length === 3);
    assert.deepEqual(lines().sort(), [
      `http dubbo_interface=${STREAMS} dubbo_method=Download`,
      `http dubbo_interface=${STREAMS} dubbo_method=Unary`,
      `tcp dubbo_interface=${SERVICE} dubbo_method=SetUser`,
    ]);
  });
});
