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
const NAMES = new Set([
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
    const records = new Set(RULE_LIST.map(({ record }) => record));
    const read = EXPRESSIONS.flatMap((expr) => expr.match(/dubbo:[\w:]+/g) ?? []);
    assert.ok(read.length > 0);
    assert.deepEqual(
      read.filter((name) => !records.has(name)),
      [],
    );
  });
});
