// Where this repository is, for everything that is named from its root.

import { resolve } from "node:path";
import { fileURLToPath } from "node:url";

/** Absolute path of the repository's root. */
export const ROOT = fileURLToPath(new URL("..", import.meta.url));

/** Absolute path of what is named from the repository's root. */
export function fromRoot(...path: string[]): string {
  return resolve(ROOT, ...path);
}
