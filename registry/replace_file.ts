// Files that are there whole or not at all.

import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

/** Has the file say this, by renaming another into its place; who watches the folder hears of it once. */
export function replaceFile(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  const written = `${path}.written`;
  writeFileSync(written, text);
  renameSync(written, path);
}
