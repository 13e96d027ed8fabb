// The parts of the proxy-mesh on one machine: two providers, an Envoy beside each, and the consumer's
// Envoy with the health check of manifests/proxy-mesh.

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
  /** Where consumers dial their Envoy, and its admin interface. */
  outbound: number;
  admin: number;
  /** The Envoy beside each provider, and its admin interface. */
  inbounds: number[];
  inboundAdmins: number[];
  /** The providers, and their admin interfaces (demo/grpc/admin.ts). */
  providers: number[];
  providerAdmins: number[];
}

/** Where `start.ts` has its parts. */
export const PORTS: Ports = {
  outbound: 50052,
  admin: 15000,
  inbounds: [50061, 50062],
  inboundAdmins: [15001, 15002],
  providers: [50071, 50072],
  providerAdmins: [22221, 22222],
};

/** What istiod calls the providers' Service, and the consumer's Envoy its cluster. */
export const CLUSTER = "outbound|50052||dubbo-samples-mesh-provider.dubbo-demo.svc.cluster.local";

/** Manifest with the health check, from the repository's root. */
export const HEALTH_CHECK = "manifests/proxy-mesh/provider-health-check.yaml";

// As short as one wants to wait for it; Istio has 45 s.
const DRAIN_S = 5;

/** What a provider is called in its answers. */
export function providerName(copy: number): string {
  return `provider-${copy + 1}`;
}

/** Starts provider 0 or 1; it listens soon. */
export function startProvider(ports: Ports, copy: number): ManagedProcess {
  const args = [
    "--port",
    `${ports.providers[copy]}`,
    "--admin-port",
    `${ports.providerAdmins[copy]}`,
  ];
  const name = providerName(copy);
  return startProgram({ name, script: "grpc_server.ts", args, env: { POD_NAME: name } });
}

/**
 * Starts the Envoy beside provider 0 or 1. Rejects where it does not become ready.
 * @param change - changes its configuration in place
 */
export function startInbound(
  ports: Ports,
  copy: number,
  change?: (config: Json) => void,
): Promise<EnvoyProcess> {
  const config = readConfig(fromRoot("demo/proxy_mesh/provider.yaml"));
  moveTo(config.admin, local(ports.inboundAdmins[copy]!));
  moveTo(named(listenersOf(config), "inbound", "listener"), local(ports.inbounds[copy]!));
  moveEndpoints(named(clustersOf(config), "provider", "cluster"), [local(ports.providers[copy]!)]);
  change?.(config);
  return startEnvoy({ config, args: ["--drain-time-s", `${DRAIN_S}`] });
}

/**
 * Starts the consumer's Envoy. It is ready once it has asked each provider for its health; rejects where
 * that takes too long.
 */
export function startOutbound(ports: Ports): Promise<EnvoyProcess> {
  const config = readConfig(fromRoot("demo/proxy_mesh/consumer.yaml"));
  moveTo(config.admin, local(ports.admin));
  moveTo(named(listenersOf(config), "outbound", "listener"), local(ports.outbound));
  const cluster = named(clustersOf(config), CLUSTER, "cluster");
  moveEndpoints(cluster, ports.inbounds.map(local));
  Object.assign(cluster, healthCheckPatch());
  return startEnvoy({ config });
}

/** What the manifest's EnvoyFilter merges into the cluster. Throws where it is made for another one. */
export function healthCheckPatch(): Json {
  const [patch, ...more] = readConfig(fromRoot(HEALTH_CHECK)).spec.configPatches as Json[];
  const fits = patch?.applyTo === "CLUSTER" && patch.match.cluster.name === CLUSTER;
  if (!fits || patch.patch.operation !== "MERGE" || more.length > 0) {
    throw new Error(`${HEALTH_CHECK} is not one MERGE into the cluster ${CLUSTER}`);
  }
  return patch.patch.value;
}
