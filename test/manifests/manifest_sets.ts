// What is in a cluster at once: all that a kustomization names, and on top of that each other file by
// itself, as an alternative or a recipe stands alone. An object takes the place of one of the same kind,
// namespace and name, as `kubectl apply` does it.

import { dirname, join } from "node:path";
import { KUSTOMIZATION, nameOf, readKustomizations, type Manifest } from "./manifest_files.ts";

/** Objects that are applied together. */
export interface ManifestSet {
  /** "kustomizations", or the file that is applied on top of them. */
  name: string;
  manifests: Manifest[];
}

/** All sets, first the one of the kustomizations alone. */
export function manifestSets(manifests: readonly Manifest[]): ManifestSet[] {
  const named = new Set(
    readKustomizations().flatMap(({ file, object }) => [
      file,
      ...(object.resources ?? []).map((resource: string) => join(dirname(file), resource)),
    ]),
  );
  const base = manifests.filter(({ file }) => named.has(file));
  const others = [...new Set(manifests.map(({ file }) => file))].filter((file) => !named.has(file));
  const sets = others.map((name) => {
    const added = manifests.filter(({ file }) => file === name);
    const replaced = new Set(added.map(nameOf));
    const kept = base.filter((manifest) => !replaced.has(nameOf(manifest)));
    return { name, manifests: [...kept, ...added] };
  });
  return [{ name: KUSTOMIZATION, manifests: base }, ...sets];
}
