// Where Envoys send their spans, in the place of Jaeger or Zipkin: it keeps them.

import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { KubernetesObject } from "./kubernetes.ts";
import { HOST } from "./network.ts";

/** A span, as Zipkin has it. https://zipkin.io/zipkin-api/#/default/post_spans */
export interface Span {
  traceId: string;
  id: string;
  parentId?: string;
  kind: "CLIENT" | "SERVER";
  localEndpoint: { serviceName: string };
  tags: Record<string, string>;
}

const PORT = 9411;
const METADATA = { name: "zipkin", namespace: "istio-system" };

/** The Service that manifests/traffic/tracing.yaml speaks of; behind it is the test's side. */
export const ZIPKIN_OBJECTS: KubernetesObject[] = [
  {
    apiVersion: "v1",
    kind: "Service",
    metadata: METADATA,
    spec: { ports: [{ name: "http-query", port: PORT }] },
  },
  {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: { ...METADATA, labels: { "kubernetes.io/service-name": METADATA.name } },
    addressType: "IPv4",
    ports: [{ name: "http-query", port: PORT, protocol: "TCP" }],
    endpoints: [{ addresses: [HOST], conditions: { ready: true } }],
  },
];

/** Takes spans; they come into `spans`. The caller has to close the server. */
export async function collectSpans(spans: Span[]): Promise<Server> {
  const server = createServer((request, response) => {
    let text = "";
    request.setEncoding("utf8").on("data", (part: string) => (text += part));
    request.on("end", () => {
      spans.push(...(JSON.parse(text) as Span[]));
      response.writeHead(202).end();
    });
  });
  server.listen(PORT, HOST);
  await once(server, "listening");
  return server;
}
