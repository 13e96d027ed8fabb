// What the live page's buttons do in the demo: calls by way of the gateway, and providers that are killed.

import type { Action } from "../observability/page/server.ts";

const CALLS: [id: string, label: string, path: string, headers?: Record<string, string>][] = [
  ["get-user", "GetUser", "/GetUserDubbo?id=7"],
  ["get-user-jason", "GetUser as jason", "/GetUserDubbo?id=7", { "end-user": "jason" }],
  ["set-order", "SetOrder", "/SetOrderDubbo?id=7&name=book"],
  // A record without an id is what the provider throws an exception for.
  ["exception", "SetUser with an exception", "/SetUserDubbo?id="],
  ["grpc", "GetUser over gRPC", "/usergrpc?id=7"],
];
/** More than the gateway waits for an answer. */
const LATE_MS = 5000;

/**
 * The demo's actions.
 * @param gateway The consumer's address, e.g. "http://127.0.0.1:8090".
 * @param providers What may be killed, by name.
 * @param kill Kills one; false where it does not run.
 */
export function demoActions(
  gateway: string,
  providers: string[],
  kill: (name: string) => boolean,
): Action[] {
  return [
    ...CALLS.map(([id, label, path, headers]): Action => {
      return { id, label, kind: "call", run: () => call(`${gateway}${path}`, headers) };
    }),
    ...providers.map((name): Action => {
      const run = async () => {
        if (!kill(name)) throw new Error("does not run now; it comes back by itself");
        return "done; it comes back in a moment";
      };
      return { id: `kill-${name}`, label: `Kill ${name}`, kind: "kill", run };
    }),
  ];
}

async function call(url: string, headers?: Record<string, string>): Promise<string> {
  const began = performance.now();
  const response = await fetch(url, { headers, signal: AbortSignal.timeout(LATE_MS) });
  const body = (await response.json()) as {
    resultMap?: { podName?: string };
    error?: string;
  };
  const ms = (performance.now() - began).toFixed(1);
  if (!response.ok) throw new Error(`${body.error} (${ms} ms)`);
  return `was answered by ${body.resultMap?.podName} in ${ms} ms`;
}
