// The parts of the front proxy on one machine: each starts from the configuration files beside this one,
// which docker-compose uses too, with 127.0.0.1 and other ports for the containers' names.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  clustersOf,
  listenersOf,
  local,
  moveEndpoints,
  moveTo,
  named,
  readConfig,
  type Json,
} from "../../harness/envoy_config.ts";
import { startEnvoy, type EnvoyProcess } from "../../harness/envoy_process.ts";
import { startProgram } from "../../harness/parts.ts";
import type { ManagedProcess } from "../../harness/processes.ts";
import { fromRoot } from "../../harness/repository.ts";

/** Ports on 127.0.0.1. */
export interface Ports {
  /** The front Envoy, 80 in its container, and its admin interface. */
  front: number;
  admin: number;
  /** The two copies of echo. */
  echoes: number[];
  /** The sidecar beside each, and its admin interface. */
  sidecars: number[];
  sidecarAdmins: number[];
}

/** Where `npm run demo:front-proxy` has its parts. */
export const PORTS: Ports = {
  front: 9000,
  admin: 8001,
  echoes: [9011, 9012],
  sidecars: [9021, 9022],
  sidecarAdmins: [8011, 8012],
};

// Twice the time between two health checks; docker-compose.yaml has more, and need not hurry to end.
const DRAIN_MS = 2000;
const FOLDER = "demo/front_proxy";

/** Starts copy 0 or 1 of echo; it listens soon. */
export function startEcho(ports: Ports, copy: number): ManagedProcess {
  const name = `echo-${copy + 1}`;
  return startProgram({
    name,
    script: "front_proxy/echo.ts",
    args: ["--port", `${ports.echoes[copy]}`, "--drain", `${DRAIN_MS}`],
    env: { POD_NAME: name },
  });
}

/** Starts the sidecar of copy 0 or 1. Rejects where it does not become ready. */
export function startSidecar(ports: Ports, copy: number): Promise<EnvoyProcess> {
  const config = readConfig(fromRoot(FOLDER, "sidecar.yaml"));
  moveTo(config.admin, local(ports.sidecarAdmins[copy]!));
  moveTo(named(listenersOf(config), "sidecar", "listener"), local(ports.sidecars[copy]!));
  moveEndpoints(named(clustersOf(config), "echo", "cluster"), [local(ports.echoes[copy]!)]);
  return startEnvoy({ config });
}

/**
 * Starts the front Envoy in front of the copies, or of their sidecars. It is ready once it has asked each
 * for its health; rejects where that takes too long.
 */
export function startFront(ports: Ports, sidecars: boolean): Promise<EnvoyProcess> {
  const config = readConfig(fromRoot(FOLDER, "front.yaml"));
  moveTo(config.admin, local(ports.admin));
  moveTo(named(listenersOf(config), "front", "listener"), local(ports.front));
  const clusters = readConfig(fromRoot(FOLDER, clusterFile(sidecars)));
  const endpoints = sidecars ? ports.sidecars : ports.echoes;
  moveEndpoints(named(clusters.resources, "echo", "cluster"), endpoints.map(local));
  config.dynamic_resources.cds_config.path_config_source.path = temporaryFile(clusters);
  return startEnvoy({ config });
}

/** The front Envoy's clusters, from this folder. */
export function clusterFile(sidecars: boolean): string {
  return sidecars ? "clusters/sidecars.yaml" : "clusters/direct.yaml";
}

// Until this process ends: Envoy watches the file.
function temporaryFile(content: Json): string {
  const folder = mkdtempSync(join(tmpdir(), "front-proxy-"));
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, "clusters.yaml");
  writeFileSync(file, JSON.stringify(content));
  return file;
}
