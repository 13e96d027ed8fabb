// A collector of OTLP over HTTP, which sidecars reach by the name of its Service; it keeps spans.

import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { readTraces, type Told } from "../../frames/otlp.ts";
import type { KubernetesObject } from "./kubernetes.ts";
import { HOST } from "./network.ts";

/** A span, and the service that told it. */
export interface OtelSpan extends Told {
  service: string;
}

const PORT = 4318;
const METADATA = { name: "otel-collector", namespace: "istio-system" };
/** Envoy's name of its cluster. */
export const OTEL_CLUSTER = `outbound|${PORT}||${METADATA.name}.${METADATA.namespace}.svc.cluster.local`;

/** Its Service, and Istio's own tracing of each HTTP request in mesh-demo. */
export const OTEL_OBJECTS: KubernetesObject[] = [
  {
    apiVersion: "v1",
    kind: "Service",
    metadata: METADATA,
    spec: { ports: [{ name: "http-otlp", port: PORT }] },
  },
  {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: { ...METADATA, labels: { "kubernetes.io/service-name": METADATA.name } },
    addressType: "IPv4",
    ports: [{ name: "http-otlp", port: PORT, protocol: "TCP" }],
    endpoints: [{ addresses: [HOST], conditions: { ready: true } }],
  },
  {
    apiVersion: "telemetry.istio.io/v1",
    kind: "Telemetry",
    metadata: { name: "tracing", namespace: "mesh-demo" },
    spec: { tracing: [{ providers: [{ name: "otel" }], randomSamplingPercentage: 100 }] },
  },
];

/** Takes spans; they come into `spans`. The caller has to close the server. */
export async function collectOtel(spans: OtelSpan[]): Promise<Server> {
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const { resource, records } = readTraces(Buffer.concat(chunks));
    const service = String(resource["service.name"]);
    spans.push(...records.map((record) => ({ ...record, service })));
    response.writeHead(200, { "content-type": "application/x-protobuf" }).end();
  });
  server.listen(PORT, HOST);
  await once(server, "listening");
  return server;
}
