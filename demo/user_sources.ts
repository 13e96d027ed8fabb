// Where the gateway gets users from other than by Dubbo: gRPC, and plain HTTP.

import { status as Status, type ServiceError } from "@grpc/grpc-js";
import type { GrpcClient } from "./grpc/client.ts";
import { USER_PROVIDER } from "./grpc/services.ts";
import { fromMessage } from "./grpc/user.ts";
import { toJson } from "./record.ts";

/**
 * The user of that id as it stands in an answer of the gateway; `headers` go along with the call, in
 * printable ASCII. Rejects with a UserCallError.
 */
export type UserSource = (id: string, headers: Record<string, string>) => Promise<object>;

/** A call that brought no user. */
export class UserCallError extends Error {
  override readonly name = "UserCallError";
  /** No answer came in time; else the service, or the way to it, failed. */
  readonly late: boolean;

  constructor(message: string, late: boolean) {
    super(message);
    this.late = late;
  }
}

/** Asks `com.k8s.User.UserProvider/GetUser`. */
export function grpcUsers(client: GrpcClient): UserSource {
  return async (id, headers) => {
    try {
      return toJson(fromMessage(await client.call(USER_PROVIDER.methods.GetUser, { id }, headers)));
    } catch (error) {
      const { code, message } = error as ServiceError;
      throw new UserCallError(message, code === Status.DEADLINE_EXCEEDED);
    }
  };
}

/** Asks `GET http://<address>/user?id=` (see user_http.ts); `timeoutMs` is for all of it. */
export function httpUsers(address: string, timeoutMs: number): UserSource {
  return async (id, headers) => {
    const url = `http://${address}/user?id=${encodeURIComponent(id)}`;
    let response: Response;
    let text: string;
    try {
      response = await fetch(url, { headers, signal: AbortSignal.timeout(timeoutMs) });
      text = await response.text();
    } catch (error) {
      const late = error instanceof Error && error.name === "TimeoutError";
      // What went wrong stands in the cause; the message is "fetch failed".
      const { message } = ((error as Error).cause ?? error) as Error;
      throw new UserCallError(late ? `no answer from ${url} in ${timeoutMs} ms` : message, late);
    }
    // A proxy on the way says 504 in the service's place.
    if (response.status !== 200) {
      throw new UserCallError(`${url}: ${response.status} ${text.trim()}`, response.status === 504);
    }
    try {
      return JSON.parse(text);
    } catch {
      throw new UserCallError(`${url}: what came is not JSON`, false);
    }
  };
}
