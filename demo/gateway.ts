// HTTP requests into Dubbo calls, and their results into JSON.
//
//   GET /version                      which consumer this is
//   GET /GetUserDubbo  ?id=           GET /GetOrderDubbo ?id=
//   GET /SetUserDubbo  ?id=&name=     GET /SetOrderDubbo ?id=&name=
//   answer: {"resultMap":{…},"success":true} or {"success":false,"error":"…"}
//
// The headers `end-user` and `user-id`, or parameters of these names, go along as attachments: what
// calls are routed by. No other header does.

import type { IncomingMessage, ServerResponse } from "node:http";
import type { DubboClient } from "./dubbo/client.ts";
import type { Attachments } from "./dubbo/message.ts";
import { DubboConnectionError, DubboException, DubboFormatError } from "./dubbo/errors.ts";
import { DubboStatusError, DubboTimeoutError, messageOf } from "./dubbo/errors.ts";
import { Status } from "./dubbo/protocol.ts";
import type { Pod } from "./pod.ts";
import { fromJava, ORDERS, toJava, toJson, USERS, type RecordService } from "./record.ts";

type Result = { status: number; body: object };
type Route = (query: URLSearchParams, attachments: Attachments) => Promise<Result> | Result;

/** Headers and parameters that become attachments. */
const PASSED_ON = ["end-user", "user-id"];

/** The request listener for a node HTTP server. */
export function gateway(client: DubboClient, pod: Pod, versionLabel: string) {
  const routes = new Map<string, Route>([
    ["/version", () => success({ version: versionLabel, ...pod })],
    ["/GetUserDubbo", (...asked) => get(client, USERS, ...asked)],
    ["/SetUserDubbo", (...asked) => set(client, USERS, pod, ...asked)],
    ["/GetOrderDubbo", (...asked) => get(client, ORDERS, ...asked)],
    ["/SetOrderDubbo", (...asked) => set(client, ORDERS, pod, ...asked)],
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
    const parameters = new URLSearchParams(query);
    return await route(parameters, attachmentsOf(request, parameters));
  } catch (error) {
    return failure(statusOf(error), messageOf(error));
  }
}

function attachmentsOf({ headers }: IncomingMessage, query: URLSearchParams): Attachments {
  const given = PASSED_ON.map((name) => [name, headers[name] ?? query.get(name)] as const);
  return Object.fromEntries(given.filter(([, value]) => value !== null));
}

async function get(
  client: DubboClient,
  service: RecordService,
  query: URLSearchParams,
  attachments: Attachments,
) {
  return record(client, service, service.get, query.get("id") ?? "1", attachments);
}

async function set(
  client: DubboClient,
  service: RecordService,
  pod: Pod,
  query: URLSearchParams,
  attachments: Attachments,
) {
  const [id, name] = [query.get("id") ?? "1", query.get("name") ?? "hello"];
  const { type } = service;
  const sent = { id, name, ...pod, service: "consumer", type, time: new Date() };
  return record(client, service, service.set, toJava(service, sent), attachments);
}

async function record(
  client: DubboClient,
  service: RecordService,
  { method, descriptor }: RecordService["get"],
  argument: unknown,
  attachments: Attachments,
): Promise<Result> {
  const { interface: path } = service;
  const call = { interface: path, method, descriptor, args: [argument], attachments };
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
