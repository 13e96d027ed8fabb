// What the HTTP services of the demos have in common: options, health, an answer that says who gives
// it, faults on demand, and an end that loses no request.
//
//   GET /version        who this is
//   GET /config         the settings and where each comes from, see settings.ts
//   GET /live, /startup, /ready   200; /ready 503 once the service has been told to end
//   GET anything else   the service's own paths; 404 where it has none of that name
//
// Parameters of a service's own paths, which services also pass on to the next:
//
//   at       beginning of a pod's name, e.g. poc-service-v3: the pods that the other two speak to
//   status   the status to fail with, 400 to 599
//   delay    ms to wait before, at most 10000
//
// Options: --port, --host, --version-label, --config file, --timeout ms, --drain ms, and one per
// address of another service; or in the environment PORT, HOST, VERSION_LABEL, CONFIG_FILE,
// TIMEOUT_MS, DRAIN_MS, and e.g. DATA_ADDRESS for --data. See pod.ts for POD_NAME and its like.

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { podFromEnvironment, type Pod } from "../pod.ts";
import { Settings } from "./settings.ts";
import { ask, type Upstream } from "./upstream.ts";

/** What a handler knows of its service. */
export interface Context {
  settings: Settings;
  /** Addresses of other services by name, as configured. */
  addresses: Record<string, string>;
  /** How long another service may take, in ms. */
  timeoutMs: number;
}

/** What a handler says: fields of the JSON answer, by default with status 200. */
export interface Answer {
  status?: number;
  fields: object;
  setCookie?: string[];
}

/** One path. A handler that throws is answered with status 500. */
export type Handler = (request: IncomingMessage, query: URLSearchParams) => Promise<Answer>;

/** A service. */
export interface Service {
  /** Its name, e.g. "poc-data". */
  name: string;
  /** Where it listens unless told otherwise. */
  port: number;
  /** Other services by name, with the address that each has by default. */
  addresses?: Record<string, string>;
  paths: (context: Context) => Record<string, Handler>;
}

// Longer than the longest fault of manifests/traffic, 10 s.
const TIMEOUT_MS = 15_000;
const MAX_DELAY_MS = 10_000;
// Less than the 30 s after which Kubernetes kills a pod.
const GRACE_MS = 15_000;

/** Runs the service until SIGTERM or SIGINT; rejects where it cannot listen. */
export async function runService(service: Service): Promise<void> {
  const options = readOptions(service);
  const { versionLabel, host, port, config } = options;
  const pod = podOf(service.name, versionLabel);
  const settings = new Settings(process.env, config);
  const paths = new Map(Object.entries(service.paths({ ...options, settings })));
  const who = { service: service.name, version: versionLabel, ...pod };
  let ending = false;

  const server = createServer((request, response) => void answer(request, response));

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [path, parameters = ""] = (request.url ?? "/").split("?", 2);
    const query = new URLSearchParams(parameters);
    const { method = "", headers } = request;
    if (method !== "GET") return send(response, 405, { error: "every path is for GET" });
    if (path === "/live" || path === "/startup") return send(response, 200, { live: true });
    if (path === "/ready") return send(response, ending ? 503 : 200, { ready: !ending });
    if (path === "/version") return send(response, 200, who);
    if (path === "/config") return send(response, 200, settings.describe());
    const { status, fields, setCookie } = await own(path, request, query);
    const { host: authority = "", "x-request-id": id = "-" } = headers;
    // A mirrored request shows here only: its answer is dropped. It has the id of its original.
    console.log(`${method} ${path} ${status} authority=${authority} x-request-id=${String(id)}`);
    if (setCookie.length > 0) response.setHeader("set-cookie", setCookie);
    send(response, status, { ...who, headers, ...fields });
  }

  function send(response: ServerResponse, status: number, body: object): void {
    // Else a caller would keep its connection for more, and be cut off in the middle of it.
    if (ending) response.setHeader("connection", "close");
    response.writeHead(status, { "content-type": "application/json" });
    response.end(`${JSON.stringify(body)}\n`);
  }

  async function own(path: string, request: IncomingMessage, query: URLSearchParams) {
    const handler = paths.get(path);
    if (handler === undefined) {
      const error = `there is no ${path}; try ${[...paths.keys()].join(" ")}`;
      return { status: 404, fields: { error }, setCookie: [] };
    }
    try {
      const fault = await faultFor(pod, query);
      const { status = 200, fields, setCookie = [] } = fault ?? (await handler(request, query));
      return { status, fields, setCookie };
    } catch (error) {
      return { status: 500, fields: { error: String(error) }, setCookie: [] };
    }
  }

  async function end(): Promise<void> {
    if (ending) return;
    ending = true;
    // The mesh goes on sending requests until it has heard that this pod is leaving.
    await sleep(options.drainMs);
    settings.close();
    const timer = setTimeout(() => server.closeAllConnections(), GRACE_MS);
    server.close(() => {
      clearTimeout(timer);
      process.exit(0);
    });
  }

  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, resolve);
  });
  process.once("SIGTERM", () => void end());
  process.once("SIGINT", () => void end());
  console.log(`${pod.podName} on http://${host}:${port}`);
}

/**
 * Asks another service for a path, with the request's query and headers passed on. Its status
 * becomes ours, its answer a field.
 */
export async function passOn(
  { addresses, timeoutMs }: Context,
  name: string,
  path: string,
  { headers }: IncomingMessage,
  query: URLSearchParams,
): Promise<Answer> {
  const url = new URL(path, addresses[name]);
  url.search = query.toString();
  const upstream: Upstream = await ask(url, headers, timeoutMs);
  const { status, body, setCookie } = upstream;
  return { status, fields: { upstream: { status, body } }, setCookie };
}

async function faultFor({ podName }: Pod, query: URLSearchParams): Promise<Answer | undefined> {
  const at = query.get("at");
  if (at === null || at === "" || !podName.startsWith(at)) return undefined;
  const delay = Number(query.get("delay"));
  if (delay > 0) await sleep(Math.min(delay, MAX_DELAY_MS));
  const status = Number(query.get("status"));
  if (!(status >= 400 && status <= 599)) return undefined;
  return { status: Math.floor(status), fields: { error: "a fault, as asked for" } };
}

function podOf(name: string, versionLabel: string): Pod {
  const pod = podFromEnvironment(name, versionLabel);
  // As a Deployment of this name and version would call it, so that `at` means the same here.
  return process.env.POD_NAME ? pod : { ...pod, podName: `${name}-${versionLabel}` };
}

function readOptions({ port, addresses = {} }: Service) {
  const text = (name: string, fallback: string) =>
    ({ type: "string", default: process.env[name] || fallback }) as const;
  const { values } = parseArgs({
    options: {
      port: text("PORT", String(port)),
      host: text("HOST", "127.0.0.1"),
      "version-label": text("VERSION_LABEL", "v1"),
      config: { type: "string", default: process.env.CONFIG_FILE || undefined },
      timeout: text("TIMEOUT_MS", String(TIMEOUT_MS)),
      drain: text("DRAIN_MS", "0"),
      ...Object.fromEntries(
        Object.entries(addresses).map(([name, address]) => [
          name,
          text(`${name.toUpperCase()}_ADDRESS`, address),
        ]),
      ),
    },
  });
  const given: Record<string, unknown> = values;
  return {
    port: Number(values.port),
    host: values.host,
    versionLabel: values["version-label"],
    config: values.config,
    timeoutMs: Number(values.timeout),
    drainMs: Number(values.drain),
    addresses: Object.fromEntries(
      Object.keys(addresses).map((name) => [name, String(given[name])]),
    ),
  };
}
