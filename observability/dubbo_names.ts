// Recording rules that make Dubbo's own series of the filter's, so that dashboards of Dubbo's, such as
// Grafana's 18469, open on what sidecars count. A file of their own: who has both Dubbo's metrics and
// these would see each call twice. test/observability/dubbo_dashboards.json has what Dubbo's read.
//
// Dubbo's names: dubbo-metrics' MetricsKey, with dots as underscores; its labels: application_name,
// interface, method, group, version. Dubbo's series name the application that they come from, so here it
// is the one beside the sidecar: its label `app` where the scrape keeps it, else its job, and before a
// consumer what it says of itself (dubbo_application).

import type { Rule } from "./rules.ts";

type Side = "provider" | "consumer";

/** What Dubbo calls a label, and where it is found here; a later one has the word over an earlier. */
const LABELS: [label: string, ours: string][] = [
  ["application_name", "job"],
  ["application_name", "app"],
  ["interface", "dubbo_interface"],
  ["method", "dubbo_method"],
  ["group", "dubbo_group"],
  ["version", "dubbo_version"],
];
const OWN_NAME: [label: string, ours: string] = ["application_name", "dubbo_application"];
const INSTANCE = "namespace, application_name, instance, pod";
const BY = `${INSTANCE}, interface, method, group, version`;
const WINDOW = "1m";
const QUANTILES = [50, 90, 95, 99];
/** Dubbo's own window of what it calls aggregated: AggregationConfig's timeWindowSeconds. */
const DUBBO_WINDOW = "2m";
/** A share that the first bucket with a call in it holds, whatever its count. */
const LEAST = "1e-9";

/** Statuses by Dubbo's kind of failure; every other one is `unknown`. */
const TIMEOUT = "SERVER_TIMEOUT|CLIENT_TIMEOUT";
const LIMIT = "SERVER_THREADPOOL_EXHAUSTED_ERROR";
const CODEC = "BAD_REQUEST|BAD_RESPONSE|SERIALIZATION_ERROR";
const UNAVAILABLE = "SERVICE_NOT_FOUND";
const NETWORK = "CHANNEL_INACTIVE";
const KNOWN = [TIMEOUT, LIMIT, CODEC, UNAVAILABLE, NETWORK].join("|");

const COUNTERS: [name: string, ours: string][] = [
  ["requests_total", "dubbo_requests_total"],
  ["requests_succeed_total", 'dubbo_responses_total{dubbo_outcome="success"}'],
  ["requests_business_failed_total", 'dubbo_responses_total{dubbo_outcome="exception"}'],
  ["requests_timeout_total", `dubbo_responses_total{dubbo_status=~"${TIMEOUT}"}`],
  ["requests_limit_total", `dubbo_responses_total{dubbo_status="${LIMIT}"}`],
  ["requests_failed_codec_total", `dubbo_responses_total{dubbo_status=~"${CODEC}"}`],
  [
    "requests_failed_service_unavailable_total",
    `dubbo_responses_total{dubbo_status="${UNAVAILABLE}"}`,
  ],
  [
    "requests_unknown_failed_total",
    `dubbo_responses_total{dubbo_outcome="error", dubbo_status!~"${KNOWN}"}`,
  ],
  // The same as Dubbo 3.2.0's first dashboard calls it.
  [
    "requests_unknown_total",
    `dubbo_responses_total{dubbo_outcome="error", dubbo_status!~"${KNOWN}"}`,
  ],
  ["requests_processing_total", "dubbo_requests_active"],
  // The same as newer versions of Dubbo call it.
  ["requests_processing", "dubbo_requests_active"],
];

/** A series on one side, with Dubbo's labels. */
function named(series: string, side: Side): string {
  const labels = side === "consumer" ? [...LABELS, OWN_NAME] : LABELS;
  return labels.reduce(
    (expr, [label, ours]) => `label_replace(${expr}, "${label}", "$1", "${ours}", "(.+)")`,
    series,
  );
}

/** A selector with one more condition. */
function on(side: Side, series: string, window = ""): string {
  const condition = `dubbo_side="${side}"`;
  const selected = series.endsWith("}")
    ? `${series.slice(0, -1)}, ${condition}}`
    : `${series}{${condition}}`;
  return selected + window;
}

function sum(side: Side, expr: string, by = BY): string {
  return `sum by (${by}) (${named(expr, side)})`;
}

function rulesOf(side: Side): Rule[] {
  const duration = "dubbo_request_duration_milliseconds";
  const rate = (series: string) => `rate(${on(side, series, `[${WINDOW}]`)})`;
  const unanswered = on(side, "dubbo_unanswered_requests_total");
  const failed = on(side, 'dubbo_responses_total{dubbo_outcome=~"error|exception"}');
  const network = on(side, `dubbo_responses_total{dubbo_status="${NETWORK}"}`);
  const buckets = sum(side, rate(`${duration}_bucket`), `le, ${BY}`);
  const quantile = (q: number | string) => `histogram_quantile(${q}, ${buckets})`;
  const recent = (series: string) =>
    sum(side, `increase(${on(side, series, `[${DUBBO_WINDOW}]`)})`);
  const average = `${sum(side, rate(`${duration}_sum`))} / (${sum(side, rate(`${duration}_count`))} > 0)`;
  const calls = sum(side, rate("dubbo_requests_total"));
  const rules: [name: string, expr: string][] = [
    ...COUNTERS.map(([name, ours]): [string, string] => [name, sum(side, on(side, ours))]),
    ["requests_failed_total", sum(side, `${failed} or ${unanswered}`)],
    ["requests_failed_network_total", sum(side, `${network} or ${unanswered}`)],
    ["qps_total", calls],
    ["rt_avg_milliseconds_aggregate", average],
    // As near as a histogram has them: the ends of the buckets that hold the longest and the shortest.
    ["rt_max_milliseconds_aggregate", quantile(1)],
    ["rt_min_milliseconds_aggregate", quantile(LEAST)],
    ...QUANTILES.map((q): [string, string] => [`rt_milliseconds_p${q}`, quantile(q / 100)]),
    // Names of Dubbo's first dashboard, Grafana's 18469, in seconds where newer ones are in milliseconds.
    ["requests_total_aggregate", recent("dubbo_requests_total")],
    ["requests_succeed_aggregate", recent('dubbo_responses_total{dubbo_outcome="success"}')],
    ["qps_seconds", calls],
    ["rt_seconds_sum", `${sum(side, on(side, `${duration}_sum`))} / 1000`],
    ["rt_seconds_avg", `${average} / 1000`],
    ["rt_seconds_max", `${quantile(1)} / 1000`],
    ["rt_seconds_min", `${quantile(LEAST)} / 1000`],
    ...[95, 99].map((q): [string, string] => [`rt_seconds_p${q}`, `${quantile(q / 100)} / 1000`]),
  ];
  return rules.map(([name, expr]) => ({ record: `dubbo_${side}_${name}`, expr }));
}

const GROUPS = (["provider", "consumer"] as const).map((side) => ({
  name: `dubbo.names.${side}`,
  interval: "15s",
  rules: rulesOf(side),
}));

/** Where Dubbo's dashboards have the names of applications and instances from. */
const APPLICATIONS: Rule = {
  record: "dubbo_application_info_total",
  expr: `group by (${INSTANCE}) (dubbo_provider_requests_total or dubbo_consumer_requests_total)`,
};

/** What is written into prometheus_rules_out/dubbo-names.yaml. */
export const NAME_RULES = {
  groups: [...GROUPS, { name: "dubbo.names.applications", interval: "15s", rules: [APPLICATIONS] }],
};
