// The dashboards and rules are what their sources say, and ask for metrics and labels that there are.

import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { describe, test } from "node:test";
import { fromRoot } from "../../harness/repository.ts";
import { DASHBOARDS } from "../../observability/dashboards.ts";
import { NAME_RULES } from "../../observability/dubbo_names.ts";
import { mixinFiles } from "../../observability/files.ts";
import { RULES } from "../../observability/rules.ts";
import { ALL_LABELS, METRICS } from "../tables/definitions.ts";

const RULE_LIST = [...RULES.groups, ...NAME_RULES.groups].flatMap(({ rules }) => rules);
const EXPRESSIONS = [
  ...RULE_LIST.map(({ expr }) => expr),
  ...Object.values(DASHBOARDS).flatMap(({ panels }) =>
    panels.flatMap(({ queries }) => queries.map(({ expr }) => expr)),
  ),
];
/** What the dashboards of Dubbo's control plane read. */
const DUBBO: { dashboards: Record<string, { metrics: string[]; labels: string[] }> } = JSON.parse(
  readFileSync(fromRoot("test/observability/dubbo_dashboards.json"), "utf8"),
);
/** What of it only the application knows: docs/metrics.md. */
const UNSEEN = [
  /_rt_milliseconds_last$/,
  // Of one method of a demo.
  /_histogram_seconds_bucket$/,
  /^dubbo_thread_pool_/,
  /^dubbo_regist(ry|er)_/,
  // Written so in the dashboards, and exported by nobody.
  /_unknown_failed_tota$/,
];
/** Labels of the application's own, and one that is written so in the dashboards. */
const UNKNOWN_LABELS = ["application_version", "clusterName", "host", "thread_pool_name", "mehtod"];
const RECORDED = new Set(RULE_LIST.flatMap(({ record }) => record ?? []));
const NAMES = new Set([
  ...RECORDED,
  ...METRICS.flatMap(({ name, type }) =>
    type === "histogram"
      ? ["bucket", "sum", "count"].map((part) => `${name}milliseconds_${part}`)
      : [name],
  ),
  ...ALL_LABELS,
]);

describe("the mixin", () => {
  test("is written as its sources say: npm run mixin", () => {
    const files = mixinFiles();
    for (const [path, text] of files) {
      assert.equal(readFileSync(fromRoot("observability", path), "utf8"), text, path);
    }
    for (const folder of ["dashboards_out", "prometheus_rules_out"]) {
      for (const file of readdirSync(fromRoot("observability", folder))) {
        assert.ok(files.has(`${folder}/${file}`), `${folder}/${file} has no source`);
      }
    }
  });

  test("asks for metrics and labels that the module has", () => {
    const asked = EXPRESSIONS.flatMap((expr) => expr.match(/(?<![\w:])dubbo_\w+/g) ?? []);
    assert.ok(asked.length > EXPRESSIONS.length);
    assert.deepEqual(
      asked.filter((name) => !NAMES.has(name)),
      [],
    );
  });

  test("reads records that are recorded", () => {
    const read = EXPRESSIONS.flatMap((expr) => expr.match(/dubbo:[\w:]+/g) ?? []);
    assert.ok(read.length > 0);
    assert.deepEqual(
      read.filter((name) => !RECORDED.has(name)),
      [],
    );
  });

  for (const [name, { metrics, labels }] of Object.entries(DUBBO.dashboards)) {
    test(`records what Dubbo's own dashboard "${name}" reads, as far as a proxy sees it`, () => {
      const missing = metrics.filter((metric) => !RECORDED.has(metric));
      assert.deepEqual(
        missing.filter((metric) => !UNSEEN.some((unseen) => unseen.test(metric))),
        [],
      );
      const kept = [...by(NAME_RULES.groups[0]!.rules[0]!.expr), "le"];
      assert.deepEqual(
        labels.filter((label) => !kept.includes(label) && !UNKNOWN_LABELS.includes(label)),
        [],
      );
    });
  }

  test("has nothing that it says no proxy sees", () => {
    assert.deepEqual(
      [...RECORDED].filter((metric) => UNSEEN.some((unseen) => unseen.test(metric))),
      [],
    );
  });
});

/** The labels that an expression keeps. */
function by(expr: string): string[] {
  return /sum by \(([^)]*)\)/.exec(expr)![1]!.split(", ");
}
