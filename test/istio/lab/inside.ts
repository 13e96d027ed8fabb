// Asks from inside of a pod, by names that only the mesh knows and from addresses that only the pod
// has; see pod_caller.ts.

import type { IncomingHttpHeaders } from "node:http";
import { fromRoot, ROOT } from "../../../harness/repository.ts";
import type { Pod } from "./pod.ts";

/** A GET, or a line over TCP. */
export type Question =
  | { host: string; port: number; path: string; headers?: Record<string, string> }
  | { host: string; port: number; line: string };

/** What came of it: an HTTP answer, a line, or why there is none. */
export interface InsideAnswer {
  status?: number;
  headers?: IncomingHttpHeaders;
  body?: string;
  line?: string;
  error?: string;
}

/** Asks one question after another, each over a connection of its own. */
export async function askInside(pod: Pod, questions: Question[]): Promise<InsideAnswer[]> {
  const file = fromRoot("test", "istio", "lab", "pod_caller.ts");
  const args = ["--import", "tsx", file, JSON.stringify(questions)];
  const name = `pod_caller in ${pod.object.metadata.name}`;
  const text = await pod.run({ name, command: [process.execPath, ...args], cwd: ROOT });
  return text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as InsideAnswer);
}

/** Gives the pod one address more, from which all new connections come to its sidecar from now on. */
export async function useSourceAddress(pod: Pod, address: string): Promise<void> {
  const ip = (...args: string[]) => pod.run({ name: "ip", command: ["ip", ...args] });
  await ip("address", "replace", `${address}/32`, "dev", "eth0");
  const route = (await ip("-json", "route", "show", "default")).trim();
  const [{ gateway }] = JSON.parse(route) as [{ gateway: string }];
  await ip("route", "replace", "default", "via", gateway, "src", address);
}
