// Runs the dubbo-go provider and consumer of dubbo-go/ as child processes and reads their reports.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { freePorts } from "../../harness/ports.ts";
import { startProcess, type ManagedProcess } from "../../harness/processes.ts";
import { accepts } from "../../harness/readiness.ts";
import { goCommand } from "./go_build.ts";
import { runPeerConsumer, startPeerProvider, type PeerProvider } from "./peer_process.ts";
import type { Report } from "./report.ts";

/** How to run a provider. */
export interface ProviderOptions {
  /** What to export; both unless given. */
  services?: ("user" | "order")[];
  /** Attachment (`key`, or `key=value`) by which it counts calls as marked; else the consumer's own. */
  mark?: string;
  /** Heartbeat period per connection as Go writes durations; a minute unless given. */
  heartbeat?: string;
}

/** How to run a consumer. */
export interface ConsumerOptions {
  /** host:port of each service. */
  user: string;
  order: string;
  calls: number;
  /** Callers at a time; 4 unless given. */
  parallel?: number;
  /** Seed of the choice and order of calls; 1 unless given. */
  seed?: number;
  /** Connections per address; 4 unless given. */
  connections?: number;
  /** Heartbeat period per connection as Go writes durations; 30 s unless given. */
  heartbeat?: string;
  /** Only calls that every provider of the demo answers: no special ids, no generic calls. */
  plain?: boolean;
}

/** At what a provider registers itself: an interface, or an application. */
export type RegistryLevel = "interface" | "service";

/** A provider that registers itself. */
export interface RegisteredProvider {
  port: number;
  process: ManagedProcess;
}

const START_MS = 10_000;

/** Starts a dubbo-go provider on a free port and waits until it serves. */
export async function startGoProvider(options: ProviderOptions = {}): Promise<PeerProvider> {
  const command = await goCommand("provider");
  const [port, admin] = await freePorts(2);
  const args = ["-port", `${port}`, "-admin", `127.0.0.1:${admin}`];
  if (options.services !== undefined) args.push("-services", options.services.join(","));
  if (options.mark !== undefined) args.push("-mark", options.mark);
  if (options.heartbeat !== undefined) args.push("-heartbeat", options.heartbeat);
  return startPeerProvider({ name: "dubbo-go provider", command, args }, port, admin, START_MS);
}

/** Starts a dubbo-go Triple provider for as long as the test runs; resolved with its port, once it serves. */
export async function startGoTripleProvider(t: TestContext): Promise<number> {
  return (await startGoUsers(t)).port;
}

/** The same, with what says how many calls of its user service came that nobody may make. */
export async function startGoUsers(
  t: TestContext,
): Promise<{ port: number; forbidden: () => number }> {
  const command = await goCommand("tripleprovider");
  const [port] = (await freePorts(1)) as [number];
  const args = ["-port", `${port}`];
  const provider = startProcess({ name: "dubbo-go Triple provider", command, args });
  t.after(() => provider.stop());
  await provider.waitUntil("ready", START_MS, () => accepts(port));
  const forbidden = (): number => provider.log.match(/^forbidden: .*$/gm)?.length ?? 0;
  return { port, forbidden };
}

/**
 * Starts a dubbo-go provider of the user service that registers itself in a registry, for as long as the test runs,
 * and waits until it serves.
 *
 * @param registry its address, as Dubbo writes it, e.g. "nacos://127.0.0.1:8848"
 * @param level interface or application ("service" in dubbo-go's words)
 */
export async function startGoRegistered(
  t: TestContext,
  registry: string,
  level: RegistryLevel,
): Promise<RegisteredProvider> {
  const provider = await launchGoRegistered(t, registry, level);
  await provider.process.waitUntil("ready", START_MS, () => accepts(provider.port));
  return provider;
}

/** The same without waiting; it may be given flags besides. */
export async function launchGoRegistered(
  t: TestContext,
  registry: string,
  level: RegistryLevel,
  ...flags: string[]
): Promise<RegisteredProvider> {
  const command = await goCommand("registered");
  const [port] = (await freePorts(1)) as [number];
  const [kind, address] = registry.split("://") as [string, string];
  const args = ["-port", `${port}`, "-kind", kind, "-address", address, "-level", level, ...flags];
  // It keeps what it knows of the registry in its folder.
  const cwd = mkdtempSync(join(tmpdir(), "dubbo-go-"));
  t.after(() => rmSync(cwd, { recursive: true, force: true }));
  const env = { HOME: cwd };
  const process = startProcess({ name: `dubbo-go ${level}`, command, args, cwd, env });
  t.after(() => process.stop());
  return { port, process };
}

/**
 * Runs a dubbo-go consumer; resolved with its report. `whileConnected` runs after its last call,
 * when the report is there and its connections are still open. Rejects where a call ended otherwise
 * than its kind must.
 */
export async function runGoConsumer(
  options: ConsumerOptions,
  whileConnected: (report: Report) => Promise<void> = async () => {},
): Promise<Report> {
  const command = await goCommand("consumer");
  const peer = { name: "dubbo-go consumer", command, args: consumerArgs(options) };
  return runPeerConsumer(peer, "exit code 0", whileConnected);
}

function consumerArgs(options: ConsumerOptions): string[] {
  const args = ["-hold", "-user-addr", options.user, "-order-addr", options.order];
  args.push("-calls", `${options.calls}`, "-parallel", `${options.parallel ?? 4}`);
  args.push("-seed", `${options.seed ?? 1}`, "-connections", `${options.connections ?? 4}`);
  if (options.heartbeat !== undefined) args.push("-heartbeat", options.heartbeat);
  if (options.plain) args.push("-plain");
  return args;
}
