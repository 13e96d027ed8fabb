// Asks the demo's consumer for Dubbo calls, over HTTP and through its own sidecar.

import { deploymentOf } from "./kubernetes.ts";
import type { Pod } from "./pod.ts";

/** What a service answered: fields of the record, see demo/record.ts, and the Deployment whose pod it was. */
export type Answer = Record<string, unknown> & { deployment: string };

/** How to ask. */
export interface AskOptions {
  /** HTTP headers; the gateway passes some of them on as attachments. */
  headers?: Record<string, string>;
}

const PORT = 8090;
const ASK_MS = 10_000;

/** Has the consumer make a call. Rejects where the gateway tells of a failure. */
export async function ask(consumer: Pod, path: string, options: AskOptions = {}): Promise<Answer> {
  const signal = AbortSignal.timeout(ASK_MS);
  const response = await fetch(`http://${consumer.address}:${PORT}${path}`, { ...options, signal });
  const text = await response.text();
  if (!response.ok) throw new Error(`GET ${path}: ${response.status} ${text}`);
  const { resultMap } = JSON.parse(text) as { resultMap: Record<string, unknown> };
  return { ...resultMap, deployment: deploymentOf(String(resultMap.podName)) };
}
