// Runs the Dubbo Java provider and consumer of dubbo-java/ and reads their reports.

import { freePorts } from "../../harness/ports.ts";
import { javaArguments, LOOPBACK } from "./java_build.ts";
import { runPeerConsumer, startPeerProvider, type PeerProvider } from "./peer_process.ts";
import type { Report } from "./report.ts";

/** How to run a consumer. */
export interface JavaConsumerOptions {
  /** Port of each service on 127.0.0.1. */
  user: number;
  order: number;
  calls: number;
  serialization: "hessian2" | "fastjson2";
}

/** A JVM and Dubbo in it, on a busy machine. */
const START_MS = 30_000;
const PARALLEL = 8;

/**
 * Starts a Dubbo Java provider of both services on a free port and waits until it serves.
 *
 * @param mark attachment (`key`, or `key=value`) by which it counts calls as marked
 */
export async function startJavaProvider(mark: string): Promise<PeerProvider> {
  const [port, admin] = (await freePorts(2)) as [number, number];
  const java = await javaArguments("Provider");
  const args = [...java, "-port", `${port}`, "-admin", `${admin}`, "-mark", mark];
  const peer = { name: "Dubbo Java provider", command: "java", args };
  return startPeerProvider(peer, port, admin, START_MS);
}

/** Runs a Dubbo Java consumer, as `runPeerConsumer` does; a JVM ends on SIGTERM with 128 + 15. */
export async function runJavaConsumer(
  options: JavaConsumerOptions,
  whileConnected: (report: Report) => Promise<void>,
): Promise<Report> {
  const { user, order, calls, serialization } = options;
  const java = await javaArguments("Consumer");
  const args = [...java, "-user", `${LOOPBACK}:${user}`, "-order", `${LOOPBACK}:${order}`];
  args.push("-calls", `${calls}`, "-parallel", `${PARALLEL}`, "-serialization", serialization);
  const peer = { name: "Dubbo Java consumer", command: "java", args };
  return runPeerConsumer(peer, "exit code 143", whileConnected);
}
