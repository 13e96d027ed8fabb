// The proxy-mesh: two providers, each behind an Envoy, a consumer's Envoy that asks both for their health,
// and the consumer (demo/grpc_mesh/mesha.ts, HTTP on 7171), until Ctrl-C. A provider that is told to end
// (SIGTERM) starts again. Exit code 0 where it was told to end; 1 where it could not begin or a part died.

import { findEnvoy } from "../../harness/envoy_binary.ts";
import { refuseUsedPorts, runParts, startProgram, type Parts } from "../../harness/parts.ts";
import { accepts, answers } from "../../harness/readiness.ts";
import { PORTS, startInbound, startOutbound, startProvider } from "./topology.ts";

const HTTP_PORT = 7171;
const READY_MS = 20_000;

await runParts(async (parts) => {
  await refuseUsedPorts([
    ["the consumer", HTTP_PORT],
    ...Object.entries(PORTS).flatMap(([part, ports]) =>
      [ports].flat().map((port): [string, number] => [part, port]),
    ),
  ]);
  await findEnvoy({ log: (line) => console.log(line) });

  await Promise.all([0, 1].map((copy) => start(parts, copy)));
  parts.add((await startOutbound(PORTS)).process);
  const args = ["--port", `${HTTP_PORT}`, "--mesher", `127.0.0.1:${PORTS.outbound}`];
  const consumer = parts.add(startProgram({ name: "mesha", script: "grpc_mesh/mesha.ts", args }));
  await consumer.waitUntil("ready", READY_MS, () => answers(`http://127.0.0.1:${HTTP_PORT}/ready`));
  return whatToTry();
});

async function start(parts: Parts, copy: number): Promise<void> {
  const provider = parts.keep(() => startProvider(PORTS, copy));
  await provider.waitUntil("ready", READY_MS, () => accepts(PORTS.providers[copy]!));
  parts.add((await startInbound(PORTS, copy)).process);
}

function whatToTry(): string {
  const inbound = `localhost:${PORTS.inboundAdmins[0]}`;
  return [
    "",
    "All parts run. Try in another terminal:",
    `  curl -s localhost:${HTTP_PORT}/demo    # provider-1 and provider-2 in turn`,
    `  curl -s localhost:${PORTS.admin}/clusters | grep health_flags`,
    `  curl -X POST 'localhost:${PORTS.providerAdmins[0]}/health?status=NOT_SERVING'    # and SERVING`,
    `  curl -X POST ${inbound}/healthcheck/fail    # and ok`,
    `  curl -X POST '${inbound}/drain_listeners?graceful'    # after the fail; there is no way back`,
    "Ctrl-C ends everything.",
  ].join("\n");
}
