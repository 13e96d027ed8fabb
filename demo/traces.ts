// `npm start -- --traces`: Jaeger beside the demo, and Envoy's filter telling it every call.

import { existsSync } from "node:fs";
import { JAEGER_BINARY, startJaeger, type Jaeger } from "../harness/collectors.ts";
import { addCluster, wasmPlugins, type Json } from "../harness/envoy_config.ts";

/** As the spans' service. */
const SERVICE = "consumer";
/** What the first call is told by: any trace that no other has. */
const TRACE = "0af7651916cd43dd8448eb211c80319c";
const CALLER = "b7ad6b7169203331";

/** Throws where Jaeger is not there, and says how to get it. */
export function needJaeger(): void {
  if (existsSync(JAEGER_BINARY)) return;
  throw new Error(
    `there is no ${JAEGER_BINARY}: \`npm run build:collectors\` builds it (Go 1.26; minutes the first time)`,
  );
}

/** Starts Jaeger, and has every plugin of `config` that counts calls tell it all of them. */
export async function startTraces(config: Json): Promise<Jaeger> {
  const jaeger = await startJaeger();
  addCluster(config, "jaeger", jaeger.otlpPort);
  config.node = { id: SERVICE, cluster: SERVICE, metadata: { LABELS: { app: SERVICE } } };
  for (const plugin of wasmPlugins(config)) {
    // The guard's plugins see the same calls again.
    if (plugin.vm_config.vm_id !== "dubbo") continue;
    plugin.configuration.value.telemetry = {
      otlp: { cluster: "jaeger", interval_ms: 500 },
      spans: { sample: { percentage: 100 }, propagate: true },
    };
  }
  return jaeger;
}

/** How to see a first trace, as lines for a terminal. */
export function traceLines(gateway: string, { url }: Jaeger): string[] {
  return [
    `  curl -s -H 'traceparent: 00-${TRACE}-${CALLER}-01' '${gateway}/GetUserDubbo?id=7'`,
    `  curl -s '${url}/api/traces/${TRACE}'    # its trace, a second later`,
    `  curl -s '${url}/api/traces?service=${SERVICE}&limit=5'    # the latest of all calls`,
  ];
}
