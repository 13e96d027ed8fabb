// What Prometheus' own tool says of the rules and of every panel's query. promtool comes with Debian's
// package `prometheus`: npm run test:promtool.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { stringify } from "yaml";
import { fromRoot } from "../../harness/repository.ts";
import { DASHBOARDS } from "../../observability/dashboards.ts";

/** Runs promtool; its exit code, and all that it says. */
function promtool(...words: string[]): { code: number | null; said: string } {
  const { status, stdout, stderr, error } = spawnSync("promtool", words, { encoding: "utf8" });
  if (error !== undefined) throw error;
  return { code: status, said: stdout + stderr };
}

/** Has promtool read expressions as recording rules. */
function checkExpressions(expressions: string[]): { code: number | null; said: string } {
  const folder = mkdtempSync(join(tmpdir(), "dubbo-panels-"));
  try {
    const rules = expressions.map((expr, index) => ({ record: `panel_${index}`, expr }));
    const file = join(folder, "panels.yaml");
    writeFileSync(file, stringify({ groups: [{ name: "panels", rules }] }));
    return promtool("check", "rules", file);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

describe("promtool reads", () => {
  for (const file of ["dubbo.yaml", "dubbo-names.yaml"]) {
    test(`the rules of ${file}`, () => {
      const { code, said } = promtool(
        "check",
        "rules",
        fromRoot("observability/prometheus_rules_out", file),
      );
      assert.equal(code, 0, said);
    });
  }

  test("the cases of each alert, which come out as expected", () => {
    const { code, said } = promtool(
      "test",
      "rules",
      fromRoot("test/observability/rules_test.yaml"),
    );
    assert.equal(code, 0, said);
  });

  test("Dubbo's own names, which come out as Dubbo counts", () => {
    const { code, said } = promtool(
      "test",
      "rules",
      fromRoot("test/observability/dubbo_names_test.yaml"),
    );
    assert.equal(code, 0, said);
  });

  test("the query of every panel", () => {
    const expressions = Object.values(DASHBOARDS)
      .flatMap(({ panels }) => panels.flatMap(({ queries }) => queries))
      .map(({ expr }) => expr.replaceAll("$__rate_interval", "5m"));
    const { code, said } = checkExpressions(expressions);
    assert.equal(code, 0, said);
    assert.notEqual(checkExpressions([`${expressions[0]})`]).code, 0);
  });
});
