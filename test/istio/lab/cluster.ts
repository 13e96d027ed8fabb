// What a cluster makes out of Deployments and Services: pods, addresses, endpoints.

import type { Json } from "../../../harness/envoy_config.ts";
import type { DnsRecord } from "./dns.ts";
import { selects, type KubernetesObject, type PodObject } from "./kubernetes.ts";
import { HOST } from "./network.ts";

const SERVICE_PREFIX = "10.96.0";
const MOST_SERVICES = 250;

/** The node that all pods are on. */
const NODE = {
  apiVersion: "v1",
  kind: "Node",
  metadata: { name: "lab", labels: { "kubernetes.io/hostname": "lab" } },
  status: { addresses: [{ type: "InternalIP", address: HOST }] },
};

/** What a cluster has of its own: its node. */
export const CLUSTER_OBJECTS: KubernetesObject[] = [NODE];

/** The one pod of a Deployment, at this address. */
export function podOf(deployment: KubernetesObject, address: string): PodObject {
  const { namespace, name } = deployment.metadata;
  const { metadata = {}, spec } = deployment.spec.template as Json;
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { ...metadata, name: `${name}-0`, namespace },
    spec: { serviceAccountName: "default", ...spec, nodeName: NODE.metadata.name },
    status: {
      phase: "Running",
      podIP: address,
      podIPs: [{ ip: address }],
      hostIP: HOST,
      conditions: [{ type: "Ready", status: "True" }],
    },
  };
}

/** A Service with an address of its own, the number-th; a headless one or an alias stays as it is. */
export function serviceWithAddress(service: KubernetesObject, number: number): KubernetesObject {
  const { clusterIP, type } = service.spec;
  if (clusterIP !== undefined || type === "ExternalName") return service;
  if (number >= MOST_SERVICES) throw new Error(`no address for Service ${number}`);
  const address = `${SERVICE_PREFIX}.${number + 1}`;
  return { ...service, spec: { ...service.spec, clusterIP: address, clusterIPs: [address] } };
}

/** The endpoints of a Service: the pods that it selects. */
export function endpointsOf(
  { metadata, spec }: KubernetesObject,
  pods: readonly PodObject[],
): KubernetesObject {
  const selected = pods.filter(
    (pod) =>
      pod.metadata.namespace === metadata.namespace && selects(spec.selector, pod.metadata.labels),
  );
  return {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: {
      name: `${metadata.name}-0`,
      namespace: metadata.namespace,
      labels: { "kubernetes.io/service-name": metadata.name },
    },
    addressType: "IPv4",
    ports: ((spec.ports ?? []) as Json[]).map(
      ({ name = "", port, targetPort = port, ...rest }) => ({
        name,
        port: portNumber(targetPort, selected[0]) ?? port,
        protocol: rest.protocol ?? "TCP",
      }),
    ),
    endpoints: selected.map((pod) => ({
      addresses: [pod.status.podIP],
      conditions: { ready: true, serving: true, terminating: false },
      nodeName: NODE.metadata.name,
      targetRef: { kind: "Pod", name: pod.metadata.name, namespace: metadata.namespace },
    })),
  };
}

/** What the cluster's DNS knows: Services by their whole names, and istiod. */
export function recordsOf(
  services: readonly KubernetesObject[],
  pods: readonly PodObject[],
): Map<string, DnsRecord> {
  const records = new Map<string, DnsRecord>();
  records.set("istiod.istio-system.svc.cluster.local", { addresses: [HOST] });
  for (const service of services) {
    const { metadata, spec } = service;
    const name = `${metadata.name}.${metadata.namespace}.svc.cluster.local`;
    records.set(name, recordOf(spec, endpointsOf(service, pods)));
  }
  return records;
}

/** /etc/resolv.conf in the pods of a namespace. */
export function resolverFile(namespace: string): string {
  const search = `${namespace}.svc.cluster.local svc.cluster.local cluster.local`;
  return `search ${search}\nnameserver ${HOST}\noptions ndots:5\n`;
}

function recordOf({ type, externalName, clusterIP }: Json, slice: KubernetesObject): DnsRecord {
  if (type === "ExternalName") return { alias: externalName };
  if (clusterIP !== "None") return { addresses: [clusterIP] };
  return { addresses: slice.endpoints.map(({ addresses }: Json) => addresses[0]) };
}

// A port's name is that of a container's port.
function portNumber(target: string | number, pod: PodObject | undefined): number | undefined {
  if (typeof target === "number") return target;
  const containers: Json[] = pod?.spec.containers ?? [];
  const ports: Json[] = containers.flatMap(({ ports = [] }) => ports);
  return ports.find(({ name }) => name === target)?.containerPort;
}
