// echo: what comes goes back, until SIGTERM or SIGINT.
//
//   GET  /ready       200; 503 once it has been told to end
//   GET  other paths  the request's headers as JSON
//   POST /echo        the request's JSON body
//   /ws               WebSocket: each message goes back as it came
//
// Every answer has the header x-pod-name, so that one sees which copy gave it.
//
// Options: --port, --host, --version-label, --drain ms (how long it goes on answering after SIGTERM,
// not ready); or in the environment PORT, HOST, VERSION_LABEL, DRAIN_MS. See pod.ts for POD_NAME.

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { WebSocketServer } from "ws";
import { podFromEnvironment } from "../pod.ts";

// What a client chooses does not grow this process without bound.
const MAX_BODY_BYTES = 1024 * 1024;
const MAX_UNREAD_BYTES = 4 * MAX_BODY_BYTES;
// Envoy closes a connection that is idle for 60 s (clusters/*.yaml); if the server did so first, a
// request could meet the end of its connection.
const KEEP_ALIVE_MS = 75_000;
const GRACE_MS = 5000;
const GOING_AWAY = 1001;

const { values } = parseArgs({
  options: {
    port: { type: "string", default: process.env.PORT || "8080" },
    host: { type: "string", default: process.env.HOST || "127.0.0.1" },
    "version-label": { type: "string", default: process.env.VERSION_LABEL || "v1" },
    drain: { type: "string", default: process.env.DRAIN_MS || "0" },
  },
});
const { podName } = podFromEnvironment("echo", values["version-label"]);
let ending = false;

const server = createServer((request, response) => {
  // A client that leaves in the middle of its body has ended, no more.
  answer(request, response).catch(() => response.destroy());
});
server.keepAliveTimeout = KEEP_ALIVE_MS;

const sockets = new WebSocketServer({ server, path: "/ws", maxPayload: MAX_BODY_BYTES });
sockets.on("headers", (lines) => lines.push(`x-pod-name: ${podName}`));
sockets.on("connection", (socket) => {
  socket.on("error", () => socket.terminate());
  socket.on("message", (data, binary) => {
    if (socket.bufferedAmount > MAX_UNREAD_BYTES) socket.terminate();
    else socket.send(data, { binary });
  });
});

server.listen(Number(values.port), values.host, () => {
  console.log(`echo (${podName}) on http://${values.host}:${values.port}`);
});
process.once("SIGTERM", () => void end());
process.once("SIGINT", () => void end());

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const path = (request.url ?? "/").split("?", 1)[0];
  const asked = `${request.method} ${path}`;
  if (asked === "GET /ready") return send(response, ending ? 503 : 200, { ready: !ending });
  if (asked === "POST /echo") return echo(request, response);
  if (request.method === "GET") return send(response, 200, request.headers);
  send(response, 404, { error: "there is GET of any path, POST /echo, and /ws for WebSockets" });
}

async function echo(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    length += part.length;
    // What is too long is read to its end all the same: the client listens only then.
    if (length <= MAX_BODY_BYTES) parts.push(part);
    else parts.length = 0;
  }
  if (length > MAX_BODY_BYTES) return send(response, 413, { error: "more than 1 MiB" });
  try {
    send(response, 200, JSON.parse(Buffer.concat(parts).toString()));
  } catch {
    send(response, 400, { error: "the body is not JSON" });
  }
}

function send(response: ServerResponse, status: number, body: unknown): void {
  // Else Envoy would keep its connection for more, and be cut off in the middle of it.
  if (ending) response.setHeader("connection", "close");
  response.writeHead(status, { "content-type": "application/json", "x-pod-name": podName });
  response.end(`${JSON.stringify(body)}\n`);
}

async function end(): Promise<void> {
  if (ending) return;
  ending = true;
  // Envoy goes on sending requests until it has asked for /ready.
  await sleep(Number(values.drain));
  for (const socket of sockets.clients) socket.close(GOING_AWAY, "the server ends");
  setTimeout(() => process.exit(0), GRACE_MS).unref();
  server.close(() => process.exit(0));
}
