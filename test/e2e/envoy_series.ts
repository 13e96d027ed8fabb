// What the filter's metrics are expected to be: calls and connections into series and values.
//
// Names and labels are written out again here, on purpose: a test that took them from the filter's
// own tables could not see that they changed.

import { seriesKey } from "./envoy_exposition.ts";

/** Label values of one set of names. */
export interface Names {
  interface?: string;
  method?: string;
  version?: string;
  group?: string;
}

/** Calls under one set of names. */
export interface Calls {
  twoway?: number;
  oneway?: number;
  /** hessian2 unless given. */
  serialization?: string;
  /** Bytes of all their frames, heads included. */
  requestBytes: number;
  /** Number by status and outcome, e.g. `{ "OK success": 3 }`. */
  responses?: Record<string, number>;
  responseBytes?: number;
  /** By how many more calls are in flight afterwards than before. */
  active?: number;
  /** Number by who closed the connection. */
  unanswered?: Record<string, number>;
  untracked?: number;
}

/** Series and by how much they grow. */
export class Expected {
  readonly values = new Map<string, number>();
  readonly #side: string;
  readonly #unit: string;

  /** Of a plugin on this side, with durations in this unit. */
  constructor(side: string = "consumer", unit: string = "milliseconds") {
    this.#side = side;
    this.#unit = unit;
  }

  /** A series and by how much it grows; 0 means only that it is there. Label names lack `dubbo_`. */
  add(metric: string, labels: Record<string, string | undefined>, value: number): this {
    const all: Record<string, string> = { dubbo_side: this.#side, dubbo_protocol: "dubbo" };
    for (const [name, text] of Object.entries(labels)) {
      if (text !== undefined) all[`dubbo_${name}`] = text;
    }
    const key = seriesKey(`dubbo_${metric}`, all);
    this.values.set(key, (this.values.get(key) ?? 0) + value);
    return this;
  }

  /** Calls; `side` is the plugin's own unless given (callbacks have the other). */
  calls(names: Names, calls: Calls, side?: string): this {
    const of = side === undefined ? { ...names } : { ...names, side };
    const { twoway = 0, oneway = 0, serialization = "hessian2", unanswered = {} } = calls;
    if (twoway > 0) this.add("requests_total", { ...of, call: "twoway", serialization }, twoway);
    if (oneway > 0) this.add("requests_total", { ...of, call: "oneway", serialization }, oneway);
    this.add("request_bytes_total", of, calls.requestBytes);
    if (twoway > 0) this.add("requests_active", of, calls.active ?? 0);
    for (const [how, count] of Object.entries(calls.responses ?? {})) {
      const [status, outcome] = how.split(" ");
      this.add("responses_total", { ...of, status, outcome }, count);
      this.add(`request_duration_${this.#unit}`, of, count);
    }
    if (calls.responseBytes !== undefined) {
      this.add("response_bytes_total", of, calls.responseBytes);
    }
    for (const [closed_by, count] of Object.entries(unanswered)) {
      this.add("unanswered_requests_total", { ...of, closed_by }, count);
    }
    if (calls.untracked !== undefined) this.add("untracked_requests_total", of, calls.untracked);
    return this;
  }

  /** Connections that were opened, and how many of them are still open. */
  connections(total: number, active: number = 0): this {
    return this.add("connections_total", {}, total).add("connections_active", {}, active);
  }

  /** Connections that were opened in other tests have closed. */
  closed(count: number): this {
    return this.add("connections_active", {}, -count);
  }

  /** Connections that ended before a byte came. */
  unused(closed_by: string, count: number): this {
    return this.add("unused_connections_total", { closed_by }, count);
  }

  /** Connections that were passed through. */
  passthrough(count: number): this {
    return this.add("passthrough_connections_total", {}, count);
  }

  /** Events by kind and sender. */
  events(kind: string, direction: string, count: number): this {
    return this.add("events_total", { kind, direction }, count);
  }

  /** Decoding errors by reason. */
  errors(reason: string, count: number): this {
    return this.add("decode_errors_total", { reason }, count);
  }

  /** The series of `other` too. */
  and(other: Expected): this {
    for (const [key, value] of other.values) {
      this.values.set(key, (this.values.get(key) ?? 0) + value);
    }
    return this;
  }
}

/** One line per series that is missing, unexpected or of another value. */
export function difference(
  actual: ReadonlyMap<string, number>,
  expected: ReadonlyMap<string, number>,
): string[] {
  const keys = [...new Set([...expected.keys(), ...actual.keys()])].sort();
  return keys
    .filter((key) => expected.get(key) !== actual.get(key))
    .map((key) => `${key}: ${expected.get(key) ?? "absent"}, ${actual.get(key) ?? "absent"}`);
}

/** The sum of a metric's series that carry all of these labels (names without `dubbo_`). */
export function sumOf(
  values: ReadonlyMap<string, number>,
  metric: string,
  labels: Record<string, string> = {},
): number {
  const wanted = Object.entries(labels).map(
    ([name, text]) => `dubbo_${name}=${JSON.stringify(text)}`,
  );
  let sum = 0;
  for (const [key, value] of values) {
    if (!key.startsWith(`dubbo_${metric}{`)) continue;
    const pairs = key.slice(key.indexOf("{") + 1, -1).split(",");
    if (wanted.every((pair) => pairs.includes(pair))) sum += value;
  }
  return sum;
}
