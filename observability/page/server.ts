// Serves the page, and by way of it one path of one Envoy's admin interface; nothing else of that goes
// through, since the admin interface can also end Envoy.
//
// The page's TypeScript becomes a script when it is asked for; nothing built lies about. The server
// listens on 127.0.0.1 alone and answers only who calls it by that address, so that no other page in the
// browser, under whatever name, can read from it or press its buttons.

import { build } from "esbuild";
import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { fromRoot } from "../../harness/repository.ts";

/** What a button of the page does. */
export interface Action {
  /** Its place in the address; letters, digits and dashes. */
  id: string;
  label: string;
  /** `call`, or `kill` for what ends a provider. */
  kind: "call" | "kill";
  /** Does it, and resolves to a line that says what came of it; its rejection's message says so too. */
  run: () => Promise<string>;
}

/** Where the page finds Envoy, and what it may do. */
export interface PageOptions {
  /** Address of the admin interface, e.g. "http://127.0.0.1:15000". */
  envoy: string;
  /** 0 takes any that is free. */
  port: number;
  /** No buttons where there are none. */
  actions?: Action[];
}

/** A page that is being served. */
export interface Page {
  /** E.g. "http://127.0.0.1:8092/". */
  url: string;
  /** Ends it, with all connections. */
  close: () => void;
}

const HOST = "127.0.0.1";
const FOLDER = fromRoot("observability/page");
const LATE_MS = 8000;
/** What the page asks for of all that Envoy counts, as a regex over Envoy's own names. */
const WANTED =
  "dubbo_|^cluster\\..*\\.upstream_(rq_total|cx_(total|active|connect_fail|[rt]x_bytes_total))$";

/** Nothing but the page's own script and style; no frame around it. */
const HEADERS = {
  "content-security-policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; " +
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "x-content-type-options": "nosniff",
  "cache-control": "no-store",
};

/** Serves the page. Rejects where its port is in use, or its sources cannot be read. */
export async function servePage({ envoy, port, actions = [] }: PageOptions): Promise<Page> {
  const script = await bundle();
  const about = { envoy, actions: actions.map(({ id, label, kind }) => ({ id, label, kind })) };
  const files: Record<string, [type: string, body: string]> = {
    "/": ["text/html; charset=utf-8", readFileSync(`${FOLDER}/index.html`, "utf8")],
    "/page.css": ["text/css", readFileSync(`${FOLDER}/page.css`, "utf8")],
    "/page.js": ["text/javascript", script],
    "/about": ["application/json", JSON.stringify(about)],
  };
  const server = createServer((request, response) => {
    const own = (server.address() as AddressInfo).port;
    void answer(request, own, envoy, files, actions).then(({ status, type, body }) => {
      response.writeHead(status, { ...HEADERS, "content-type": type });
      response.end(body);
    });
  });
  await listen(server, port);
  return {
    url: `http://${HOST}:${(server.address() as AddressInfo).port}/`,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

interface Answer {
  status: number;
  type: string;
  body: string;
}

async function answer(
  { method, url = "/", headers }: IncomingMessage,
  port: number,
  envoy: string,
  files: Record<string, [type: string, body: string]>,
  actions: Action[],
): Promise<Answer> {
  const own = [`${HOST}:${port}`, `localhost:${port}`];
  // A name that someone lets point here is not ours.
  if (!own.includes(headers.host ?? "")) return text(403, `this is ${own[0]}`);
  const [path] = url.split("?", 1) as [string];
  if (method === "POST") {
    if (headers.origin !== `http://${headers.host}`) return text(403, "not from this page");
    const action = actions.find(({ id }) => path === `/actions/${id}`);
    if (action === undefined) return text(404, "there is no such action");
    // A call that fails is what the button is for: the page has it as an answer, not as an error of its own.
    const answer = await action.run().then(
      (said) => ({ ok: true, said }),
      (error: Error) => ({ ok: false, said: error.message }),
    );
    return { status: 200, type: "application/json", body: JSON.stringify(answer) };
  }
  if (method !== "GET") return text(405, "only GET and POST");
  if (path === "/stats/prometheus") return stats(envoy);
  const file = Object.hasOwn(files, path) ? files[path] : undefined;
  if (file === undefined) return text(404, "there is no such page");
  return { status: 200, type: file[0], body: file[1] };
}

async function stats(envoy: string): Promise<Answer> {
  const url = new URL("/stats/prometheus", envoy);
  url.searchParams.set("filter", WANTED);
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(LATE_MS), redirect: "error" });
    const body = await response.text();
    if (!response.ok) return text(502, `${envoy} answers with status ${response.status}`);
    return text(200, body);
  } catch (error) {
    const { message, cause } = error as Error;
    return text(502, `${envoy}: ${cause instanceof Error ? cause.message : message}`);
  }
}

function text(status: number, body: string): Answer {
  return { status, type: "text/plain; charset=utf-8", body };
}

async function bundle(): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [`${FOLDER}/main.ts`],
    bundle: true,
    write: false,
    format: "esm",
    target: "es2022",
    charset: "utf8",
    logLevel: "silent",
  });
  return outputFiles[0]!.text;
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ port, host: HOST }, resolve);
  });
}
