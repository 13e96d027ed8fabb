// A metric's name, as a module defines it, to the series that Prometheus shows:
//   dubbo_side=.=consumer;.;dubbo_requests_total  →  dubbo_requests_total{dubbo_side="consumer"}
// as Envoy does with one unanchored regex `(T=\.=(.*?);\.;)` per label T (`stats_tags`, which
// Istio writes for each of `extraStatTags`). All regexes look at the same whole name, and what
// any of them matched is taken out of it afterwards.

/** The labels that this project's metrics carry. */
export const DUBBO_LABELS: readonly string[] = [
  "dubbo_interface",
  "dubbo_method",
  "dubbo_version",
  "dubbo_group",
  "dubbo_application",
  "dubbo_side",
  "dubbo_status",
  "dubbo_outcome",
  "dubbo_call",
  "dubbo_protocol",
  "dubbo_serialization",
  "dubbo_kind",
  "dubbo_direction",
  "dubbo_reason",
  "dubbo_closed_by",
  "dubbo_rule",
  "dubbo_policy",
  "dubbo_record",
];

const regexes = new Map<string, RegExp>();

function regexOf(label: string): RegExp {
  let regex = regexes.get(label);
  if (regex === undefined) {
    regex = new RegExp(`(${label}=\\.=(.*?);\\.;)`);
    regexes.set(label, regex);
  }
  return regex;
}

/** Name and labels of a metric, cut as Envoy cuts them. */
export function cutLabels(
  whole: string,
  labels: readonly string[],
): { name: string; labels: Map<string, string> } {
  const found = new Map<string, string>();
  const cut = new Uint8Array(whole.length);
  for (const label of labels) {
    const match = regexOf(label).exec(whole);
    if (match === null) continue;
    found.set(label, match[2]!);
    cut.fill(1, match.index, match.index + match[1]!.length);
  }
  let name = "";
  for (let i = 0; i < whole.length; i++) if (cut[i] === 0) name += whole[i];
  return { name, labels: found };
}

/** A series as Prometheus writes it, labels in alphabetical order. */
export function renderSeries(name: string, labels: ReadonlyMap<string, string>): string {
  if (labels.size === 0) return name;
  const shown = [...labels]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([label, value]) => `${label}="${value.replace(/["\\]/g, "\\$&")}"`);
  return `${name}{${shown.join(",")}}`;
}

/** The series of a metric's whole name. */
export function seriesKey(whole: string, labels: readonly string[]): string {
  const { name, labels: found } = cutLabels(whole, labels);
  return renderSeries(name, found);
}
