// What Istio is told of each service: a ServiceEntry (networking.istio.io/v1), STATIC and MESH_INTERNAL, with
// its instances as endpoints. Its host is in lower case, by the parts of Dubbo's service key:
//
//   blue/com.k8s.Order.OrderProvider:1.0.0   →   com.k8s.order.orderprovider.1-0-0.blue.dubbo
//
// A sidecar's cluster is then outbound|20880||<host>, which a rule of the filter can name. What asks for no
// calls is left out: an endpoint here knows no draining. Weights are those after the warm-up: an object that
// changed each second would be a burden to the API server and each sidecar.

import { createHash } from "node:crypto";
import type { Instance } from "./instance.ts";
import { serviceParts } from "./service_key.ts";

/** The label by which the objects are known as the program's own. */
export const OWNER = { "app.kubernetes.io/managed-by": "dubbo-registry" };
/** The port that consumers dial, Dubbo's own; each endpoint has its real one. */
const PORT = 20880;
const PROTOCOL = "dubbo";
/** Limits of Kubernetes: DNS labels, DNS names, label values. */
const MAX_LABEL = 63;
const MAX_NAME = 253;
const LABEL_VALUE = /^[A-Za-z0-9]([\w.-]{0,61}[A-Za-z0-9])?$/;

/** An object of Kubernetes' API. */
export interface KubernetesObject {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace: string; labels: Record<string, string> };
  spec: Record<string, unknown>;
}

/**
 * One ServiceEntry for each service of Dubbo's protocol that has an instance to call, sorted by service key;
 * none for a key that makes no host.
 */
export function serviceEntries(
  services: Map<string, Instance[]>,
  namespace: string,
): KubernetesObject[] {
  return [...services].flatMap(([key, instances]) => {
    const endpoints = instances.filter(isCalled).map(endpoint);
    return endpoints.length === 0 || hostOf(key).length > MAX_NAME
      ? []
      : [serviceEntry(key, namespace, endpoints)];
  });
}

/** The host of a service. */
export function hostOf(key: string): string {
  const { interface: name, version, group } = serviceParts(key);
  const parts = [
    ...name.split("."),
    version.replaceAll(".", "-"),
    group.replaceAll(".", "-"),
    "dubbo",
  ];
  const labels = parts.map(dnsLabel).filter((label) => label !== "");
  return labels.join(".");
}

function serviceEntry(key: string, namespace: string, endpoints: object[]): KubernetesObject {
  // Two keys may have the same host but for their case; their objects are two.
  const hash = createHash("sha256").update(key).digest("hex").slice(0, 8);
  const name = `${hostOf(key)
    .slice(0, MAX_NAME - 9)
    .replace(/[.-]+$/, "")}-${hash}`;
  return {
    apiVersion: "networking.istio.io/v1",
    kind: "ServiceEntry",
    metadata: { name, namespace, labels: OWNER },
    spec: {
      hosts: [hostOf(key)],
      location: "MESH_INTERNAL",
      resolution: "STATIC",
      ports: [{ number: PORT, name: "tcp-dubbo", protocol: "TCP" }],
      endpoints,
    },
  };
}

function isCalled(one: Instance): boolean {
  return one.protocol === PROTOCOL && !one.disabled && one.weight > 0;
}

function endpoint(one: Instance): object {
  const { application, tag, version, group, zone } = one;
  const all = Object.entries({ application, tag, version, group, zone });
  const labels = all.filter(([, value]) => LABEL_VALUE.test(value));
  return {
    address: one.address,
    ports: { "tcp-dubbo": one.port },
    weight: one.weight,
    ...(labels.length > 0 && { labels: Object.fromEntries(labels) }),
  };
}

function dnsLabel(text: string): string {
  const label = text.toLowerCase().replace(/[^a-z0-9-]+/g, "-");
  return label.slice(0, MAX_LABEL).replace(/^-+|-+$/g, "");
}
