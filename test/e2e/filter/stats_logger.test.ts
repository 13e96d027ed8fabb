// docs/istio-series.md in stock Envoy: the names of a connection's last call as tags of series that Envoy
// counts by itself for tcp_proxy, without a regex in stats_tags.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { parse } from "yaml";
import { listenersOf, named, wasmPlugins, type Json } from "../../../harness/envoy_config.ts";
import { fromRoot } from "../../../harness/repository.ts";
import { readExposition } from "../../../observability/page/exposition.ts";
import { request, response } from "../../frames/frames.ts";
import { envoySince, LIMIT, startLab, struct, until, type Lab } from "../envoy_setup.ts";
import { pair, Upstream } from "../envoy_sockets.ts";

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
