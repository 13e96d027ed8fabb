// The demo's .proto files as service definitions with types, for `GrpcClient` and `GrpcServer`.
//
// The types of messages are written by hand: there are few, and no generator has to be run.

import type { MethodDefinition, ServiceDefinition } from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import { fileURLToPath } from "node:url";

/** Request and answer of `meshgrpc.Mesher/SayHello`. */
export interface HelloRequest {
  name: string;
}
export interface HelloReply {
  message: string;
}

/** Argument of `com.k8s.User.UserProvider/GetUser`. */
export interface GetUserRequest {
  id: string;
}

/** A `com.k8s.User.User`; `grpc/user.ts` makes records of them. */
export interface UserMessage {
  id: string;
  name: string;
  podName: string;
  podNamespace: string;
  podIp: string;
  service: string;
  type: string;
  /** A google.protobuf.Timestamp; null where it is missing. */
  time: { seconds: number; nanos: number } | null;
}

/** Argument of the health service: the full name of a service, or "" for the whole server. */
export interface HealthCheckRequest {
  service: string;
}

/** Names of `grpc.health.v1.HealthCheckResponse.ServingStatus` that a server can be set to. */
export const SERVING_STATUSES = ["UNKNOWN", "SERVING", "NOT_SERVING"] as const;

/** What a server says of itself or of one of its services. */
export type ServingStatus = (typeof SERVING_STATUSES)[number];

/** Answer of the health service. */
export interface HealthCheckResponse {
  status: ServingStatus | "SERVICE_UNKNOWN";
}

/** `meshgrpc.Mesher`. */
export const MESHER = load<{ SayHello: MethodDefinition<HelloRequest, HelloReply> }>(
  "mesher.proto",
  "meshgrpc.Mesher",
);

/** `com.k8s.User.UserProvider`, the Dubbo interface of that name over gRPC. */
export const USER_PROVIDER = load<{
  GetUser: MethodDefinition<GetUserRequest, UserMessage>;
  SetUser: MethodDefinition<UserMessage, UserMessage>;
}>("user.proto", "com.k8s.User.UserProvider");

/** `grpc.health.v1.Health`. */
export const HEALTH = load<{
  Check: MethodDefinition<HealthCheckRequest, HealthCheckResponse>;
  Watch: MethodDefinition<HealthCheckRequest, HealthCheckResponse>;
}>("health.proto", "grpc.health.v1.Health");

/** A service's full name and its methods. */
export interface Service<Methods> {
  name: string;
  methods: Methods;
}

function load<Methods>(file: string, name: string): Service<Methods> {
  const path = fileURLToPath(new URL(file, import.meta.url));
  // Fields that are not on the wire have proto3's defaults, and a message is null.
  const loaded = loadSync(path, { longs: Number, enums: String, defaults: true });
  return { name, methods: loaded[name] as ServiceDefinition as Methods };
}
