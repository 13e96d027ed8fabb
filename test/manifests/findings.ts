// What the checks of manifests report, and the walk through an object that tells where it stands.

import { nameOf, type Manifest } from "./manifest_files.ts";

/** Something wrong in one place of one object. */
export interface Finding {
  /** The check that found it, e.g. "selector". */
  check: string;
  /** From the repository's root. */
  file: string;
  /** Kind, namespace and name. */
  object: string;
  /** Where in the object, e.g. "spec.configPatches[0].match". */
  path: string;
  /** What stands there. */
  value: unknown;
  message: string;
}

/** A value inside an object. */
export interface Place {
  path: string;
  /** The last part of the path; "" for elements of lists and for the object itself. */
  key: string;
  value: unknown;
}

/** A finding about a place of a manifest. */
export function finding(
  check: string,
  manifest: Manifest,
  path: string,
  value: unknown,
  message: string,
): Finding {
  return { check, file: manifest.file, object: nameOf(manifest), path, value, message };
}

/** A finding in one line. */
export function show({ check, file, object, path, value, message }: Finding): string {
  return `${file}: ${object}: ${path}: ${JSON.stringify(value)}: ${message} [${check}]`;
}

/** The value itself and all values inside it, outer ones first. */
export function* places(value: unknown, path: string = "", key: string = ""): Generator<Place> {
  yield { path, key, value };
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) yield* places(item, `${path}[${index}]`);
  } else if (typeof value === "object" && value !== null) {
    for (const [name, inner] of Object.entries(value)) yield* places(inner, step(path, name), name);
  }
}

function step(path: string, name: string): string {
  if (!/^[A-Za-z_]\w*$/.test(name)) return `${path}[${JSON.stringify(name)}]`;
  return path === "" ? name : `${path}.${name}`;
}
