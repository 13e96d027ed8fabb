// Metrics and labels are written down in one table of the module: everything that repeats them says the
// same.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { parse, parseAllDocuments } from "yaml";
import { fromRoot } from "../../harness/repository.ts";
import { DUBBO_LABELS } from "../emulator/labels.ts";
import { ALL_LABELS, METRICS, NAMES, SERIES_LABELS } from "./definitions.ts";

const read = (...path: string[]): string => readFileSync(fromRoot(...path), "utf8");
const sorted = (list: Iterable<string>): string[] => [...list].sort();

test("wherever the schema takes a call's names, it takes all of them", () => {
  const schema = JSON.parse(read("docs", "configuration.schema.json"));
  const { rate_limit } = schema.$defs.policy.properties;
  const lists: Record<string, { enum: string[] }> = {
    "metrics.labels": schema.properties.metrics.properties.labels.items,
    "set[].from_invocation": schema.$defs.set.properties.from_invocation,
    "rate_limit.per": rate_limit.properties.per.items.oneOf[0],
    "log.fields": schema.$defs.log.properties.fields.items,
    match: { enum: Object.keys(schema.$defs.match.properties) },
  };
  for (const [where, { enum: taken }] of Object.entries(lists)) {
    assert.deepEqual(
      NAMES.filter((name) => !taken.includes(name)),
      [],
      where,
    );
  }
});

describe("the table of metrics", () => {
  test("has each name once, and counters end in _total", () => {
    assert.equal(new Set(METRICS.map(({ name }) => name)).size, METRICS.length);
    for (const { name, type } of METRICS) {
      assert.equal(name.endsWith("_total"), type === "counter", name);
    }
  });

  test("gives no label a name that ends another's", () => {
    // Envoy's regexes are not anchored.
    for (const label of ALL_LABELS) {
      const longer = ALL_LABELS.filter((other) => other !== label && other.endsWith(label));
      assert.deepEqual(longer, [], label);
    }
  });

  test("is the manual's", () => {
    const guides = ["metrics.md", "routing.md", "policies.md", "telemetry.md"].map((file) =>
      read("docs", file),
    );
    const lines = [...guides].join("\n").split("\n");
    for (const { name, type, labels } of METRICS) {
      const full = type === "histogram" ? `${name}milliseconds` : name;
      const rows = lines.filter((line) => line.startsWith(`- \`${full}\` (`));
      assert.equal(rows.length, 1, `${full} stands once in the manual`);
      const [, told] = /\((counter|gauge|histogram)(?:: [^)]*)?\): /.exec(rows[0]!) ?? [];
      assert.equal(told, type, full);
      for (const label of labels) assert.ok(rows[0]!.includes(`\`${label}\``), `${full}: ${label}`);
    }
  });

  test("is the manual's, label for label", () => {
    const described = [...read("docs", "metrics.md").matchAll(/^- `(dubbo_[a-z_]+)`: /gm)];
    const missing = ALL_LABELS.filter((label) => !described.some(([, name]) => name === label));
    // Labels of routing, policies and telemetry stand on their pages.
    const elsewhere = missing.filter(
      (label) =>
        !`${read("docs", "routing.md")}${read("docs", "policies.md")}${read("docs", "telemetry.md")}`.includes(
          `\`${label}\``,
        ),
    );
    assert.deepEqual(elsewhere, []);
  });

  test("is the emulator's", () => {
    assert.deepEqual(sorted(DUBBO_LABELS), sorted(ALL_LABELS));
  });

  test("starts with the names of series", () => {
    assert.deepEqual(ALL_LABELS.slice(0, SERIES_LABELS.length), SERIES_LABELS);
  });
});

describe("tags are cut out of names for each label", () => {
  test("by envoy-local.yaml, in Istio's own words", () => {
    const tags = parse(read("envoy-local.yaml"), { merge: true }).stats_config.stats_tags;
    const names = tags.map(({ tag_name }: { tag_name: string }) => tag_name);
    assert.deepEqual(sorted(names), sorted(ALL_LABELS));
    for (const { tag_name, regex } of tags) {
      assert.equal(regex, `(${tag_name}=\\.=(.*?);\\.;)`);
    }
  });

  test("by every list of extraStatTags in manifests", () => {
    const files = readdirSync(fromRoot("manifests"), { recursive: true, encoding: "utf8" });
    let lists = 0;
    for (const file of files.filter((name) => name.endsWith(".yaml"))) {
      for (const document of parseAllDocuments(read("manifests", file), { merge: true })) {
        for (const tags of tagLists(document.toJS())) {
          assert.deepEqual(sorted(tags), sorted(ALL_LABELS), file);
          lists++;
        }
      }
    }
    assert.ok(lists > 1, `${lists} lists`);
  });
});

/** All values of `extraStatTags`, as a list or in an annotation. */
function tagLists(node: unknown): string[][] {
  if (typeof node !== "object" || node === null) return [];
  return Object.entries(node).flatMap(([key, value]) => {
    if (key === "extraStatTags") return [value as string[]];
    if (key.endsWith("/extraStatTags")) return [String(value).split(",")];
    return tagLists(value);
  });
}
