// `npm run demo:front-proxy`: two copies of echo, a front Envoy, and with --sidecars an Envoy beside each
// copy, until Ctrl-C. A copy that is told to end (SIGTERM) starts again. Exit code 0 where it was told to
// end; 1 where it could not begin or a part died.

import { parseArgs } from "node:util";
import { findEnvoy } from "../../harness/envoy_binary.ts";
import { refuseUsedPorts, runParts, type Parts } from "../../harness/parts.ts";
import { answers } from "../../harness/readiness.ts";
import { PORTS, startEcho, startFront, startSidecar } from "./topology.ts";

const READY_MS = 20_000;

const { values } = parseArgs({ options: { sidecars: { type: "boolean", default: false } } });

await runParts(async (parts) => {
  const wanted: [string, number][] = [
    ["the front Envoy", PORTS.front],
    ["its admin interface", PORTS.admin],
    ...PORTS.echoes.map((port): [string, number] => ["echo", port]),
  ];
  if (values.sidecars) {
    for (const port of PORTS.sidecars) wanted.push(["a sidecar", port]);
    for (const port of PORTS.sidecarAdmins) wanted.push(["a sidecar's admin interface", port]);
  }
  await refuseUsedPorts(wanted);
  await findEnvoy({ log: (line) => console.log(line) });

  await Promise.all([0, 1].map((copy) => start(parts, copy)));
  parts.add((await startFront(PORTS, values.sidecars)).process);
  return whatToTry(values.sidecars);
});

async function start(parts: Parts, copy: number): Promise<void> {
  const echo = parts.keep(() => startEcho(PORTS, copy));
  const ready = () => answers(`http://127.0.0.1:${PORTS.echoes[copy]}/ready`);
  await echo.waitUntil("ready", READY_MS, ready);
  if (values.sidecars) parts.add((await startSidecar(PORTS, copy)).process);
}

function whatToTry(sidecars: boolean): string {
  const front = `localhost:${PORTS.front}`;
  const admin = `localhost:${PORTS.admin}`;
  const socket =
    `new (require('ws'))('ws://${front}/ws').on('open', function () { this.send('hi') })` +
    `.on('message', function (data) { console.log(String(data)); this.close() })`;
  const lines = [
    "",
    "All parts run. Try in another terminal:",
    `  curl -si ${front}/    # x-pod-name: echo-1 and echo-2 in turn`,
    `  curl -s -H 'content-type: application/json' -d '{"a":1}' ${front}/echo`,
    `  node -e "${socket}"`,
    `  kill $(pgrep -f 'echo.ts --port ${PORTS.echoes[0]}')    # echo-1 leaves, ends and starts again`,
    `  curl -s ${admin}/clusters | grep -E 'rq_total|health_flags'`,
    `  curl -s ${admin}/stats | grep -E 'upstream_cx_http._total|upgrades_total'`,
  ];
  if (sidecars) {
    const own = `localhost:${PORTS.sidecarAdmins[0]}`;
    lines.push(`  curl -s ${own}/stats | grep -E 'cx_http._total|upgrades_total'    # a sidecar`);
  }
  return [...lines, "Ctrl-C ends everything."].join("\n");
}
