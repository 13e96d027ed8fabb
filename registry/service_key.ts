// Dubbo's name of a service, taken apart.

import type { Instance } from "./instance.ts";

/** What `serviceKey` puts together. */
export function serviceParts(key: string): Pick<Instance, "interface" | "group" | "version"> {
  const [, group = "", name = "", version = ""] = /^(?:(.*)\/)?([^:]*)(?::(.*))?$/.exec(key)!;
  return { interface: name, group, version };
}
