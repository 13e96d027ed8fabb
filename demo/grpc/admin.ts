// A gRPC server's admin interface over HTTP: probes, and a switch for its health. It is for whoever
// runs the demo; anyone who reaches the port can turn the switch.
//
//   GET  /live, /startup              200: the process answers
//   GET  /ready                       200 while the whole server is SERVING, else 503
//   GET  /health                      {"": "SERVING", "meshgrpc.Mesher": "SERVING", …}
//   POST /health?status=NOT_SERVING   sets all, or one with &service=; answers like GET

import type { IncomingMessage, ServerResponse } from "node:http";
import type { Health } from "./health.ts";
import { SERVING_STATUSES } from "./services.ts";

/** The request listener for a node HTTP server. */
export function healthAdmin(health: Health) {
  return (request: IncomingMessage, response: ServerResponse): void => {
    const [path, query = ""] = (request.url ?? "/").split("?", 2);
    const { status, body } = answer(health, `${request.method} ${path}`, query);
    response.writeHead(status, { "content-type": "application/json" });
    response.end(`${JSON.stringify(body)}\n`);
  };
}

function answer(health: Health, asked: string, query: string): { status: number; body: object } {
  switch (asked) {
    case "GET /live":
    case "GET /startup":
      return { status: 200, body: {} };
    case "GET /ready":
      return { status: health.get("") === "SERVING" ? 200 : 503, body: health.all() };
    case "GET /health":
      return { status: 200, body: health.all() };
    case "POST /health":
      return setHealth(health, new URLSearchParams(query));
    default:
      return { status: 404, body: { error: `There is no ${asked}.` } };
  }
}

function setHealth(health: Health, query: URLSearchParams): { status: number; body: object } {
  const status = SERVING_STATUSES.find((one) => one === query.get("status"));
  const service = query.get("service") ?? undefined;
  if (status === undefined) {
    return { status: 400, body: { error: `status is one of ${SERVING_STATUSES.join(", ")}` } };
  }
  if (service !== undefined && health.get(service) === undefined) {
    return { status: 400, body: { error: `There is no service ${service}.` } };
  }
  health.set(status, service);
  return { status: 200, body: health.all() };
}
