// Runs Envoy on a configuration and talks to its admin interface.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findEnvoy, isAtLeast, versionOf } from "./envoy_binary.ts";
import {
  adminEndpoint,
  listenersOf,
  networkFilters,
  readConfig,
  type Json,
} from "./envoy_config.ts";
import { startProcess, type ManagedProcess } from "./processes.ts";
import { answers } from "./readiness.ts";
import { ROOT } from "./repository.ts";

/** How to run Envoy. */
export interface EnvoyOptions {
  /** The configuration itself, or the path of a file. It has to have an admin interface. */
  config: Json | string;
  /** The executable; `findEnvoy` finds one unless given. */
  binary?: string;
  /** Worker threads; 1 unless given. */
  concurrency?: number;
  /** "warning" unless given. */
  logLevel?: string;
  /** E.g. "wasm:debug,dubbo:critical". */
  componentLogLevel?: string;
  /** Time to become ready in ms; 15 s unless given. */
  readyMs?: number;
  /** Added to the command line. */
  args?: string[];
  /** Added to the environment. */
  env?: Record<string, string>;
}

/** The first version in which a reset goes on through internal listeners, and what turns that off. */
const RESETS_GO_ON = "1.40";
const RESET_FLAG = "envoy.reloadable_features.enable_send_rst_on_user_space_socket";
/** The first version whose tcp_proxy knows max_early_data_bytes. */
const EARLY_DATA_SINCE = "1.37";
/** What waits for the first byte in an older version; an end of stream right behind it is lost. */
const FIRST_BYTE = {
  listener_filters_timeout: "0s",
  listener_filters: [
    {
      name: "envoy.filters.listener.tls_inspector",
      typed_config: {
        "@type":
          "type.googleapis.com/envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector",
      },
    },
  ],
};
const READY_MS = 15_000;
const ADMIN_MS = 5000;

/** A running Envoy; `startEnvoy` makes them. */
export class EnvoyProcess {
  /** The child: its log, its pid, how it ended. */
  readonly process: ManagedProcess;
  /** Address of the admin interface, e.g. "http://127.0.0.1:19000". */
  readonly admin: string;
  readonly #cleanUp: () => void;

  constructor(process: ManagedProcess, admin: string, cleanUp: () => void) {
    this.process = process;
    this.admin = admin;
    this.#cleanUp = cleanUp;
  }

  /** The admin interface's answer to a GET. Rejects where its status is not 200. */
  async get(path: string): Promise<string> {
    return this.#ask(path, "GET");
  }

  /** The same for a POST, e.g. of "/logging?level=debug". */
  async post(path: string): Promise<string> {
    return this.#ask(path, "POST");
  }

  /** All metrics in Prometheus' text format. */
  async prometheus(): Promise<string> {
    return this.get("/stats/prometheus");
  }

  /** Ends it, bounded in time. Resolved with how it ended, e.g. "exit code 0". */
  async stop(): Promise<string> {
    try {
      return await this.process.stop();
    } finally {
      this.#cleanUp();
    }
  }

  async #ask(path: string, method: string): Promise<string> {
    const signal = AbortSignal.timeout(ADMIN_MS);
    const response = await fetch(this.admin + path, { method, signal });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return text;
  }
}

/**
 * Starts Envoy, with the repository's root as its working directory, and waits until it is ready.
 * Rejects with the last lines of its log where it does not get there. What its version does not know
 * yet of envoy-local.yaml is left out, and what it has to be told besides is added.
 */
export async function startEnvoy(options: EnvoyOptions): Promise<EnvoyProcess> {
  const binary = options.binary ?? (await findEnvoy());
  const version = await versionOf(binary);
  const { file, config, cleanUp } = configFile(known(options.config, version));
  const { host, port } = adminEndpoint(config);
  const child = startProcess({
    name: "envoy",
    command: binary,
    args: [...commandLine(file, options), ...guardRuntime(version)],
    cwd: ROOT,
    env: options.env,
  });
  const envoy = new EnvoyProcess(child, `http://${host}:${port}`, cleanUp);
  try {
    const readyMs = options.readyMs ?? READY_MS;
    await child.waitUntil("ready", readyMs, () => answers(`${envoy.admin}/ready`));
  } catch (error) {
    await envoy.stop();
    throw error;
  }
  return envoy;
}

// From 1.40 on Envoy hands a reset on from one internal listener to the next, which the guard in
// envoy-local.yaml must not see. Older ones call this key a bug in their log.
function guardRuntime(version: string | undefined): string[] {
  if (version === undefined || !isAtLeast(version, RESETS_GO_ON)) return [];
  const static_layer = { [RESET_FLAG]: false };
  return [
    "--config-yaml",
    JSON.stringify({ layered_runtime: { layers: [{ name: "guard", static_layer }] } }),
  ];
}

// Connection mode and the guard need early data: older versions refuse the whole configuration for these
// fields' sake. Without them connection mode does what docs/routing.md says, and the guard waits for the
// first byte as docs/guard.md says.
function known(config: Json | string, version: string | undefined): Json | string {
  if (version === undefined || isAtLeast(version, EARLY_DATA_SINCE)) return config;
  const copy = typeof config === "string" ? readConfig(config) : structuredClone(config);
  for (const { typed_config } of networkFilters(copy)) delete typed_config?.max_early_data_bytes;
  for (const listener of listenersOf(copy)) {
    const filters: Json[] = networkFilters({ static_resources: { listeners: [listener] } });
    if (!filters.some(({ typed_config }) => typed_config?.upstream_connect_mode)) continue;
    for (const { typed_config } of filters) delete typed_config?.upstream_connect_mode;
    Object.assign(listener, FIRST_BYTE);
  }
  return copy;
}

function commandLine(file: string, options: EnvoyOptions): string[] {
  const args = ["-c", file, "--concurrency", String(options.concurrency ?? 1)];
  // Hot restart shares memory by a number: two Envoys on one machine would be in each other's way.
  args.push("--disable-hot-restart", "--log-level", options.logLevel ?? "warning");
  if (options.componentLogLevel) args.push("--component-log-level", options.componentLogLevel);
  return [...args, ...(options.args ?? [])];
}

function configFile(config: Json | string): { file: string; config: Json; cleanUp: () => void } {
  if (typeof config === "string") {
    return { file: config, config: readConfig(config), cleanUp: () => {} };
  }
  const folder = mkdtempSync(join(tmpdir(), "envoy-"));
  // One listener for all: a benchmark has a dozen Envoys at once.
  if (folders.size === 0) process.on("exit", removeFolders);
  folders.add(folder);
  const file = join(folder, "envoy.json");
  writeFileSync(file, JSON.stringify(config, null, 2));
  const cleanUp = () => {
    folders.delete(folder);
    if (folders.size === 0) process.off("exit", removeFolders);
    rmSync(folder, { recursive: true, force: true });
  };
  return { file, config, cleanUp };
}

/** With configurations of Envoys that run. */
const folders = new Set<string>();

function removeFolders(): void {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
}
