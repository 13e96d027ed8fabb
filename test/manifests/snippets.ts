// Our filter's configurations in YAML snippets of documents.
//
// A snippet is one if it has no keys but the schema's own at its top; else those inside of it are
// taken: `configuration` of a Wasm filter in Envoy, `pluginConfig` of a WasmPlugin
// or TrafficExtension.

import { parseAllDocuments } from "yaml";
import { places } from "./findings.ts";
import { OPTIONS } from "./plugin_configurations.ts";

/** A configuration in a document. */
export interface Snippet {
  /** The snippet's first line in the document, from 1 on. */
  line: number;
  /** Where in the snippet; "" for the whole. */
  path: string;
  configuration: unknown;
}

const FENCE = /^```ya?ml\n(.*?)^```$/gms;

/** All configurations in a Markdown text. Throws where a snippet is no YAML. */
export function configurationsIn(markdown: string): Snippet[] {
  return [...markdown.matchAll(FENCE)].flatMap((match) => {
    const line = markdown.slice(0, match.index).split("\n").length + 1;
    return parseAllDocuments(match[1]!).flatMap((document) => {
      if (document.errors[0] !== undefined) throw document.errors[0];
      const value: unknown = document.toJS();
      if (isConfiguration(value)) return [{ line, path: "", configuration: value }];
      return [...places(value)]
        .filter(({ path, key }) => key === "pluginConfig" || path.endsWith("configuration.value"))
        .map(({ path, value: configuration }) => ({ line, path, configuration }));
    });
  });
}

function isConfiguration(value: unknown): boolean {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  const keys = Object.keys(value);
  return keys.length > 0 && keys.every((key) => OPTIONS.includes(key));
}
