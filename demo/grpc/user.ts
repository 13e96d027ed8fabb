// The user service over gRPC: its handlers, and users as messages and as records.

import { status as Status } from "@grpc/grpc-js";
import type { DemoRecord } from "../record.ts";
import type { RecordStore } from "../record_store.ts";
import { StatusError, unary } from "./handlers.ts";
import type { GetUserRequest, UserMessage } from "./services.ts";

/** Handlers of `USER_PROVIDER`, for a `GrpcServer`. */
export function userHandlers(store: RecordStore) {
  return {
    GetUser: unary(({ id }: GetUserRequest) => toMessage(store.get(id))),
    SetUser: unary(({ id, name }: UserMessage) => {
      if (id === "") throw new StatusError(Status.INVALID_ARGUMENT, "the user has no id");
      return toMessage(store.set(id, name));
    }),
  };
}

/** The record as a message; its time to the millisecond. */
export function toMessage({ time, ...fields }: DemoRecord): UserMessage {
  const ms = time.getTime();
  const seconds = Math.floor(ms / 1000);
  return { ...fields, time: { seconds, nanos: (ms - seconds * 1000) * 1_000_000 } };
}

/** The message as a record; a time that is missing becomes now. */
export function fromMessage({ time, ...fields }: UserMessage): DemoRecord {
  const ms = time === null ? Date.now() : time.seconds * 1000 + Math.floor(time.nanos / 1_000_000);
  return { ...fields, time: new Date(ms) };
}
