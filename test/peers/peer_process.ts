// Runs interop providers and consumers, whoever wrote their Dubbo, as child processes and reads their
// reports.

import { setTimeout as sleep } from "node:timers/promises";
import { startProcess, type ManagedProcess } from "../../harness/processes.ts";
import { answers } from "../../harness/readiness.ts";
import { totalSent, type Report, type Reporter } from "./report.ts";

const RECEIVE_MS = 10_000;
const REPORT_MS = 5000;
/** The whole of a consumer's run; it gives up by itself a little earlier. */
const RUN_MS = 65_000;
/** How long to go on looking after as many calls as expected have come, for one too many. */
const SETTLE_MS = 100;

/** How to run a peer. */
export interface PeerCommand {
  /** How to call it in messages, e.g. "dubbo-go provider". */
  name: string;
  command: string;
  args: string[];
}

/** A running provider; `startPeerProvider` makes them. */
export class PeerProvider implements Reporter {
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

/** Starts a provider that serves Dubbo on `port` and its report on `admin`, and waits until it does. */
export async function startPeerProvider(
  peer: PeerCommand,
  port: number,
  admin: number,
  startMs: number,
): Promise<PeerProvider> {
  const child = startProcess(peer);
  const reportUrl = `http://127.0.0.1:${admin}/report`;
  try {
    await child.waitUntil("ready", startMs, () => answers(reportUrl));
  } catch (error) {
    await child.stop();
    throw error;
  }
  return new PeerProvider(child, port, reportUrl);
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
 * Runs a consumer; resolved with its report. `whileConnected` runs after its last call, when the report
 * is there and its connections are still open. Rejects where a call ended otherwise than its kind must,
 * and where it does not end on SIGTERM as `endsWith` says.
 */
export async function runPeerConsumer(
  peer: PeerCommand,
  endsWith: string,
  whileConnected: (report: Report) => Promise<void> = async () => {},
): Promise<Report> {
  const child = startProcess(peer);
  try {
    await child.waitUntil("done", RUN_MS, () => reportIn(child.log) !== undefined);
    const report = reportIn(child.log) as Report;
    await whileConnected(report);
    const end = await child.stop();
    if (end === endsWith && report.failures.length === 0) return report;
    throw new Error(`${peer.name}: ${end}\n${report.failures.join("\n")}`);
  } finally {
    await child.stop();
  }
}

// The report stands in one line; what else is in the log is Dubbo's own.
function reportIn(log: string): Report | undefined {
  const line = /^\{"peer":.*\}$/m.exec(log);
  return line === null ? undefined : JSON.parse(line[0]);
}
