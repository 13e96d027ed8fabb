// When a writer looks at the directory: at first, after each change, and each second while an instance
// warms up.

import type { Directory } from "./directory.ts";
import { warmsUpAt, type Instance } from "./instance.ts";

/** While something warms up its weight is looked at so often; it is written only when it is another. */
const WARM_UP_MS = 1000;

/**
 * Calls `write` now, and whenever there may be something new. What `write` throws the first time is thrown;
 * later it is logged, and tried again with the next change.
 *
 * @param write gets the instances by service key and the time, in ms since 1970
 * @returns ends it
 */
export function refresh(
  directory: Directory,
  write: (services: Map<string, Instance[]>, now: number) => void,
  log: (line: string) => void,
): () => void {
  let timer: NodeJS.Timeout | undefined;
  let isEnded = false;
  const look = () => {
    if (isEnded) return;
    clearTimeout(timer);
    const now = Date.now();
    const services = directory.services();
    write(services, now);
    const warmsUp = [...services.values()].some((all) => all.some((one) => warmsUpAt(one, now)));
    if (warmsUp) timer = setTimeout(again, WARM_UP_MS);
  };
  const again = () => {
    try {
      look();
    } catch (error) {
      log(`not written: ${(error as Error).message}`);
    }
  };
  look();
  directory.onChange(again);
  return () => {
    isEnded = true;
    clearTimeout(timer);
  };
}

/** Like `refresh`, of a text: `write` gets it whenever it is another. */
export function refreshText(
  directory: Directory,
  textOf: (services: Map<string, Instance[]>) => string,
  write: (text: string) => void,
  log: (line: string) => void,
): () => void {
  let written = "";
  return refresh(
    directory,
    (services) => {
      const text = textOf(services);
      if (text === written) return;
      write(text);
      written = text;
    },
    log,
  );
}
