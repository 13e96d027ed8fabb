// Nacos' messages: nacos.proto, with a body of JSON.

import { loadPackageDefinition, type MethodDefinition } from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import { networkInterfaces } from "node:os";
import { fileURLToPath } from "node:url";

const PROTO = fileURLToPath(new URL("nacos.proto", import.meta.url));

/** A message, as its protocol buffer has it. */
export interface Payload {
  metadata: { type: string; clientIp: string } | null;
  body: { value: Buffer } | null;
}

/** The JSON of a body. */
export type Fields = Record<string, unknown>;

/** A method, as grpc-js takes it. */
export type Method = MethodDefinition<Payload, Payload>;

/** The two methods of nacos.proto. */
export function nacosMethods(): { request: Method; stream: Method } {
  const services = loadPackageDefinition(loadSync(PROTO)) as any;
  return {
    request: services.Request.service.request,
    stream: services.BiRequestStream.service.requestBiStream,
  };
}

/** A message of a type. */
export function payloadOf(type: string, fields: Fields): Payload {
  return {
    metadata: { type, clientIp: CLIENT_IP },
    body: { value: Buffer.from(JSON.stringify(fields)) },
  };
}

/** Type and body of a message. Throws where the body is no JSON object. */
export function fieldsOf(payload: Payload): { type: string; fields: Fields } {
  const fields: unknown = JSON.parse(String(payload.body?.value ?? "{}"));
  if (typeof fields !== "object" || fields === null) throw new Error("a body is no object");
  return { type: payload.metadata?.type ?? "", fields: fields as Fields };
}

// Nacos shows it to its operators.
const CLIENT_IP =
  Object.values(networkInterfaces())
    .flatMap((all) => all ?? [])
    .find((one) => one.family === "IPv4" && !one.internal)?.address ?? "127.0.0.1";
