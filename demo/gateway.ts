// HTTP requests into Dubbo calls, and their results into JSON.
//
//   GET /version                      which consumer this is
//   GET /GetUserDubbo  ?id=           GET /GetOrderDubbo ?id=
//   GET /SetUserDubbo  ?id=&name=     GET /SetOrderDubbo ?id=&name=
//   answer: {"resultMap":{…},"success":true} or {"success":false,"error":"…"}

import type { IncomingMessage, ServerResponse } from "node:http";
import type { DubboClient } from "./dubbo/client.ts";
import { DubboConnectionError, DubboException, DubboFormatError } from "./dubbo/errors.ts";
import { DubboStatusError, DubboTimeoutError, messageOf } from "./dubbo/errors.ts";
import { Status } from "./dubbo/protocol.ts";
import type { Pod } from "./pod.ts";
import { fromJava, ORDERS, toJava, toJson, USERS, type RecordService } from "./record.ts";

type Result = { status: number; body: object };
type Route = (query: URLSearchParams) => Promise<Result> | Result;

/** The request listener for a node HTTP server. */
export function gateway(client: DubboClient, pod: Pod, versionLabel: string) {
  const routes = new Map<string, Route>([
    ["/version", () => success({ version: versionLabel, ...pod })],
    ["/GetUserDubbo", (query) => get(client, USERS, query)],
    ["/SetUserDubbo", (query) => set(client, USERS, pod, query)],
    ["/GetOrderDubbo", (query) => get(client, ORDERS, query)],
    ["/SetOrderDubbo", (query) => set(client, ORDERS, pod, query)],
    ["/userhttp", () => failure(501, "This demo has no HTTP service behind its gateway.")],
    ["/usergrpc", () => failure(501, "This demo has no gRPC service behind its gateway.")],
  ]);
  return (request: IncomingMessage, response: ServerResponse): void => {
    void answer(routes, request).then(({ status, body }) => {
      response.writeHead(status, { "content-type": "application/json" });
      response.end(`${JSON.stringify(body)}\n`);
    });
  };
}

async function answer(routes: Map<string, Route>, request: IncomingMessage): Promise<Result> {
  // Only the part behind the host matters, and it may begin with "//".
  const [path, query = ""] = (request.url ?? "/").split("?", 2);
  const route = routes.get(path);
  if (route === undefined) {
    return failure(404, `There is no ${path}; try ${[...routes.keys()].join(" ")}`);
  }
  if (request.method !== "GET") return failure(405, "Every path of this gateway is for GET.");
  try {
    return await route(new URLSearchParams(query));
  } catch (error) {
    return failure(statusOf(error), messageOf(error));
  }
}

async function get(client: DubboClient, service: RecordService, query: URLSearchParams) {
  return record(client, service, service.get, query.get("id") ?? "1");
}

async function set(client: DubboClient, service: RecordService, pod: Pod, query: URLSearchParams) {
  const [id, name] = [query.get("id") ?? "1", query.get("name") ?? "hello"];
  const { type } = service;
  const sent = { id, name, ...pod, service: "consumer", type, time: new Date() };
  return record(client, service, service.set, toJava(service, sent));
}

async function record(
  client: DubboClient,
  service: RecordService,
  { method, descriptor }: RecordService["get"],
  argument: unknown,
): Promise<Result> {
  const call = { interface: service.interface, method, descriptor, args: [argument] };
  const value = await client.call(call);
  return success(value === null ? null : toJson(fromJava(value)));
}

function success(resultMap: object | null): Result {
  return { status: 200, body: { resultMap, success: true } };
}

function failure(status: number, error: string): Result {
  return { status, body: { success: false, error } };
}

// 504 where an answer did not come in time, 502 where the provider or the way to it failed.
function statusOf(error: unknown): number {
  if (error instanceof DubboTimeoutError) return 504;
  if (error instanceof DubboStatusError) {
    const late: number[] = [Status.CLIENT_TIMEOUT, Status.SERVER_TIMEOUT];
    return late.includes(error.status) ? 504 : 502;
  }
  if (error instanceof DubboException || error instanceof DubboConnectionError) return 502;
  return error instanceof DubboFormatError ? 502 : 500;
}
