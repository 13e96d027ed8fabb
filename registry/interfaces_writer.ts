// Writes the interfaces that are or were registered, as the filter's `metrics.interfaces` takes them: a JSON
// array, sorted. With it the names that become metrics are bounded by what exists.

import type { Directory } from "./directory.ts";
import type { Instance } from "./instance.ts";
import { refreshText } from "./refresh.ts";
import { replaceFile } from "./replace_file.ts";
import { serviceParts } from "./service_key.ts";

/** As many as `metrics.interfaces` takes, and as long. */
const MAX_INTERFACES = 10_000;
const MAX_CHARS = 200;

/** The file's text. */
export function interfacesText(services: Map<string, Instance[]>): string {
  const names = new Set([...services.keys()].map((key) => serviceParts(key).interface));
  const fitting = [...names].filter((name) => name.length <= MAX_CHARS).sort();
  return JSON.stringify(fitting.slice(0, MAX_INTERFACES), null, 2) + "\n";
}

/** Writes the file now and after each change; returns what ends it. */
export function writeInterfaces(
  directory: Directory,
  path: string,
  log: (line: string) => void,
): () => void {
  return refreshText(directory, interfacesText, (text) => replaceFile(path, text), log);
}
