// Rules that interop peers are called by, and how often each must then have been taken.

import type { Json } from "../../harness/envoy_config.ts";
import { linesOf, type CallLine, type Report } from "./report.ts";

/** Calls of Set… get another attachment than all others; those lose two of the consumer's. */
export const SET_AND_REST: Json = {
  protected: ["x-rule", "x-bytes"],
  rules: [
    {
      name: "set",
      match: { method: { prefix: "Set" }, attachments: [{ name: "x-canary", exact: "v2" }] },
      attachments: { set: [{ name: "x-rule", value: "set" }] },
    },
    {
      name: "rest",
      attachments: { set: [{ name: "x-rule", value: "rest" }], remove: ["X-Canary"] },
    },
  ],
};

/** Whether calls of this line meet the first of them. */
export function isSet({ method }: CallLine): boolean {
  return method.startsWith("Set");
}

/** How often each rule must have been taken, as `routedIn` tells it. */
export function ruleCounts(sent: Report): Record<string, number> {
  const counts = { routed_set: 0, routed_rest: 0 };
  for (const line of linesOf(sent)) counts[isSet(line) ? "routed_set" : "routed_rest"] += line.sent;
  return counts;
}
