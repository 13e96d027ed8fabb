// The services of demo/istio_poc as processes, for tests of them.

import type { IncomingHttpHeaders } from "node:http";
import { basename } from "node:path";
import type { TestContext } from "node:test";
import { freePort } from "../../../harness/ports.ts";
import { startProcess, type ManagedProcess } from "../../../harness/processes.ts";
import { accepts, answers } from "../../../harness/readiness.ts";
import { fromRoot, ROOT } from "../../../harness/repository.ts";

/** Time of a test or suite in ms. */
export const LIMIT = { timeout: 60_000 };
/** Time in ms for whatever a test waits for. */
export const READY_MS = 20_000;

/** A service that runs. */
export interface Part {
  port: number;
  url: string;
  process: ManagedProcess;
}

// A started service's answer; each test looks only at what it is about.
interface Answer {
  service: string;
  version: string;
  podName: string;
  headers: IncomingHttpHeaders;
  greeting: string;
  captcha: string;
  data: { item: string };
  message: string;
  error: string;
  upstream: { status: number; body: Answer };
}

/**
 * Starts a program of demo/istio_poc, or of what stands beside it, on a free port; resolved once it is
 * ready.
 */
export async function start(
  script: string,
  args: string[],
  env: Record<string, string> = {},
): Promise<Part> {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const nodeArgs = [fromRoot("harness/run.mjs"), `demo/istio_poc/${script}`, "--port", `${port}`];
  const command = process.execPath;
  const name = basename(script, ".ts");
  const child = startProcess({ name, command, args: [...nodeArgs, ...args], cwd: ROOT, env });
  const ready = script === "tcp_echo.ts" ? () => accepts(port) : () => answers(`${url}/ready`);
  await child.waitUntil("ready", READY_MS, ready);
  return { port, url, process: child };
}

/** The same, until the test ends. */
export async function startFor(t: TestContext, ...what: Parameters<typeof start>): Promise<Part> {
  const part = await start(...what);
  t.after(() => part.process.stop());
  return part;
}

/** GET with the answer read. */
export async function get(url: string, headers: Record<string, string> = {}) {
  const response = await fetch(url, { headers });
  return { status: response.status, response, body: (await response.json()) as Answer };
}
