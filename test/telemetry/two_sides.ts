// Two real Envoys, as sidecars are, and a provider of users, the demo's unless another one is started:
//
//   caller ──> [dubbo filter, dubbo_proxy] ──> [dubbo filter, tcp_proxy] ──> user provider
//              Envoy of gateway.shop           Envoy of user.shop

import { DubboServer } from "../../demo/dubbo/server.ts";
import { podFromEnvironment } from "../../demo/pod.ts";
import { recordHandlers } from "../../demo/provider.ts";
import { USERS } from "../../demo/record.ts";
import {
  addCluster,
  listenersOf,
  named,
  setPluginConfig,
  wasmPlugins,
  type Json,
} from "../../harness/envoy_config.ts";
import { labPorts, startLab, type Lab } from "../e2e/envoy_setup.ts";
import type { Request } from "../frames/frames.ts";

/** Both sides; their owner has to stop them. */
export interface TwoSides {
  /** Where callers dial. */
  port: number;
  consumer: Lab;
  provider: Lab;
  stop(): Promise<void>;
}

/** The services that the Envoys stand beside, as spans and records name them. */
export const CONSUMER = "gateway.shop";
export const PROVIDER = "user.shop";
/** A call that the provider answers. */
export const GET_USER: Request = {
  path: USERS.interface,
  method: USERS.get.method,
  desc: USERS.get.descriptor,
};
/** Its name in spans and records. */
export const METHOD = `${USERS.interface}/${USERS.get.method}`;

/**
 * Starts them; both send to the collector on this port, with this `telemetry` besides where.
 *
 * @param startProvider starts what listens on the port in place of the demo's provider
 */
export async function startTwoSides(
  otlpPort: number,
  telemetry: object,
  startProvider?: (port: number) => Promise<void>,
): Promise<TwoSides> {
  const otlp = { cluster: "collector", interval_ms: 100 };
  const change = (service: string, name: string, direction: string) => (config: Json) => {
    const [app, NAMESPACE] = service.split(".");
    config.node = { id: service, cluster: service, metadata: { LABELS: { app }, NAMESPACE } };
    addCluster(config, "collector", otlpPort);
    const listener = named(listenersOf(config), name, "listener");
    listener.traffic_direction = direction;
    for (const plugin of wasmPlugins(listener)) {
      setPluginConfig(plugin, { telemetry: { otlp, ...telemetry } });
    }
  };
  const inner = await labPorts();
  const outer = { ...(await labPorts()), user: inner.tcp };
  const users = new DubboServer(recordHandlers(USERS, podFromEnvironment("user", "v1")));
  await (startProvider === undefined ? users.listen(inner.user) : startProvider(inner.user));
  const provider = await startLab({ change: change(PROVIDER, "dubbo_tcp", "INBOUND") }, inner);
  const consumer = await startLab({ change: change(CONSUMER, "dubbo", "OUTBOUND") }, outer);
  const stop = async (): Promise<void> => {
    await consumer.stop();
    await provider.stop();
    if (startProvider === undefined) await users.close();
  };
  return { port: outer.dubbo, consumer, provider, stop };
}
