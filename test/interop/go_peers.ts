// Runs the dubbo-go provider and consumer of dubbo-go/ as child processes and reads their reports.

import { setTimeout as sleep } from "node:timers/promises";
import { freePorts } from "../../demo/local/ports.ts";
import { startProcess, type ManagedProcess } from "../../demo/local/processes.ts";
import { answers } from "../../demo/local/readiness.ts";
import { goCommand } from "./go_build.ts";
import { totalSent, type Report, type Reporter } from "./report.ts";

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

const START_MS = 10_000;
const RECEIVE_MS = 10_000;
const REPORT_MS = 5000;
/** The whole of a consumer's run; it gives up by itself a little earlier. */
const RUN_MS = 65_000;
/** How long to go on looking after as many calls as expected have come, for one too many. */
const SETTLE_MS = 100;

/** A running dubbo-go provider; `startGoProvider` makes them. */
export class GoProvider implements Reporter {
  readonly process: ManagedProcess;
  /** host:port of the Dubbo protocol. */
  readonly address: string;
  readonly port: number;
  readonly #reportUrl: string;

  constructor(process: ManagedProcess, port: number, reportUrl: string) {
    this.process = process;
    this.address = `127.0.0.1:${port}`;
    this.port = port;
    this.#reportUrl = reportUrl;
  }

  /** What it received so far. */
  async report(): Promise<Report> {
    const response = await fetch(this.#reportUrl, { signal: AbortSignal.timeout(REPORT_MS) });
    return (await response.json()) as Report;
  }

  /** Ends it. Resolved with how it ended, e.g. "exit code 0". */
  async stop(): Promise<string> {
    return this.process.stop();
  }
}

/** Starts a dubbo-go provider on a free port and waits until it serves. */
export async function startGoProvider(options: ProviderOptions = {}): Promise<GoProvider> {
  const command = await goCommand("provider");
  const [port, admin] = await freePorts(2);
  const args = ["-port", `${port}`, "-admin", `127.0.0.1:${admin}`];
  if (options.services !== undefined) args.push("-services", options.services.join(","));
  if (options.mark !== undefined) args.push("-mark", options.mark);
  if (options.heartbeat !== undefined) args.push("-heartbeat", options.heartbeat);
  const child = startProcess({ name: "dubbo-go provider", command, args });
  const reportUrl = `http://127.0.0.1:${admin}/report`;
  try {
    await child.waitUntil("ready", START_MS, () => answers(reportUrl));
  } catch (error) {
    await child.stop();
    throw error;
  }
  return new GoProvider(child, port, reportUrl);
}

/**
 * What providers received once it is so many calls together; one-way calls may still be under way
 * when their caller is done. After ten seconds, what there is then.
 */
export async function reportsOf(calls: number, providers: Reporter[]): Promise<Report[]> {
  const reports = () => Promise.all(providers.map((provider) => provider.report()));
  const deadline = Date.now() + RECEIVE_MS;
  while (totalSent(...(await reports())) < calls && Date.now() < deadline) await sleep(20);
  await sleep(SETTLE_MS);
  return reports();
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
  const child = startProcess({ name: "dubbo-go consumer", command, args: consumerArgs(options) });
  try {
    await child.waitUntil("done", RUN_MS, () => reportIn(child.log) !== undefined);
    const report = reportIn(child.log) as Report;
    await whileConnected(report);
    const end = await child.stop();
    if (end === "exit code 0") return report;
    throw new Error(`dubbo-go consumer: ${end}\n${report.failures.join("\n")}`);
  } finally {
    await child.stop();
  }
}

function consumerArgs(options: ConsumerOptions): string[] {
  const args = ["-hold", "-user-addr", options.user, "-order-addr", options.order];
  args.push("-calls", `${options.calls}`, "-parallel", `${options.parallel ?? 4}`);
  args.push("-seed", `${options.seed ?? 1}`, "-connections", `${options.connections ?? 4}`);
  if (options.heartbeat !== undefined) args.push("-heartbeat", options.heartbeat);
  if (options.plain) args.push("-plain");
  return args;
}

// The report stands in one line; what else is in the log is dubbo-go's own.
function reportIn(log: string): Report | undefined {
  const line = /^\{"peer":.*\}$/m.exec(log);
  return line === null ? undefined : JSON.parse(line[0]);
}
