// `npm start` as a process, on free ports.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  clustersOf,
  listenerEndpoints,
  localConfig,
  readConfig,
} from "../../../harness/envoy_config.ts";
import { freePorts } from "../../../harness/ports.ts";
import { startProcess, type ManagedProcess } from "../../../harness/processes.ts";
import { fromRoot, ROOT } from "../../../harness/repository.ts";

/** The demo, all of whose parts are up. */
export interface StartedDemo {
  demo: ManagedProcess;
  /** Of the gateway. */
  url: string;
  /** Everything that it was told to listen on. */
  ports: number[];
  /** Ends it, however it stands. */
  stop(): Promise<void>;
}

/** How long its start may take. */
export const START_MS = 60_000;
/** How long its end may take, part by part; killed before it would leave its parts behind. */
const STOP_MS = 30_000;

/** What `npm start` is told so that it uses nobody's ports: options, and the configuration file in `folder` that they name. */
export interface FreePorts {
  args: string[];
  /** The gateway's. */
  httpPort: number;
  /** All that it listens on. */
  ports: number[];
}

/** Takes free ports for every part, and writes Envoy's configuration with them into this folder. */
export async function onFreePorts(folder: string): Promise<FreePorts> {
  const committed = readConfig();
  const listeners = listenerEndpoints(committed).map(({ name }) => name);
  const clusters = clustersOf(committed)
    .filter((cluster) => JSON.stringify(cluster).includes('"socket_address"'))
    .map(({ name }) => name as string);
  const ports = await freePorts(listeners.length + clusters.length + 4);
  const left = [...ports];
  const take = (names: string[]) =>
    Object.fromEntries(names.map((name) => [name, left.pop()!] as const));
  const { http, userHttp, admin, page } = take(["http", "userHttp", "admin", "page"]);
  const changed = { listeners: take(listeners), clusters: take(clusters), admin };
  const config = join(folder, "envoy.json");
  writeFileSync(config, JSON.stringify(localConfig(changed)));
  const args = ["--config", config, "--http-port", `${http}`];
  args.push("--user-http-port", `${userHttp}`, "--page-port", `${page}`);
  return { args, httpPort: http!, ports };
}

/** Starts it, with these further options, and waits until it is up. */
export async function startDemo(options: string[] = []): Promise<StartedDemo> {
  const folder = mkdtempSync(join(tmpdir(), "start-"));
  const { args, httpPort, ports } = await onFreePorts(folder);
  const demo = startProcess({
    name: "npm start",
    command: process.execPath,
    args: [fromRoot("harness/run.mjs"), "demo/start.ts", ...args, ...options],
    cwd: ROOT,
  });
  const stop = async (): Promise<void> => {
    await demo.stop(STOP_MS);
    rmSync(folder, { recursive: true });
  };
  try {
    await demo.waitUntil("up", START_MS, () => demo.log.includes("All parts run."));
  } catch (error) {
    await stop();
    throw error;
  }
  return { demo, url: `http://127.0.0.1:${httpPort}`, ports, stop };
}
