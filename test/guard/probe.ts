// `npm run probe:guard [-- --versions 1.36.4,1.40.0] [--calls 5]`: what becomes of a call, and of
// Envoy, when a provider fails behind dubbo_proxy, with the guard of envoy-local.yaml and without it.
// Prints the table of docs/guard.md, which so tells when a version of Envoy mends the defect.
//
// Exit code 1 where with the guard Envoy did not live, or a call got no answer that its client reads.

import { parseArgs } from "node:util";
import { setTimeout as sleep } from "node:timers/promises";
import { ENVOY_VERSION, findEnvoy } from "../../harness/envoy_binary.ts";
import type { EnvoyProcess } from "../../harness/envoy_process.ts";
import { labPorts, startLab, until } from "../e2e/envoy_setup.ts";
import { dial, Upstream } from "../e2e/envoy_sockets.ts";
import { request } from "../frames/frames.ts";
import { FAULTS, FaultyProvider, type Fault } from "./faulty_provider.ts";
import { callOnce, withoutGuard, type Seen } from "./guard_call.ts";

const { values } = parseArgs({
  options: {
    versions: { type: "string", default: ENVOY_VERSION },
    calls: { type: "string", default: "5" },
  },
});
const versions = values.versions.split(",");
const calls = Number(values.calls);
const kinds = Object.keys(FAULTS) as Fault[];
/** What the guard promises. */
const WELL = "status 80, Envoy lives";
/** The same of callers that leave a provider which hangs. */
const NOTHING_KEPT = "nothing kept, Envoy lives";
/** How long Envoy may take to close what it closes by itself. */
const KEPT_MS = 6000;
/** How long a call that ended may take to bring Envoy down. */
const AFTERMATH_MS = 150;

/** What was seen, by fault and then by words; with the versions in which it was. */
const alone = new Map<Fault, Map<string, string[]>>();
const guarded = new Map<Fault, Map<string, string[]>>();
const leftAlone = new Map<string, string[]>();
const leftGuarded = new Map<string, string[]>();
const withoutWasm: string[] = [];
let isGood = true;

for (const version of versions) {
  const binary = await findEnvoy({ version, log: (line) => console.error(line) });
  for (const kind of kinds) {
    for (const [table, isGuarded] of [
      [alone, false],
      [guarded, true],
    ] as const) {
      const words = await probe(binary, version, kind, isGuarded);
      console.error(`${version}, ${isGuarded ? "guard" : "alone"}, ${kind}: ${words}`);
      if (words === undefined) break;
      if (isGuarded) isGood &&= words === WELL;
      const row = table.get(kind) ?? new Map<string, string[]>();
      row.set(words, [...(row.get(words) ?? []), version]);
      table.set(kind, row);
    }
    if (withoutWasm.includes(version)) break;
  }
  if (withoutWasm.includes(version)) continue;
  for (const [row, isGuarded] of [
    [leftAlone, false],
    [leftGuarded, true],
  ] as const) {
    const words = await probeLeaving(binary, isGuarded);
    console.error(`${version}, ${isGuarded ? "guard" : "alone"}, leaving: ${words}`);
    if (isGuarded) isGood &&= words === NOTHING_KEPT;
    row.set(words, [...(row.get(words) ?? []), version]);
  }
}
console.log(markdown());
process.exitCode = isGood ? 0 : 1;

/** What callers saw, in words; undefined where this Envoy runs no Wasm. */
async function probe(
  binary: string,
  version: string,
  kind: Fault,
  isGuarded: boolean,
): Promise<string | undefined> {
  const ports = await labPorts();
  const change = isGuarded ? undefined : withoutGuard;
  const options = { binary, componentLogLevel: "dubbo:critical", change };
  const lab = await startLab(options, ports).catch((error: Error) => error);
  if (lab instanceof Error) {
    if (!lab.message.includes("compiled without support")) throw lab;
    withoutWasm.push(version);
    return undefined;
  }
  const provider = await FaultyProvider.start(kind, ports.user);
  const seen: Seen[] = [];
  try {
    while (seen.length < calls && lab.envoy.process.end === undefined) {
      await provider.ready();
      seen.push(await callOnce(ports.dubbo, { id: seen.length }, () => provider.fails()));
      await sleep(AFTERMATH_MS);
    }
    return wordsOf(seen, lab.envoy);
  } finally {
    await lab.envoy.stop();
    await provider.stop();
  }
}

/** What Envoy keeps of callers that leave a provider which never answers nor closes, in words. */
async function probeLeaving(binary: string, isGuarded: boolean): Promise<string> {
  const ports = await labPorts();
  const change = isGuarded ? undefined : withoutGuard;
  const lab = await startLab({ binary, componentLogLevel: "dubbo:critical", change }, ports);
  const provider = await Upstream.listen(ports.user);
  try {
    const callers = await Promise.all(Array.from({ length: calls }, () => dial(ports.dubbo)));
    for (const [id, caller] of callers.entries()) await caller.write(request({ id }));
    await until("the calls", () => {
      return provider.ends.length === calls && provider.ends.every((far) => far.length > 0);
    });
    for (const { socket } of callers) socket.destroy();
    const end = Date.now() + KEPT_MS;
    let kept = calls;
    while (kept > 0 && Date.now() < end) {
      await sleep(AFTERMATH_MS);
      kept = await lab.own('envoy_cluster_upstream_cx_active{envoy_cluster_name="user-provider"}');
    }
    const what = kept === 0 ? "nothing" : `${kept} of ${calls} connections`;
    return `${what} kept, ${fateOf(lab.envoy)}`;
  } finally {
    await lab.envoy.stop();
    await provider.close();
  }
}

function fateOf(envoy: EnvoyProcess): string {
  return envoy.process.end === undefined ? "Envoy lives" : "**Envoy aborts**";
}

function wordsOf(seen: Seen[], envoy: EnvoyProcess): string {
  const calls = new Set(seen.map(callWords));
  return `${[...calls].join(" or ")}, ${fateOf(envoy)}`;
}

function callWords({ status, message, isClosed }: Seen): string {
  if (status === undefined) return isClosed ? "connection closed" : "no answer";
  return message === undefined ? `status ${status} (Envoy's)` : `status ${status}`;
}

function markdown(): string {
  const lines = [
    `Envoy ${versions.filter((version) => !withoutWasm.includes(version)).join(", ")}:`,
    "",
    "| the provider | `dubbo_proxy` alone | with the guard |",
    "| --- | --- | --- |",
  ];
  for (const kind of kinds) {
    lines.push(`| ${FAULTS[kind]} | ${cell(alone.get(kind))} | ${cell(guarded.get(kind))} |`);
  }
  lines.push(
    `| never answers, and its callers leave | ${cell(leftAlone)} | ${cell(leftGuarded)} |`,
  );
  for (const version of withoutWasm) lines.push("", `Envoy ${version}: built without V8.`);
  return lines.join("\n");
}

function cell(row: Map<string, string[]> | undefined): string {
  const entries = [...(row ?? [])];
  if (entries.length === 1) return entries[0]![0];
  return entries.map(([words, where]) => `${words} (${where.join(", ")})`).join("; ");
}
