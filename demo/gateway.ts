// HTTP requests into Dubbo calls, and their results into JSON; users also from other sources.
//
//   GET /version                      which consumer this is
//   GET /GetUserDubbo  ?id=           GET /GetOrderDubbo ?id=
//   GET /SetUserDubbo  ?id=&name=     GET /SetOrderDubbo ?id=&name=
//   GET /usergrpc      ?id=           GET /userhttp      ?id=
//   answer: {"resultMap":{…},"success":true} or {"success":false,"error":"…"}
//
// The headers `end-user` and `user-id`, or parameters of these names, go along as attachments, and
// to other sources as headers: what calls are routed by. So does `traceparent`, by which a call stays in
// its caller's trace. No other header does.

import type { IncomingMessage, ServerResponse } from "node:http";
import type { DubboClient } from "./dubbo/client.ts";
import type { Attachments } from "./dubbo/message.ts";
import { DubboConnectionError, DubboException, DubboFormatError } from "./dubbo/errors.ts";
import { DubboStatusError, DubboTimeoutError, messageOf } from "./dubbo/errors.ts";
import { Status } from "./dubbo/protocol.ts";
import type { Pod } from "./pod.ts";
import { fromJava, ORDERS, toJava, toJson, USERS, type RecordService } from "./record.ts";
import { UserCallError, type UserSource } from "./user_sources.ts";

/** What calls Dubbo services: a `DubboClient`, or what chooses one by the call. */
export type DubboCaller = Pick<DubboClient, "call">;

type Result = { status: number; body: object };
type Route = (query: URLSearchParams, attachments: Attachments) => Promise<Result> | Result;

/** Headers and parameters that become attachments. */
const PASSED_ON = ["end-user", "user-id", "traceparent"];
/** What gRPC takes as a header's value. */
const PRINTABLE = /^[\x20-\x7e]*$/;

/** The request listener for a node HTTP server. `sources` has users for paths such as "/usergrpc". */
export function gateway(
  client: DubboCaller,
  pod: Pod,
  versionLabel: string,
  sources: Record<string, UserSource> = {},
) {
  const routes = new Map<string, Route>([
    ["/version", () => success({ version: versionLabel, ...pod })],
    ["/GetUserDubbo", (...asked) => get(client, USERS, ...asked)],
    ["/SetUserDubbo", (...asked) => set(client, USERS, pod, ...asked)],
    ["/GetOrderDubbo", (...asked) => get(client, ORDERS, ...asked)],
    ["/SetOrderDubbo", (...asked) => set(client, ORDERS, pod, ...asked)],
  ]);
  for (const [path, source] of Object.entries(sources)) {
    routes.set(path, (...asked) => user(source, ...asked));
  }
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
  client: DubboCaller,
  service: RecordService,
  query: URLSearchParams,
  attachments: Attachments,
) {
  return record(client, service, service.get, query.get("id") ?? "1", attachments);
}

async function set(
  client: DubboCaller,
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
  client: DubboCaller,
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

async function user(
  source: UserSource,
  query: URLSearchParams,
  attachments: Attachments,
): Promise<Result> {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(attachments)) {
    const text = String(value);
    if (!PRINTABLE.test(text)) return failure(400, `${name} cannot go along as a header: ${text}`);
    headers[name] = text;
  }
  return success(await source(query.get("id") ?? "1", headers));
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
  if (error instanceof UserCallError) return error.late ? 504 : 502;
  if (error instanceof DubboStatusError) {
    const late: number[] = [Status.CLIENT_TIMEOUT, Status.SERVER_TIMEOUT];
    return late.includes(error.status) ? 504 : 502;
  }
  if (error instanceof DubboException || error instanceof DubboConnectionError) return 502;
  return error instanceof DubboFormatError ? 502 : 500;
}
