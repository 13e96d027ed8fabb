// A request to the next service, on behalf of the one that came in.
//
// A sidecar sees every request but cannot tell which outgoing one belongs to which incoming one:
// traces stay whole, and routes by header work behind the first service, only if each service
// passes these headers on.

import type { IncomingHttpHeaders } from "node:http";

/** Headers that go from the incoming request to each outgoing one. */
export const PASSED_ON = [
  // Envoy's own, and what access logs are joined by.
  "x-request-id",
  // B3 (Zipkin, Jaeger), in many headers or in one.
  "x-b3-traceid",
  "x-b3-spanid",
  "x-b3-parentspanid",
  "x-b3-sampled",
  "x-b3-flags",
  "b3",
  // W3C trace context (OpenTelemetry).
  "traceparent",
  "tracestate",
  "baggage",
  // What routes and hashes are made from.
  "end-user",
  "cookie",
];

/** Those of an incoming request's headers that go on. */
export function passedOn(incoming: IncomingHttpHeaders): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const name of PASSED_ON) {
    const value = incoming[name];
    if (typeof value === "string") headers[name] = value;
  }
  return headers;
}

/** What the other service answered, or what stands for its answer. */
export interface Upstream {
  /** Its status; 502 where it could not be reached, 504 where it did not answer in time. */
  status: number;
  /** Its JSON; its text where it is none; what went wrong where there was no answer. */
  body: unknown;
  /** Cookies that it, or Envoy in front of it, wants to be kept by the first caller. */
  setCookie: string[];
}

/** GET of a URL with the incoming request's headers passed on. Never rejects. */
export async function ask(
  url: URL,
  incoming: IncomingHttpHeaders,
  timeoutMs: number,
): Promise<Upstream> {
  const headers = { accept: "application/json", ...passedOn(incoming) };
  try {
    const signal = AbortSignal.timeout(timeoutMs);
    const response = await fetch(url, { headers, redirect: "manual", signal });
    const body = parsed(await response.text());
    return { status: response.status, body, setCookie: response.headers.getSetCookie() };
  } catch (error) {
    const late = error instanceof DOMException && error.name === "TimeoutError";
    return { status: late ? 504 : 502, body: reason(error), setCookie: [] };
  }
}

// What Envoy answers itself is plain text, "no healthy upstream" for instance.
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

// fetch says only "fetch failed"; why stands behind it.
function reason(error: unknown): string {
  const { cause = error } = error as Error;
  return cause instanceof Error ? cause.message || String(cause) : String(cause);
}
