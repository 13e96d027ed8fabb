// The two kinds by which Istio itself puts a module from a registry into proxies: WasmPlugin, and
// TrafficExtension, which has the same fields for the module one step further in.
//
// https://istio.io/latest/docs/reference/config/proxy_extensions/

import type { Json } from "../../harness/envoy_config.ts";
import type { Manifest } from "./manifest_files.ts";

/** Kinds, and where each has what it says about the module. */
const PLACES: Record<string, string[]> = {
  WasmPlugin: ["spec"],
  TrafficExtension: ["spec", "wasm"],
};

/** Names of the kinds. */
export const EXTENSION_KINDS: readonly string[] = Object.keys(PLACES);

/** An object of one of them. */
export interface WasmExtension {
  manifest: Manifest;
  /** Of what it says about the module, e.g. "spec.wasm". */
  path: string;
  /** What it says: `url`, `pluginConfig` and so on. */
  wasm: Json;
}

/** Those among the manifests. */
export function wasmExtensionsOf(manifests: readonly Manifest[]): WasmExtension[] {
  return manifests
    .filter(({ object }) => EXTENSION_KINDS.includes(object.kind))
    .map((manifest) => {
      const place = PLACES[manifest.object.kind]!;
      const wasm = place.reduce<Json>((value, key) => value[key] as Json, manifest.object);
      return { manifest, path: place.join("."), wasm };
    });
}
