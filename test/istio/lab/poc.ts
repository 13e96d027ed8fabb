// The services of manifests/istio-poc in a mesh, and how to ask them through their sidecars.

import { get, type IncomingHttpHeaders } from "node:http";
import { deploymentOf } from "./kubernetes.ts";
import { kustomized } from "./manifests.ts";
import { startMesh, type Mesh } from "./mesh.ts";
import type { Pod } from "./pod.ts";

/** The host of poc-service in routes, and in names of clusters. */
export const POC_SERVICE = hostOf("poc-service");
export const GATEWAY = "poc-gateway-v1";
const GATEWAY_PORT = 8070;
/** More than what the gateway itself waits for, 15 s. */
const ASK_MS = 30_000;

/** An answer over HTTP. */
export interface HttpAnswer {
  status: number;
  headers: IncomingHttpHeaders;
  /** JSON, or the text where it is none. */
  body: any;
}

/** What poc-gateway answers; the fields below are what poc-service or Envoy told it. */
export interface PocAnswer extends HttpAnswer {
  /** JSON of poc-service, or Envoy's text in its place. */
  service: any;
  /** The pod of poc-service; "" where none has answered. */
  pod: string;
}

/** What to ask with. */
export interface PocQuestion {
  headers?: Record<string, string>;
  /** Of poc-gateway; "/service" unless given. May have a query, e.g. for faults. */
  path?: string;
}

/** Name of a Service of istio-poc in the whole cluster. */
export function hostOf(service: string): string {
  return `${service}.istio-poc.svc.cluster.local`;
}

/** A mesh with the pods of these Deployments; operators as in `MeshOptions`. */
export async function startPoc(deployments: string[], operators: string[] = []): Promise<Mesh> {
  const mesh = await startMesh({ objects: await kustomized("manifests/istio-poc"), operators });
  try {
    await mesh.run(...deployments);
    return mesh;
  } catch (error) {
    await mesh.stop();
    throw error;
  }
}

/** GET of an address; whatever the status, it resolves. Rejects where there is no answer. */
export function httpGet(
  host: string,
  port: number,
  path: string,
  headers: Record<string, string> = {},
): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(ASK_MS);
    const request = get({ host, port, path, headers, signal }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (part: string) => (text += part));
      response.once("error", reject);
      response.once("end", () => {
        resolve({
          status: response.statusCode!,
          headers: response.headers,
          body: parsed(text),
        });
      });
    });
    request.once("error", reject);
  });
}

/** Asks poc-gateway, through its sidecar. */
export async function askPoc(
  gateway: Pod,
  { headers = {}, path = "/service" }: PocQuestion = {},
): Promise<PocAnswer> {
  const answer = await httpGet(gateway.address, GATEWAY_PORT, path, headers);
  const service = answer.body.upstream?.body;
  return { ...answer, service, pod: service?.podName ?? "" };
}

/** Asks so often, one after another; each has to succeed. The pods that have answered, in order. */
export async function podsOf(
  gateway: Pod,
  times: number,
  question: PocQuestion = {},
): Promise<string[]> {
  const pods: string[] = [];
  for (let i = 0; i < times; i++) {
    const { status, pod, service } = await askPoc(gateway, question);
    if (status !== 200) throw new Error(`call ${i}: ${status} ${JSON.stringify(service)}`);
    pods.push(pod);
  }
  return pods;
}

/** As `podsOf`, but the Deployments whose pods have answered. */
export async function deploymentsOf(
  gateway: Pod,
  times: number,
  question: PocQuestion = {},
): Promise<string[]> {
  return (await podsOf(gateway, times, question)).map(deploymentOf);
}

function parsed(text: string): any {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
