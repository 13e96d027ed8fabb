// Everything that is wrong with manifests/ and that Istio's own tools do not see.
//
// What they do see is in test/istio/validate.test.ts.

import { checkClusters } from "./clusters.ts";
import { checkPatches } from "./envoy_patches.ts";
import { show, type Finding } from "./findings.ts";
import type { Manifest } from "./manifest_files.ts";
import { manifestSets } from "./manifest_sets.ts";
import { checkConfigurations } from "./plugin_configurations.ts";
import { checkPluginNames } from "./plugin_names.ts";
import { checkPorts } from "./ports.ts";
import { checkSameChain } from "./same_chain.ts";
import { checkSelectors } from "./selectors.ts";
import { checkStatTags } from "./stat_tags.ts";
import { checkWasmMounts } from "./wasm_mounts.ts";

/** What looks at each object by itself. */
const OF_OBJECTS = [checkConfigurations, checkSameChain];
/** What looks at how objects fit together, and so at each set that is applied at once. */
const OF_SETS = [
  checkSelectors,
  checkWasmMounts,
  checkClusters,
  checkPorts,
  checkStatTags,
  checkPluginNames,
];

/** Names of all checks, as findings have them. */
export const CHECK_NAMES: readonly string[] = [
  "selector",
  "wasm",
  "cluster",
  "port",
  "stat tags",
  "plugin name",
  "configuration",
  "same chain",
  "envoy",
];

/** Findings of all checks that need no other program. */
export function check(manifests: readonly Manifest[]): Finding[] {
  const findings = [
    ...OF_OBJECTS.flatMap((one) => one(manifests)),
    ...manifestSets(manifests).flatMap((set) => OF_SETS.flatMap((one) => one(set.manifests))),
  ];
  // Most of the latter are found in every set.
  return [...new Map(findings.map((found) => [show(found), found])).values()];
}

/** Findings of all checks; Envoy has a look at each patch. */
export async function checkAll(manifests: readonly Manifest[]): Promise<Finding[]> {
  return [...check(manifests), ...(await checkPatches(manifests))];
}
