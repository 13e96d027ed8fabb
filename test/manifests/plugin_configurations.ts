// Our filter's own configuration, wherever it stands, against docs/configuration.schema.json.

import { readFileSync } from "node:fs";
import { Ajv2020, type ErrorObject } from "ajv/dist/2020.js";
import { wasmPlugins, type Json } from "../../harness/envoy_config.ts";
import { fromRoot } from "../../harness/repository.ts";
import { finding, places, type Finding } from "./findings.ts";
import { changesFilter } from "./merged_filters.ts";
import { ofKind, type Manifest } from "./manifest_files.ts";
import { wasmExtensionsOf } from "./wasm_extensions.ts";

const SCHEMA = fromRoot("docs", "configuration.schema.json");
const schema = JSON.parse(readFileSync(SCHEMA, "utf8")) as Json;
const validate = new Ajv2020({ strict: true, allErrors: true }).compile(schema);

/** The keys at a configuration's top. */
export const OPTIONS: readonly string[] = Object.keys(schema.properties);

/** What the schema says about a configuration, one line per fault. */
export function faultsOf(configuration: unknown): string[] {
  if (validate(configuration)) return [];
  return (validate.errors as ErrorObject[]).map(
    ({ instancePath, message, params }) =>
      `${instancePath || "/"} ${message} ${JSON.stringify(params)}`,
  );
}

/** A Wasm plugin's configuration as an object. Undefined where it has none; throws where it is no JSON. */
export function configurationOf(plugin: Json): unknown {
  const { value } = plugin.configuration ?? {};
  return typeof value === "string" ? JSON.parse(value) : value;
}

/** Findings for plugin configurations in EnvoyFilters, WasmPlugins and TrafficExtensions that break the schema. */
export function checkConfigurations(manifests: readonly Manifest[]): Finding[] {
  const all = [
    ...ofKind(manifests, "EnvoyFilter").flatMap((manifest) =>
      pluginsOf(manifest.object).map((plugin) => ({
        manifest,
        path: pathOf(manifest.object, plugin.configuration),
        configuration: configurationOf(plugin),
      })),
    ),
    ...wasmExtensionsOf(manifests).map(({ manifest, path, wasm }) => ({
      manifest,
      path: `${path}.pluginConfig`,
      configuration: wasm.pluginConfig,
    })),
  ];
  return all.flatMap(({ manifest, path, configuration }) =>
    faultsOf(configuration ?? {}).map((fault) =>
      finding("configuration", manifest, path, configuration, fault),
    ),
  );
}

/** Those that an EnvoyFilter adds, and those that it changes. */
function pluginsOf(object: Json): Json[] {
  const patches: Json[] = object.spec.configPatches;
  const changed = patches.filter(changesFilter);
  return [
    ...wasmPlugins(object),
    ...changed.map(({ patch }) => patch.value.typed_config.config as Json),
  ];
}

function pathOf(object: unknown, wanted: unknown): string {
  return [...places(object)].find(({ value }) => value === wanted)?.path ?? "";
}
