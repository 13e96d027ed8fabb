// Reads what the filter sends to a collector, by a library that knows nothing of the module.

import protobuf from "protobufjs";
import { fromRoot } from "../../harness/repository.ts";

const root = await protobuf.load(fromRoot("test", "frames", "otlp.proto"));

/** A span or a log record, its attributes by key, its ids as hexadecimal digits. */
export interface Told {
  name: string;
  kind: number;
  traceId: string;
  spanId: string;
  parentSpanId: string;
  severity: number;
  start: bigint;
  end: bigint;
  /** When the request's last byte had passed; 0 in a record, and in a span of Envoy's own. */
  asked: bigint;
  isError: boolean;
  attributes: Record<string, string | number>;
}

/** One request to a collector. */
export interface Export {
  resource: Record<string, string | number>;
  scope: string;
  records: Told[];
}

/** Reads a body of `/v1/traces`. */
export function readTraces(body: Uint8Array): Export {
  const [resource] = decode("otlp.TraceRequest", body).resourceSpans;
  const [scoped] = resource.scopeSpans;
  const records = scoped.spans.map((span: any) => ({
    ...idsOf(span),
    name: span.name,
    kind: span.kind,
    severity: 0,
    start: BigInt(span.startTimeUnixNano),
    end: BigInt(span.endTimeUnixNano),
    asked: askedIn(span.events),
    isError: span.status?.code === 2,
    attributes: attributesOf(span.attributes),
  }));
  return {
    resource: attributesOf(resource.resource.attributes),
    scope: scoped.scope.name,
    records,
  };
}

/** Reads a body of `/v1/logs`. */
export function readLogs(body: Uint8Array): Export {
  const [resource] = decode("otlp.LogRequest", body).resourceLogs;
  const [scoped] = resource.scopeLogs;
  const records = scoped.logRecords.map((record: any) => ({
    ...idsOf(record),
    name: record.body.stringValue,
    kind: 0,
    severity: record.severityNumber,
    start: 0n,
    end: BigInt(record.timeUnixNano),
    asked: 0n,
    isError: record.severityNumber >= 17,
    attributes: attributesOf(record.attributes),
  }));
  return {
    resource: attributesOf(resource.resource.attributes),
    scope: scoped.scope.name,
    records,
  };
}

function askedIn(events: any[]): bigint {
  const [event, ...others] = events;
  if (event === undefined) return 0n;
  if (event.name !== "request.last_byte" || others.length > 0) throw new Error("other events");
  return BigInt(event.timeUnixNano);
}

function decode(type: string, body: Uint8Array): any {
  const found = root.lookupType(type);
  return found.toObject(found.decode(body), { longs: String, bytes: Buffer, arrays: true });
}

function idsOf(record: any): Pick<Told, "traceId" | "spanId" | "parentSpanId"> {
  const hex = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString("hex");
  return {
    traceId: hex(record.traceId),
    spanId: hex(record.spanId),
    parentSpanId: hex(record.parentSpanId),
  };
}

function attributesOf(list: any[]): Record<string, string | number> {
  return Object.fromEntries(
    (list ?? []).map(({ key, value }) => [key, value.stringValue ?? Number(value.intValue)]),
  );
}
