// What the page shows, out of the scrapes of an Envoy: callers, the filter, providers, every method, and
// what the filter did to calls. Plain values; nothing here knows of a browser.

import { History, quantile, sum, sumBy, type Grown } from "./history.ts";

/** Who calls, as far as Envoy knows: an application where the filter has that label, else a protocol. */
export interface Caller {
  name: string;
  /** Calls per second. */
  rate: number;
}

/** A cluster that Envoy sends calls to. */
export interface Provider {
  name: string;
  /** Calls per second; undefined where Envoy counts only connections and bytes there. */
  rate: number | undefined;
  /** Bytes per second, both ways. */
  bytes: number;
  connections: number;
  /** Whether its calls go by way of the guard. */
  guarded: boolean;
  /** Whether Envoy could not connect in the last seconds. */
  unreachable: boolean;
}

/** Calls of one method. */
export interface Method {
  interface: string;
  method: string;
  /** `dubbo`, `tri` or `grpc`. */
  protocol: string;
  /** `consumer` or `provider`: where the Envoy stands. */
  side: string;
  /** Calls per second. */
  rate: number;
  /** Calls since Envoy began. */
  calls: number;
  /** Calls that went wrong since Envoy began, by status; exceptions and calls without an answer too. */
  failures: Count[];
  /** In ms, of the last minute; undefined where it had no call. */
  p50: number | undefined;
  p99: number | undefined;
  /** Requests that wait for an answer. */
  active: number;
  /** Bytes per second of requests, and of answers. */
  requestBytes: number;
  responseBytes: number;
}

/** Something that was counted. */
export interface Count {
  name: string;
  /** Since Envoy began. */
  count: number;
  /** Per second, now. */
  rate: number;
}

/** All that the page shows. */
export interface Model {
  /** Whether there is any series of the filter's. */
  seen: boolean;
  /** Whether series have names where they should have labels, because `stats_tags` are missing. */
  unlabelled: boolean;
  rate: number;
  /**
   * Of all calls that ended in the last seconds, those with a status other than OK or without an answer:
   * 0 to 1. An exception that a provider's code threw is an answer.
   */
  failing: number;
  active: number;
  connections: number;
  p50: number | undefined;
  p99: number | undefined;
  callers: Caller[];
  providers: Provider[];
  methods: Method[];
  routes: Count[];
  refusals: Count[];
  guarded: Count[];
  unread: Count[];
}

/** What rates are taken over: the filter tells Envoy its counts twice a second. */
const RATE_MS = 5_000;
/** Envoy shows what a histogram has gathered every five seconds: a window of some of these. */
const LATENCY_MS = 60_000;
/** More would be no picture; those with most traffic are shown. */
const MOST_PROVIDERS = 8;
const MOST_CALLERS = 6;

const DURATION = /^dubbo_request_duration_(milli|micro)seconds_bucket$/;
const GUARD = "guard-";
const DIAL = "dial-";
const PROTOCOLS: Record<string, string> = { dubbo: "Dubbo", tri: "Triple", grpc: "gRPC" };

/** The model of what was scraped. */
export function modelOf(history: History): Model {
  const requests = history.rate("dubbo_requests_total", RATE_MS);
  const names = history.names();
  const { buckets, perMs } = durations(history, names);
  const answers = history.growth("dubbo_responses_total", RATE_MS);
  const unanswered = history.growth("dubbo_unanswered_requests_total", RATE_MS);
  const ended = sum(answers) + sum(unanswered);
  const failed =
    sum(answers.filter(({ labels }) => labels.dubbo_outcome === "error")) + sum(unanswered);
  return {
    seen: names.some((name) => name.startsWith("dubbo_")),
    // "dubbo_side=.=consumer;.;" as Prometheus can spell it.
    unlabelled: names.some((name) => /dubbo_side___/.test(name)),
    rate: sum(requests),
    failing: ended > 0 ? failed / ended : 0,
    active: sum(history.latest("dubbo_requests_active")),
    connections: sum(history.latest("dubbo_connections_active")),
    p50: scaled(quantile(0.5, buckets), perMs),
    p99: scaled(quantile(0.99, buckets), perMs),
    callers: callers(history, requests),
    providers: providers(history),
    methods: methods(history, requests, buckets, perMs),
    routes: [
      ...counts(history, "dubbo_routed_requests_total", ({ dubbo_rule }) => dubbo_rule),
      ...counts(history, "dubbo_misrouted_requests_total", () => "misrouted"),
      ...counts(history, "dubbo_unrouted_connections_total", () => "connections not routed"),
      ...counts(history, "dubbo_unrewritten_requests_total", (labels) =>
        words("not rewritten", labels.dubbo_reason),
      ),
    ],
    refusals: [
      ...counts(history, "dubbo_refused_requests_total", (labels) =>
        words(labels.dubbo_policy, labels.dubbo_reason),
      ),
      ...counts(history, "dubbo_shadow_refused_requests_total", (labels) =>
        words("shadow", labels.dubbo_policy, labels.dubbo_reason),
      ),
      ...counts(history, "dubbo_refused_connections_total", (labels) =>
        words("connections", labels.dubbo_reason),
      ),
    ],
    guarded: counts(history, "dubbo_guarded_requests_total", (labels) =>
      words(shortName(labels.dubbo_interface ?? ""), labels.dubbo_method),
    ),
    unread: [
      ...counts(history, "dubbo_decode_errors_total", ({ dubbo_reason }) => dubbo_reason),
      ...counts(history, "dubbo_passthrough_connections_total", () => "connections passed through"),
      ...counts(history, "dubbo_unused_connections_total", ({ dubbo_closed_by }) =>
        words("connections without a byte", `closed by ${dubbo_closed_by}`),
      ),
      ...counts(history, "dubbo_untracked_requests_total", () => "requests no longer followed"),
      ...counts(history, "dubbo_unmatched_responses_total", () => "answers nobody waits for"),
    ],
  };
}

/** An interface's name without its package. */
export function shortName(name: string): string {
  return name.slice(name.lastIndexOf(".") + 1);
}

/** Durations of the last minute in buckets, and how many of their unit are a millisecond. */
function durations(history: History, names: string[]): { buckets: Grown[]; perMs: number } {
  const name = names.find((one) => DURATION.test(one));
  if (name === undefined) return { buckets: [], perMs: 1 };
  return { buckets: history.growth(name, LATENCY_MS), perMs: name.includes("micro") ? 1000 : 1 };
}

function scaled(value: number | undefined, perMs: number): number | undefined {
  return value === undefined ? undefined : value / perMs;
}

function callers(history: History, requests: Grown[]): Caller[] {
  const name = ({ dubbo_application, dubbo_protocol }: Record<string, string>) =>
    dubbo_application ?? `${PROTOCOLS[dubbo_protocol ?? ""] ?? dubbo_protocol ?? ""} callers`;
  const rates = sumBy(requests, name);
  const totals = sumBy(history.latest("dubbo_requests_total"), name);
  return [...rates]
    .map(([name, rate]) => ({ name, rate, total: totals.get(name) ?? 0 }))
    .sort((a, b) => b.total - a.total || compare(a.name, b.name))
    .slice(0, MOST_CALLERS)
    .map(({ name, rate }) => ({ name, rate }));
}

function providers(history: History): Provider[] {
  const byCluster = (name: string) =>
    sumBy(history.latest(`envoy_cluster_upstream_${name}`), clusterName);
  const rateOf = (name: string) =>
    sumBy(history.rate(`envoy_cluster_upstream_${name}`, RATE_MS), clusterName);
  const [connected, active] = [byCluster("cx_total"), byCluster("cx_active")];
  const [calls, callRates] = [byCluster("rq_total"), rateOf("rq_total")];
  const [sent, received] = [rateOf("cx_tx_bytes_total"), rateOf("cx_rx_bytes_total")];
  const [allSent, failing] = [byCluster("cx_tx_bytes_total"), rateOf("cx_connect_fail")];
  const at = (numbers: Map<string, number>, name: string) => numbers.get(name) ?? 0;
  return [...connected.keys()]
    .filter((name) => !name.startsWith(GUARD) && !name.startsWith(DIAL))
    .filter((name) => at(connected, name) > 0)
    .sort((a, b) => at(allSent, b) - at(allSent, a))
    .slice(0, MOST_PROVIDERS)
    .sort(compare)
    .map((name) => {
      // dubbo_proxy and the router count calls, tcp_proxy connections.
      const guarded = connected.has(GUARD + name);
      const counting = guarded ? GUARD + name : name;
      const perCall = at(calls, counting) > at(connected, counting) || guarded;
      return {
        name,
        rate: perCall ? at(callRates, counting) : undefined,
        bytes: at(sent, name) + at(received, name),
        connections: at(active, name),
        guarded,
        unreachable: at(failing, name) > 0,
      };
    });
}

function clusterName({ envoy_cluster_name }: Record<string, string>): string | undefined {
  return envoy_cluster_name;
}

function methods(history: History, requests: Grown[], buckets: Grown[], perMs: number): Method[] {
  const found = new Map<string, Record<string, string>>();
  for (const { labels } of requests) found.set(methodKey(labels), labels);
  const group = (grown: Grown[]) => {
    const groups = new Map<string, Grown[]>();
    for (const one of grown) {
      const key = methodKey(one.labels);
      const group = groups.get(key);
      if (group === undefined) groups.set(key, [one]);
      else group.push(one);
    }
    return (key: string) => groups.get(key) ?? [];
  };
  const rates = group(requests);
  const calls = group(history.latest("dubbo_requests_total"));
  const answers = group(history.latest("dubbo_responses_total"));
  const answerRates = group(history.rate("dubbo_responses_total", RATE_MS));
  const unanswered = group(history.latest("dubbo_unanswered_requests_total"));
  const unansweredRates = group(history.rate("dubbo_unanswered_requests_total", RATE_MS));
  const active = group(history.latest("dubbo_requests_active"));
  const durations = group(buckets);
  const requestBytes = group(history.rate("dubbo_request_bytes_total", RATE_MS));
  const responseBytes = group(history.rate("dubbo_response_bytes_total", RATE_MS));
  const rows = [...found].map(([key, labels]): Method => {
    const never = () => "unanswered";
    return {
      interface: labels.dubbo_interface ?? "",
      method: labels.dubbo_method ?? "",
      protocol: labels.dubbo_protocol ?? "",
      side: labels.dubbo_side ?? "",
      rate: sum(rates(key)),
      calls: sum(calls(key)),
      failures: [
        ...merged(answers(key), answerRates(key), failureOf),
        ...merged(unanswered(key), unansweredRates(key), never),
      ],
      p50: scaled(quantile(0.5, durations(key)), perMs),
      p99: scaled(quantile(0.99, durations(key)), perMs),
      active: sum(active(key)),
      requestBytes: sum(requestBytes(key)),
      responseBytes: sum(responseBytes(key)),
    };
  });
  return rows.sort(
    (a, b) =>
      compare(a.interface, b.interface) ||
      compare(a.method, b.method) ||
      compare(a.protocol, b.protocol) ||
      compare(a.side, b.side),
  );
}

function methodKey(labels: Record<string, string>): string {
  const { dubbo_interface, dubbo_method, dubbo_protocol, dubbo_side } = labels;
  return JSON.stringify([dubbo_interface, dubbo_method, dubbo_protocol, dubbo_side]);
}

/** What went wrong with an answer: its status, or the exception that came with status OK. */
function failureOf(labels: Record<string, string>): string | undefined {
  if (labels.dubbo_outcome === "success" || labels.dubbo_outcome === "unknown") return undefined;
  return labels.dubbo_outcome === "exception" ? "exception" : labels.dubbo_status;
}

function counts(
  history: History,
  name: string,
  key: (labels: Record<string, string>) => string | undefined,
): Count[] {
  return merged(history.latest(name), history.rate(name, RATE_MS), key);
}

/** Counts and rates of the same things; those that never were are left out. */
function merged(
  totals: Grown[],
  rates: Grown[],
  key: (labels: Record<string, string>) => string | undefined,
): Count[] {
  const perSecond = sumBy(rates, key);
  return [...sumBy(totals, key)]
    .map(([name, count]) => ({ name, count, rate: perSecond.get(name) ?? 0 }))
    .filter(({ count }) => count > 0)
    .sort((a, b) => b.count - a.count || compare(a.name, b.name));
}

function words(...parts: (string | undefined)[]): string {
  return parts.filter((part) => part !== undefined && part !== "").join(" · ");
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
