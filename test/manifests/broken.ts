// Broken copies of manifests: each file in broken/ is one small edit of one manifest, and says who has
// to notice.
//
//   file: manifests/local-dubbo-listener.yaml
//   at: [spec, workloadSelector, labels, app]    # the place, from the object's top
//   set: consumer                                # its new value; without it the place is removed
//   rename: …                                    # or its key's new name
//   caught:
//     by: selector                               # a check of ours, see checker.ts; or of Istio's:
//                                                # "validate", "decode" (types), a code (IST0108);
//                                                # without `caught` only the API server notices
//     file: …                                    # of the finding, where it is another
//     path: spec.workloadSelector.labels         # of the finding, for checks of ours
//     says: no pod                               # part of what is said
//   refused: unknown field                       # part of what a real API server says, where it
//                                                # refuses it: test/kubernetes

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import type { Json } from "../../harness/envoy_config.ts";
import { fromRoot } from "../../harness/repository.ts";
import type { Manifest } from "./manifest_files.ts";

/** An edit that breaks a manifest. */
export interface Break {
  /** The file's name without its ending. */
  name: string;
  /** The manifest, from the repository's root. */
  file: string;
  at: (string | number)[];
  set?: unknown;
  rename?: string;
  caught?: Catch;
  /** Part of what a real API server says, which refuses it; without it the server takes it. */
  refused?: string;
}

/** Who notices, and what is said. */
export interface Catch {
  by: string;
  file?: string;
  path?: string;
  says: string;
}

const FOLDER = fromRoot("test", "manifests", "broken");

/** All edits, in the order of their names. */
export function readBreaks(): Break[] {
  return readdirSync(FOLDER)
    .sort()
    .map((file) => {
      const edit = parse(readFileSync(join(FOLDER, file), "utf8")) as Omit<Break, "name">;
      return { name: file.replace(/\.yaml$/, ""), ...edit };
    });
}

/** An edit that another check than the API server's is there for. */
export type CaughtBreak = Break & { caught: Catch };

/** The edits whose `caught.by` is one of these. */
export function readCaught(isOne: (by: string) => boolean): CaughtBreak[] {
  return readBreaks().filter(
    (edit): edit is CaughtBreak => edit.caught !== undefined && isOne(edit.caught.by),
  );
}

/** A copy of the manifests with the edit. Throws where there is nothing at its place. */
export function broken(manifests: readonly Manifest[], edit: Break): Manifest[] {
  const hit = manifests.filter(({ file }) => file === edit.file);
  if (hit.length !== 1) throw new Error(`${edit.name}: ${hit.length} objects in ${edit.file}`);
  return manifests.map((manifest) => {
    if (manifest.file !== edit.file) return manifest;
    return { file: manifest.file, object: edited(manifest.object, edit) };
  });
}

function edited(object: Json, { name, at, set, rename }: Break): Json {
  const copy: Json = structuredClone(object);
  const key = at.at(-1)!;
  const owner = at.slice(0, -1).reduce<any>((value, part) => value?.[part], copy);
  if (typeof owner !== "object" || owner === null) throw new Error(`${name}: no such place`);
  // A key may also be new: an unknown field is one.
  if (set !== undefined) {
    owner[key] = set;
    return copy;
  }
  if (!(key in owner)) throw new Error(`${name}: no such place`);
  if (rename !== undefined) owner[rename] = owner[key];
  if (Array.isArray(owner)) owner.splice(Number(key), 1);
  else delete owner[key];
  return copy;
}
