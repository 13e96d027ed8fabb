// Configurations of the filter outside of manifests: in envoy-local.yaml, in docs/*.yaml and in the
// snippets of our documents. All of them keep to docs/configuration.schema.json.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { readConfig, wasmPlugins } from "../../harness/envoy_config.ts";
import { fromRoot } from "../../harness/repository.ts";
import { configurationOf, faultsOf } from "./plugin_configurations.ts";
import { configurationsIn } from "./snippets.ts";

const FOLDERS = ["docs", "demo", "manifests"];
/** Documents that have such snippets: if none was found in them, the search is broken. */
const WITH_SNIPPETS = ["README.md", join("docs", "routing.md")];

const documents = [
  "README.md",
  ...FOLDERS.flatMap((folder) =>
    readdirSync(fromRoot(folder), { recursive: true, encoding: "utf8" })
      .filter((file) => file.endsWith(".md"))
      .map((file) => join(folder, file)),
  ),
];

/** Whole Envoys that the pages point to. */
const envoys = [
  "envoy-local.yaml",
  ...readdirSync(fromRoot("docs"))
    .filter((file) => file.endsWith(".yaml") && "admin" in readConfig(fromRoot("docs", file)))
    .map((file) => join("docs", file)),
];

describe("configurations of the filter", () => {
  for (const file of envoys) {
    test(`those in ${file} keep to the schema`, () => {
      const plugins = wasmPlugins(readConfig(fromRoot(file)));
      assert.ok(plugins.length > 0);
      assert.deepEqual(
        plugins.flatMap((plugin) => faultsOf(configurationOf(plugin))),
        [],
      );
    });
  }

  for (const file of documents) {
    test(`those in ${file} keep to the schema`, () => {
      const found = configurationsIn(readFileSync(fromRoot(file), "utf8"));
      if (WITH_SNIPPETS.includes(file)) assert.ok(found.length > 0, "none is found");
      const faults = found.flatMap(({ line, path, configuration }) =>
        faultsOf(configuration).map((fault) => `${file}:${line}: ${path} ${fault}`),
      );
      assert.deepEqual(faults, []);
    });
  }

  test("a snippet is found by its keys, in a filter, and in a WasmPlugin", () => {
    const found = configurationsIn(
      [
        "```yaml\nside: auto\n```",
        "```yaml\nconfig:\n  configuration: { value: { side: consumer } }\n```",
        "```yaml\nspec: { pluginConfig: { side: provider } }\n```",
        "```yaml\nsides: auto\n```",
        "```json\n{}\n```",
      ].join("\n"),
    );
    assert.deepEqual(
      found.map(({ line, configuration }) => [line, configuration]),
      [
        [2, { side: "auto" }],
        [5, { side: "consumer" }],
        [9, { side: "provider" }],
      ],
    );
  });

  test("a fault is told with its place", () => {
    const [fault] = faultsOf({ metrics: { labels: ["service"] } });
    assert.match(fault!, /^\/metrics\/labels\/0 must be equal to one of the allowed values/);
  });
});
