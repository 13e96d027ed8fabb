// The span of whoever makes a call, told to a collector as an application would.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";

/** Of a trace and of the caller's span in it, as hexadecimal digits. */
export interface Ids {
  traceId: string;
  spanId: string;
}

const TELL_MS = 5000;
const NANOSECONDS = 1_000_000n;
const SERVER = 2;

/** Ids that nothing else has. */
export function newIds(): Ids {
  return { traceId: randomBytes(16).toString("hex"), spanId: randomBytes(8).toString("hex") };
}

/** Tells the collector that a service `caller` was asked for `GET /user` in this very second. */
export async function callersSpan(otlpPort: number, ids: Ids): Promise<void> {
  const now = BigInt(Date.now()) * NANOSECONDS;
  const span = {
    ...ids,
    name: "GET /user",
    kind: SERVER,
    startTimeUnixNano: `${now - 1000n * NANOSECONDS}`,
    endTimeUnixNano: `${now}`,
  };
  const attributes = [{ key: "service.name", value: { stringValue: "caller" } }];
  const body = { resourceSpans: [{ resource: { attributes }, scopeSpans: [{ spans: [span] }] }] };
  const response = await fetch(`http://127.0.0.1:${otlpPort}/v1/traces`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(TELL_MS),
  });
  assert.equal(response.status, 200, await response.text());
}
