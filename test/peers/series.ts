// Our filter's Prometheus series, as Envoy shows them and as they follow from a consumer's report.

import type { Report } from "./report.ts";

/** Counts by series: `name{label="value",…}`, the labels in a fixed order. */
export type Series = Record<string, number>;

/** The labels to look at; series that differ in others only are added up. */
const LABELS = ["interface", "method", "side", "protocol"];
const REQUEST_LABELS = [...LABELS, "call", "serialization"];
const RESPONSE_LABELS = [...LABELS, "status", "outcome"];

/** What is compared: counters of calls, and how many durations were recorded. */
const NAMES: Record<string, string[]> = {
  dubbo_requests_total: REQUEST_LABELS,
  dubbo_responses_total: RESPONSE_LABELS,
  dubbo_request_duration_milliseconds_count: LABELS,
  dubbo_requests_active: [],
  dubbo_unanswered_requests_total: [],
  dubbo_unmatched_responses_total: [],
  dubbo_untracked_requests_total: [],
  dubbo_decode_errors_total: [],
  dubbo_passthrough_connections_total: [],
};

/** The compared series in Prometheus' text format that are not zero. */
export function seriesIn(text: string): Series {
  const series: Series = {};
  for (const [name, labels] of Object.entries(NAMES)) {
    for (const sample of samplesOf(text, name)) {
      const values = labels.map((label) => sample.labels[`dubbo_${label}`] ?? "");
      add(series, name, values, sample.value);
    }
  }
  return series;
}

/** The same as they must be after a consumer's calls, all of them answered. */
export function seriesOf(report: Report, serialization: string = "hessian2"): Series {
  const series: Series = {};
  for (const line of report.calls) {
    // The filter names a generic call after the method that it asks for.
    const call = [line.interface, line.target ?? line.method, "consumer", "dubbo"];
    const requests = (kind: string, count: number) => {
      add(series, "dubbo_requests_total", [...call, kind, serialization], count);
    };
    const responses = (outcome: string, count: number) => {
      add(series, "dubbo_responses_total", [...call, "OK", outcome], count);
    };
    const twoway = line.sent - line.oneway;
    requests("twoway", twoway);
    requests("oneway", line.oneway);
    responses("success", line.ok + line.nulls);
    responses("exception", line.exceptions);
    add(series, "dubbo_request_duration_milliseconds_count", call, twoway);
  }
  return series;
}

/** How many events of a kind the filter saw. */
export function eventsIn(text: string, kind: string): number {
  const events = samplesOf(text, "dubbo_events_total");
  const ofKind = events.filter(({ labels }) => labels.dubbo_kind === kind);
  return ofKind.reduce((sum, { value }) => sum + value, 0);
}

interface Sample {
  labels: Record<string, string>;
  value: number;
}

function samplesOf(text: string, name: string): Sample[] {
  const lines = text.split("\n").filter((line) => line.startsWith(`${name}{`));
  return lines.map((line) => {
    const labels = [...line.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)];
    return {
      labels: Object.fromEntries(labels.map(([, label, value]) => [label, value])),
      value: Number(line.slice(line.lastIndexOf(" ") + 1)),
    };
  });
}

// Zero is as good as absent: Envoy shows a gauge that went back to zero, and a counter never made
// is none.
function add(series: Series, name: string, values: string[], count: number): void {
  if (count === 0) return;
  const pairs = NAMES[name].map((label, index) => `dubbo_${label}="${values[index]}"`);
  const key = `${name}{${pairs.join(",")}}`;
  series[key] = (series[key] ?? 0) + count;
}
