// docs/istio-series.md: what real istiod makes of its Telemetry. No Envoy is asked, for upstream's has no filter
// istio.stats; what the expressions are worth is tried in test/e2e/filter/stats_logger.test.ts.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { parse } from "yaml";
import type { Json } from "../../harness/envoy_config.ts";
import { fromRoot } from "../../harness/repository.ts";
import { serviceWithAddress } from "./lab/service_address.ts";
import { openIstio, type Istio } from "./istioctl.ts";
import { listenersWith } from "./lab/listeners.ts";
import { manifest } from "./lab/manifests.ts";

const LIMIT = { timeout: 120_000 };
const NAMES = {
  dubbo_interface: 'filter_state["wasm.dubbo.interface"]',
  dubbo_method: 'filter_state["wasm.dubbo.method"]',
};
const TCP = ["opened_total", "closed_total"].map((end) => `tcp_connections_${end}`);
const BYTES = ["tcp_sent_bytes_total", "tcp_received_bytes_total"];
const HTTP = ["requests_total", "request_duration_milliseconds"];

describe("a Telemetry with the filter's names", LIMIT, () => {
  let istio: Istio;
  before(async () => {
    istio = await openIstio();
  });
  after(() => istio?.close());

  test("gives istio.stats of a sidecar these labels, over TCP and over HTTP", async () => {
    const page = readFileSync(fromRoot("docs", "istio-series.md"), "utf8");
    const [, telemetry] = /```yaml\n(apiVersion: telemetry[^]*?)```/.exec(page)!;
    const services = ["mesh-demo/user-provider", "mesh-demo/grpc-server"].flatMap((name, number) =>
      manifest(`manifests/${name}-service.yaml`).map((one) => serviceWithAddress(one, number)),
    );
    const file = await istio.write("telemetry.yaml", [parse(telemetry!), ...services]);
    const listeners = await listenersWith([file], { isWaypoint: false });
    const stats = statsOf(listeners);
    assert.ok(stats.some(({ isHttp }) => isHttp) && stats.some(({ isHttp }) => !isHttp));
    for (const { config } of stats) {
      const metrics = new Map<string, Json>(
        config.metrics.map(({ name, dimensions }: Json) => [name, dimensions]),
      );
      assert.deepEqual([...metrics.keys()].sort(), [...TCP, ...BYTES, ...HTTP].sort());
      for (const dimensions of metrics.values()) assert.deepEqual(dimensions, NAMES);
    }
  });
});

/** Every istio.stats in the listeners, and whether it is a filter of HTTP. */
function statsOf(value: unknown, isHttp = false): { config: Json; isHttp: boolean }[] {
  if (typeof value !== "object" || value === null) return [];
  const { name, typedConfig } = value as Json;
  if (name === "istio.stats") return [{ config: typedConfig, isHttp }];
  return Object.entries(value).flatMap(([key, inner]) =>
    statsOf(inner, isHttp || key === "httpFilters"),
  );
}
