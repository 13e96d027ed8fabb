// The commands of a page, so that what is tried is what is printed.

import { readFileSync } from "node:fs";
import { fromRoot } from "../../harness/repository.ts";

const BLOCK = /^ *```sh\n([^]*?)^ *```/gm;

/**
 * The command lines in a page's blocks of shell, without their comments; the page is named from the
 * repository's root.
 */
export function commandsOf(page: string): string[] {
  const text = readFileSync(fromRoot(page), "utf8");
  return [...text.matchAll(BLOCK)]
    .flatMap(([, block]) => block!.split("\n"))
    .map((line) => line.replace(/ # .*/, "").trim())
    .filter((line) => line !== "");
}

/** The command as it is printed on the page. Throws where it is not, or no longer. */
export function printed(page: string, command: string): string {
  if (commandsOf(page).includes(command)) return command;
  // Commands also stand in the text, as code.
  if (readFileSync(fromRoot(page), "utf8").includes(`\`${command}\``)) return command;
  throw new Error(`${page} no longer says: ${command}`);
}
