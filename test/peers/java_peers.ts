// Runs the Dubbo Java provider and consumer of dubbo-java/ and reads their reports.

import { freePorts } from "../../harness/ports.ts";
import { javaArguments, LOOPBACK, type JavaRelease } from "./java_build.ts";
import { runPeerConsumer, startPeerProvider, type PeerProvider } from "./peer_process.ts";
import type { Report } from "./report.ts";

/** How to run a provider. */
export interface JavaProviderOptions {
  /** Attachment (`key`, or `key=value`) by which it counts calls as marked. */
  mark: string;
  /** 3.3.6 unless given. */
  release?: JavaRelease;
  /** The Dubbo protocol unless given. */
  protocol?: "dubbo" | "tri";
  /** Port on 127.0.0.1 of the user service by way of which it gets each order; none unless given. */
  onward?: number;
}

/** How to run a consumer. */
export interface JavaConsumerOptions {
  /** Port of each service on 127.0.0.1. */
  user: number;
  order: number;
  calls: number;
  serialization: "hessian2" | "fastjson2";
  /** 3.3.6 unless given. */
  release?: JavaRelease;
  /** The Dubbo protocol unless given. */
  protocol?: "dubbo" | "tri";
}

/** A JVM and Dubbo in it, on a busy machine. */
const START_MS = 30_000;
const PARALLEL = 8;
const NEWEST: JavaRelease = "3.3.6";

/** Starts a Dubbo Java provider of both services on a free port and waits until it serves. */
export async function startJavaProvider(options: JavaProviderOptions): Promise<PeerProvider> {
  const { mark, release = NEWEST, protocol = "dubbo", onward } = options;
  const [port, admin] = (await freePorts(2)) as [number, number];
  const java = await javaArguments("Provider", release);
  const args = [...java, "-port", `${port}`, "-admin", `${admin}`, "-mark", mark];
  args.push("-protocol", protocol);
  if (onward !== undefined) args.push("-onward", `${LOOPBACK}:${onward}`);
  const peer = { name: `Dubbo Java ${release} provider`, command: "java", args };
  return startPeerProvider(peer, port, admin, START_MS);
}

/** Runs a Dubbo Java consumer, as `runPeerConsumer` does; a JVM ends on SIGTERM with 128 + 15. */
export async function runJavaConsumer(
  options: JavaConsumerOptions,
  whileConnected: (report: Report) => Promise<void>,
): Promise<Report> {
  const { user, order, calls, serialization } = options;
  const { release = NEWEST, protocol = "dubbo" } = options;
  const java = await javaArguments("Consumer", release);
  const args = [...java, "-user", `${LOOPBACK}:${user}`, "-order", `${LOOPBACK}:${order}`];
  args.push("-calls", `${calls}`, "-parallel", `${PARALLEL}`, "-serialization", serialization);
  args.push("-protocol", protocol);
  const peer = { name: `Dubbo Java ${release} consumer`, command: "java", args };
  return runPeerConsumer(peer, "exit code 143", whileConnected);
}
