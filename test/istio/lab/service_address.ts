// What a cluster makes of a Service, where none is asked.

import type { KubernetesObject } from "./kubernetes.ts";

const SERVICE_PREFIX = "10.96.0";
const MOST_SERVICES = 250;

/** A Service with an address of its own, the number-th; a headless one or an alias stays as it is. */
export function serviceWithAddress(service: KubernetesObject, number: number): KubernetesObject {
  const { clusterIP, type } = service.spec;
  if (clusterIP !== undefined || type === "ExternalName") return service;
  if (number >= MOST_SERVICES) throw new Error(`no address for Service ${number}`);
  const address = `${SERVICE_PREFIX}.${number + 1}`;
  return { ...service, spec: { ...service.spec, clusterIP: address, clusterIPs: [address] } };
}
