// Grafana's dashboards, as its API and its provisioning read them: plain JSON of schema 39 (Grafana 10
// and later). A panel is a title, a unit and queries; what a query counts is told in docs/metrics.md.

/** One line of a panel: what Prometheus is asked, and what its lines are called. */
export interface Query {
  expr: string;
  legend: string;
}

/** A panel of a dashboard, in a unit that Grafana knows. */
export interface Panel {
  title: string;
  unit: string;
  queries: Query[];
}

/** A dashboard, before it is laid out. `uid` is its address in Grafana. */
export interface Dashboard {
  uid: string;
  title: string;
  panels: Panel[];
}

/** Grafana's grid has 24 columns: two panels in a row. */
const PANEL_WIDTH = 12;
const PANEL_HEIGHT = 8;
const COLUMNS = 24;
/** Which series a dashboard shows: what its variables say. Where there is no namespace, `.*` holds too. */
const SELECTED =
  'namespace=~"$namespace", dubbo_interface=~"$interface", dubbo_method=~"$method", dubbo_side=~"$side"';
const IN_NAMESPACE = 'namespace=~"$namespace"';

/** The rate of a metric of calls over Grafana's own window, for the chosen series. */
function rate(metric: string, further = ""): string {
  return `rate(${metric}{${SELECTED}${further}}[$__rate_interval])`;
}

/** The rate of a metric that belongs to no interface. */
function plainRate(metric: string): string {
  return `rate(${metric}{${IN_NAMESPACE}}[$__rate_interval])`;
}

/** A quantile of the duration, by one label. */
function quantile(q: number, by: string): Query {
  const buckets = rate("dubbo_request_duration_milliseconds_bucket");
  return {
    expr: `histogram_quantile(${q}, sum by (le, ${by}) (${buckets}))`,
    legend: `{{${by}}} p${q * 100}`,
  };
}

/** Failed calls by ended ones. Without failures there is nothing on the left, which is then zero. */
function failureRatio(by: string): string {
  const unanswered = rate("dubbo_unanswered_requests_total");
  const failed = rate("dubbo_responses_total", ', dubbo_outcome="error"');
  const ended = `sum by (${by}) (${rate("dubbo_responses_total")} or ${unanswered})`;
  return `(sum by (${by}) (${failed} or ${unanswered}) or 0 * ${ended}) / (${ended} > 0)`;
}

/** Panel with one query. */
function panel(title: string, unit: string, expr: string, legend: string): Panel {
  return { title, unit, queries: [{ expr, legend }] };
}

/** The panels of calls, told apart by one label. */
function callPanels(by: string): Panel[] {
  const legend = `{{${by}}}`;
  return [
    panel("Calls", "reqps", `sum by (${by}) (${rate("dubbo_requests_total")})`, legend),
    panel("Failed or unanswered", "percentunit", failureRatio(by), legend),
    { title: "Duration", unit: "ms", queries: [quantile(0.5, by), quantile(0.99, by)] },
    panel(
      "Waiting for an answer",
      "short",
      `sum by (${by}) (dubbo_requests_active{${SELECTED}})`,
      legend,
    ),
    panel(
      "Answers by status",
      "reqps",
      `sum by (dubbo_status, dubbo_outcome) (${rate("dubbo_responses_total")})`,
      "{{dubbo_status}} {{dubbo_outcome}}",
    ),
    panel(
      "Unanswered, by who ended the connection",
      "reqps",
      `sum by (${by}, dubbo_closed_by) (${rate("dubbo_unanswered_requests_total")})`,
      `${legend} {{dubbo_closed_by}}`,
    ),
    {
      title: "Bytes",
      unit: "Bps",
      queries: [
        {
          expr: `sum by (${by}) (${rate("dubbo_request_bytes_total")})`,
          legend: `${legend} requests`,
        },
        {
          expr: `sum by (${by}) (${rate("dubbo_response_bytes_total")})`,
          legend: `${legend} answers`,
        },
      ],
    },
  ];
}

/** Every dashboard, by the name of its file. */
export const DASHBOARDS: Record<string, Dashboard> = {
  "dubbo-services.json": {
    uid: "dubbo-services",
    title: "Dubbo / Services",
    panels: callPanels("dubbo_interface"),
  },
  "dubbo-methods.json": {
    uid: "dubbo-methods",
    title: "Dubbo / Methods",
    panels: [
      ...callPanels("dubbo_method"),
      panel(
        "Who calls (with metrics.labels: application)",
        "reqps",
        `sum by (dubbo_application, dubbo_interface) (${rate("dubbo_requests_total")})`,
        "{{dubbo_application}} → {{dubbo_interface}}",
      ),
    ],
  },
  "dubbo-filter.json": {
    uid: "dubbo-filter",
    title: "Dubbo / Filter",
    panels: [
      panel(
        "Connections",
        "short",
        `sum by (dubbo_side) (dubbo_connections_active{${IN_NAMESPACE}})`,
        "{{dubbo_side}}",
      ),
      panel(
        "Connections that ended before a byte came, by who ended them",
        "cps",
        `sum by (dubbo_side, dubbo_closed_by) (${plainRate("dubbo_unused_connections_total")})`,
        "{{dubbo_side}} {{dubbo_closed_by}}",
      ),
      panel(
        "Connections that are not Dubbo, or no longer understood",
        "cps",
        `sum by (dubbo_side) (${plainRate("dubbo_passthrough_connections_total")})`,
        "{{dubbo_side}}",
      ),
      panel(
        "What could not be read",
        "cps",
        `sum by (dubbo_reason) (${plainRate("dubbo_decode_errors_total")})`,
        "{{dubbo_reason}}",
      ),
      panel(
        "No longer followed",
        "reqps",
        `sum by (dubbo_interface) (${rate("dubbo_untracked_requests_total")})`,
        "{{dubbo_interface}}",
      ),
      panel(
        "Routed",
        "reqps",
        `sum by (dubbo_rule) (${plainRate("dubbo_routed_requests_total")})`,
        "{{dubbo_rule}}",
      ),
      panel(
        "Refused by policies",
        "reqps",
        `sum by (dubbo_policy, dubbo_reason) (${rate("dubbo_refused_requests_total")})`,
        "{{dubbo_policy}} {{dubbo_reason}}",
      ),
      panel(
        "Answered in the provider's place",
        "reqps",
        `sum by (dubbo_interface) (${rate("dubbo_guarded_requests_total")})`,
        "{{dubbo_interface}}",
      ),
      panel(
        "Telemetry dropped",
        "cps",
        `sum by (dubbo_record, dubbo_reason) (${plainRate("dubbo_telemetry_dropped_total")})`,
        "{{dubbo_record}} {{dubbo_reason}}",
      ),
    ],
  },
};

const DATASOURCE = { type: "prometheus", uid: "${datasource}" };

/** A variable that offers the values of a label; `.*` stands for all of them. */
function labelVariable(name: string, label: string): object {
  return {
    name,
    type: "query",
    datasource: DATASOURCE,
    query: `label_values(dubbo_requests_total, ${label})`,
    refresh: 2,
    includeAll: true,
    allValue: ".*",
    multi: true,
    current: { text: "All", value: "$__all" },
  };
}

/** A dashboard as Grafana reads it. */
export function toGrafana({ uid, title, panels }: Dashboard): object {
  return {
    uid,
    title,
    tags: ["dubbo"],
    schemaVersion: 39,
    refresh: "30s",
    time: { from: "now-1h", to: "now" },
    templating: {
      list: [
        { name: "datasource", type: "datasource", query: "prometheus" },
        labelVariable("namespace", "namespace"),
        labelVariable("side", "dubbo_side"),
        labelVariable("interface", "dubbo_interface"),
        labelVariable("method", "dubbo_method"),
      ],
    },
    panels: panels.map((panel, index) => ({
      id: index + 1,
      type: "timeseries",
      title: panel.title,
      datasource: DATASOURCE,
      gridPos: {
        x: (index * PANEL_WIDTH) % COLUMNS,
        y: Math.floor((index * PANEL_WIDTH) / COLUMNS) * PANEL_HEIGHT,
        w: PANEL_WIDTH,
        h: PANEL_HEIGHT,
      },
      fieldConfig: { defaults: { unit: panel.unit, min: 0 }, overrides: [] },
      targets: panel.queries.map(({ expr, legend }, at) => ({
        refId: String.fromCharCode("A".charCodeAt(0) + at),
        datasource: DATASOURCE,
        expr,
        legendFormat: legend,
      })),
    })),
  };
}
