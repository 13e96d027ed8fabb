// What must hold between the filter's metrics at the end of a case, when all connections are closed.

import { DUBBO_LABELS } from "../emulator/labels.ts";
import type { Histogram } from "../emulator/metrics.ts";
import type { Totals } from "./traffic_model.ts";

/** A metric is wrong. */
export class WrongMetrics extends Error {
  override name = "WrongMetrics";
}

/** A metric's name taken apart, as the filter writes it: `label=.=value;.;` for each label, then a name. */
interface Parsed {
  metric: string;
  labels: Map<string, string>;
}

/** Characters of a label's value that come from the wire, and of our own. */
const CLEAN = /^[A-Za-z0-9_.$:/-]{1,200}$/;
/** Labels whose values are a call's names. */
const NAMES = ["dubbo_interface", "dubbo_method", "dubbo_version", "dubbo_group"] as const;

function parse(name: string): Parsed {
  const parts = name.split(";.;");
  const metric = parts.pop()!;
  const labels = new Map<string, string>();
  for (const part of parts) {
    const at = part.indexOf("=.=");
    const [label, value] = [part.slice(0, at), part.slice(at + 3)];
    if (at < 0 || !DUBBO_LABELS.includes(label))
      throw new WrongMetrics(`no label of ours: ${name}`);
    if (labels.has(label)) throw new WrongMetrics(`the label ${label} twice: ${name}`);
    if (!CLEAN.test(value)) throw new WrongMetrics(`an unclean value of ${label}: ${name}`);
    labels.set(label, value);
  }
  if (!/^dubbo_[a-z_]+$/.test(metric)) throw new WrongMetrics(`no metric of ours: ${name}`);
  return { metric, labels };
}

/** Values by whole name, as the module defined it. */
export type Metrics = ReadonlyMap<string, number | Histogram>;

const countOf = (value: number | Histogram): number =>
  typeof value === "number" ? value : value.count;

/** What one set of names counted: by metric, and by metric and call or reason. */
function byNames(metrics: Metrics): Map<string, Map<string, number>> {
  const all = new Map<string, Map<string, number>>();
  for (const [name, value] of metrics) {
    const { metric, labels } = parse(name);
    const names = [...NAMES, "dubbo_side"].map((label) => labels.get(label) ?? "").join(" ");
    const of = all.get(names) ?? new Map<string, number>();
    all.set(names, of);
    const call = labels.get("dubbo_call");
    const reason = labels.get("dubbo_reason");
    const more = call ?? reason;
    of.set(metric, (of.get(metric) ?? 0) + countOf(value));
    if (more === undefined) continue;
    const key = `${metric}:${more}`;
    of.set(key, (of.get(key) ?? 0) + countOf(value));
  }
  return all;
}

/** For every set of names: requests = responses + unanswered + untracked + one-way ones. */
function holdEquation(names: string, of: Map<string, number>): void {
  const get = (metric: string): number => of.get(`dubbo_${metric}`) ?? 0;
  const ended =
    get("responses_total") +
    get("unanswered_requests_total") +
    get("untracked_requests_total") +
    get("requests_total:oneway");
  if (get("requests_total") !== ended) {
    const all = JSON.stringify(Object.fromEntries(of));
    throw new WrongMetrics(`of ${names} ${get("requests_total")} requests, ${ended} ended: ${all}`);
  }
  const durations = get("request_duration_milliseconds") + get("request_duration_microseconds");
  if (durations !== get("responses_total")) {
    throw new WrongMetrics(`of ${names} ${durations} durations, ${get("responses_total")} answers`);
  }
}

/** All metrics of a case, taken apart once. */
export class Counted {
  readonly #metrics: Metrics;
  readonly #sets: Map<string, Map<string, number>>;
  /** Requests by interface, method and side. */
  readonly #requests = new Map<string, number>();
  /** Sums over all names. */
  readonly totals: Totals = {};

  constructor(metrics: Metrics) {
    this.#metrics = metrics;
    this.#sets = byNames(metrics);
    for (const [names, of] of this.#sets) {
      // Version and group do not matter here.
      const [path, method, , , side] = names.split(" ");
      const key = `${path} ${method} ${side}`;
      const requests = of.get("dubbo_requests_total") ?? 0;
      this.#requests.set(key, (this.#requests.get(key) ?? 0) + requests);
      for (const [key, value] of of) {
        const short = key.replace("dubbo_", "");
        this.totals[short] = (this.totals[short] ?? 0) + value;
      }
    }
  }

  /**
   * Throws `WrongMetrics` unless everything adds up, all gauges are back at 0, every name is clean, and
   * there are at most `mostNames` sets of a call's names.
   */
  hold(mostNames: number): void {
    for (const [names, of] of this.#sets) holdEquation(names, of);
    const own = [...this.#sets].filter(
      ([names, of]) => of.has("dubbo_requests_total") && !names.includes("_OTHER"),
    );
    if (own.length > mostNames) {
      throw new WrongMetrics(`${own.length} sets of names, at most ${mostNames} allowed`);
    }
    for (const [name, value] of this.#metrics) {
      if (name.endsWith("_active") && value !== 0) {
        throw new WrongMetrics(`${name} stays at ${String(value)}`);
      }
    }
  }

  /** Throws `WrongMetrics` where the filter counted something else than `expected`. */
  holdTotals(expected: Totals): void {
    const wrong = TOTALS.filter((key) => (this.totals[key] ?? 0) !== (expected[key] ?? 0)).map(
      (key) => `${key}: ${this.totals[key] ?? 0}, expected ${expected[key] ?? 0}`,
    );
    if (wrong.length > 0) throw new WrongMetrics(wrong.join("; "));
    for (const [key, least] of Object.entries(expected)) {
      if (!key.startsWith("names ")) continue;
      const names = key.slice("names ".length);
      const count = this.#requests.get(names) ?? 0;
      if (count < least) throw new WrongMetrics(`${count} requests of ${names}, at least ${least}`);
    }
  }
}

const TOTALS: readonly string[] = [
  ...["requests_total", "requests_total:oneway", "request_bytes_total"],
  ...["responses_total", "response_bytes_total", "unmatched_responses_total", "events_total"],
  ...["unanswered_requests_total", "untracked_requests_total", "guarded_requests_total"],
  ...["connections_total", "unused_connections_total", "passthrough_connections_total"],
  ...["bad_magic", "body_too_large", "truncated_frame"].map((r) => `decode_errors_total:${r}`),
];
