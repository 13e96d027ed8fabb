// Recording and alerting rules for the filter's metrics, as Prometheus reads them. They keep the label
// `namespace`, which PodMonitors give; without it they hold just as well.

/** One rule of a group: `record` or `alert`. */
export interface Rule {
  record?: string;
  alert?: string;
  expr: string;
  for?: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
}

/** The labels by which calls are told apart, in every rule. */
const BY = "namespace, dubbo_side, dubbo_interface, dubbo_method";
/** Below this rate, in calls per second, a ratio says little: one failure of two calls wakes nobody. */
const LEAST_RATE = 0.1;

/** Calls that failed, per second: a status other than OK, or no answer at all. Exceptions of the business are answers. */
function failures(window: string): string {
  return (
    `sum by (${BY}) (rate(dubbo_responses_total{dubbo_outcome="error"}[${window}])` +
    ` or rate(dubbo_unanswered_requests_total[${window}]))`
  );
}

/** Twoway calls that ended, per second. */
function ended(window: string): string {
  return (
    `sum by (${BY}) (rate(dubbo_responses_total[${window}])` +
    ` or rate(dubbo_unanswered_requests_total[${window}]))`
  );
}

/** Calls that failed by calls that ended, for a window such as `5m`. */
function failureRatio(window: string): Rule {
  return {
    record: `dubbo:failure_ratio:rate${window}`,
    expr: `${failures(window)} / (${ended(window)} > 0)`,
  };
}

const RECORDS: Rule[] = [
  {
    record: "dubbo:requests:rate5m",
    expr: `sum by (${BY}) (rate(dubbo_requests_total[5m]))`,
  },
  { record: "dubbo:ended:rate5m", expr: ended("5m") },
  failureRatio("5m"),
  failureRatio("1h"),
  {
    record: "dubbo:request_duration_milliseconds:p99_5m",
    expr:
      `histogram_quantile(0.99, sum by (le, ${BY}) ` +
      `(rate(dubbo_request_duration_milliseconds_bucket[5m])))`,
  },
];

const CALL = "{{ $labels.dubbo_interface }}.{{ $labels.dubbo_method }}";

const ALERTS: Rule[] = [
  {
    alert: "DubboFailures",
    // Both windows: the long one says that it matters, the short one that it still goes on.
    expr:
      "dubbo:failure_ratio:rate5m > 0.05 and dubbo:failure_ratio:rate1h > 0.05" +
      ` and dubbo:ended:rate5m > ${LEAST_RATE}`,
    for: "2m",
    labels: { severity: "critical" },
    annotations: {
      summary: `${CALL}: {{ $value | humanizePercentage }} of the calls fail`,
      description:
        "Answers with a status other than OK, and requests without an answer. Exceptions that a " +
        "provider's code threw are not among them.",
    },
  },
  {
    alert: "DubboUnanswered",
    expr: `sum by (${BY}, dubbo_closed_by) (rate(dubbo_unanswered_requests_total[5m])) > 0`,
    for: "5m",
    labels: { severity: "warning" },
    annotations: {
      summary: `${CALL}: connections end before the answer`,
      description:
        "Ended by {{ $labels.dubbo_closed_by }}: remote is the client, local is Envoy or the server.",
    },
  },
  {
    alert: "DubboConnectionsInVain",
    // A connection that Envoy ends because it was idle is one now and then.
    expr:
      "sum by (namespace, dubbo_side) " +
      `(rate(dubbo_unused_connections_total{dubbo_closed_by="local"}[5m])) > ${LEAST_RATE}`,
    for: "2m",
    labels: { severity: "warning" },
    annotations: {
      summary: "Envoy ends connections before a byte of them has passed",
      description:
        "Most likely it cannot connect to the provider. Calls on such connections are in no other metric.",
    },
  },
  {
    alert: "DubboDecodeErrors",
    expr: "sum by (namespace, dubbo_side, dubbo_reason) (rate(dubbo_decode_errors_total[5m])) > 0",
    for: "5m",
    labels: { severity: "warning" },
    annotations: {
      summary: "Dubbo traffic cannot be read: {{ $labels.dubbo_reason }}",
      description: "Calls pass, but some of them are not counted. See docs/troubleshooting.md.",
    },
  },
  {
    alert: "DubboSeriesLimit",
    expr: 'sum by (namespace) (rate(dubbo_requests_total{dubbo_interface="_OTHER"}[15m])) > 0',
    for: "15m",
    labels: { severity: "info" },
    annotations: {
      summary: "Calls are counted under _OTHER",
      description: "metrics.max_series is reached, or metrics.interfaces leaves interfaces out.",
    },
  },
  {
    alert: "DubboTelemetryDropped",
    expr:
      "sum by (namespace, dubbo_record, dubbo_reason) " +
      "(rate(dubbo_telemetry_dropped_total[5m])) > 0",
    for: "10m",
    labels: { severity: "warning" },
    annotations: {
      summary: "{{ $labels.dubbo_record }} records are dropped: {{ $labels.dubbo_reason }}",
      description: "The collector is slow or down. It does not delay calls.",
    },
  },
  {
    alert: "DubboProviderUnreachable",
    expr:
      "sum by (namespace, envoy_cluster_name) " +
      "(rate(envoy_cluster_upstream_cx_connect_fail[5m])) > 0",
    for: "2m",
    labels: { severity: "warning" },
    annotations: {
      summary: "Envoy cannot connect to {{ $labels.envoy_cluster_name }}",
      description:
        "Calls on such connections end before the filter sees a byte: it counts such connections, " +
        "and none of their calls.",
    },
  },
];

/** What is written into prometheus_rules_out/: records first, for alerts read them. */
export const RULES = {
  groups: [
    { name: "dubbo.records", interval: "30s", rules: RECORDS },
    { name: "dubbo.alerts", rules: ALERTS },
  ],
};
