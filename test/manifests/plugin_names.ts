// Whether plugins have names of their own: Envoy 1.40 takes two that differ in nothing but the direction of
// their listeners for one, and `side: auto` would then be the same for both.
//
// Within one file and direction a name may come again: there it is the same plugin in several listeners.

import { wasmPlugins, type Json } from "../../harness/envoy_config.ts";
import { finding, type Finding } from "./findings.ts";
import { ofKind, type Manifest } from "./manifest_files.ts";

/** Findings for Wasm plugins in EnvoyFilters whose name another file or direction has had before. */
export function checkPluginNames(manifests: readonly Manifest[]): Finding[] {
  const owners = new Map<string, string>();
  return ofKind(manifests, "EnvoyFilter").flatMap((manifest) => {
    const patches: Json[] = manifest.object.spec.configPatches;
    return patches.flatMap(({ match, patch }, index) =>
      wasmPlugins(patch).flatMap(({ name }) => {
        const owner = `${manifest.file}, ${match?.context}`;
        const first = owners.get(name) ?? owner;
        owners.set(name, first);
        if (first === owner) return [];
        const path = `spec.configPatches[${index}].patch.value`;
        return [finding("plugin name", manifest, path, name, `the name is taken: ${first}`)];
      }),
    );
  });
}
