// The weight that Nacos itself has of an instance, beside Dubbo's own in the metadata.
//
//   Dubbo Java   leaves it at 1; so another one is an operator's, and Dubbo's weight counts so many times
//   dubbo-go     writes Dubbo's weight there, at both levels (nacosRegistry.createRegisterParam,
//                nacosServiceDiscovery.toRegisterInstance)

import { MAX_WEIGHT, type Instance } from "./instance.ts";
import type { Host } from "./nacos_services.ts";
import { isOfGo } from "./provider_url.ts";

/** What Nacos has where nobody said anything. */
const UNSET = 1;

/** The instance with its weight as Nacos has it too; with 0 there it asks for no calls. */
export function weighed(one: Instance, { weight, metadata }: Host): Instance {
  if (weight === UNSET || !(weight >= 0)) return one;
  const exact = isDubbosOwn(metadata) ? weight : one.weight * weight;
  const least = exact > 0 ? 1 : 0;
  return { ...one, weight: Math.min(Math.max(Math.round(exact), least), MAX_WEIGHT) };
}

// At interface level dubbo-go says its release, at application level it alone has an id.
function isDubbosOwn({ release = "", id = "" }: Record<string, string>): boolean {
  return isOfGo(release) || id !== "";
}
