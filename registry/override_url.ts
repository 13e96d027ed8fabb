// A configurator as a URL, as Dubbo 2 writes it to /<root>/<interface>/configurators and as 3 still reads it:
//
//   override://0.0.0.0/a.A?category=configurators&dynamic=false&weight=20
//   override://192.0.2.1:20880/a.A?group=blue&version=1.0.0&disabled=true       absent:// the same
//
// Keys and what they mean as in AbstractConfigurator and UrlUtils.isMatch. Other parameters than weight
// and disabled are the consumers' and providers' own.

import { addressPattern } from "./address_pattern.ts";
import { serviceKey } from "./instance.ts";
import { disabledOf, weightOf } from "./override_values.ts";
import type { Override } from "./rules.ts";

const ANY = "*";
const ANY_HOST = "0.0.0.0";

/**
 * The override that a node's name tells of. Undefined for one that is switched off, that is for one
 * consumer alone, or that says nothing of weight and disabled.
 *
 * @throws Error with what is wrong, where the name is none
 */
export function overrideOfUrl(node: string): Override | undefined {
  let url: URL;
  try {
    url = new URL(decodeURIComponent(node));
  } catch {
    throw new Error("it is no percent-encoded URL");
  }
  if (url.protocol === "empty:") return undefined;
  if (!["override:", "absent:"].includes(url.protocol)) throw new Error("it is no override");
  const all = url.searchParams;
  const get = (key: string) => all.get(key) ?? "";
  if (get("enabled") === "false") return undefined;
  // An address without a port is a consumer's.
  if (url.port === "" && url.hostname !== ANY_HOST) return undefined;
  const weight = weightOf(all.get("weight") ?? undefined);
  const disabled = disabledOf(all.get("disabled") ?? undefined);
  if (weight === undefined && disabled === undefined) return undefined;
  const isAddress = addressPattern(url.host);
  const name = get("interface") || url.pathname.slice(1);
  if (name === "" || name === ANY) throw new Error("it names no interface");
  const [group, version, application] = [get("group"), get("version"), get("application")];
  const key = serviceKey({ interface: "", group, version: version === "0.0.0" ? "" : version });
  const isService = (its: { group: string; version: string }) =>
    serviceKey({
      interface: "",
      group: group === ANY ? ANY : its.group,
      version: version === ANY ? ANY : its.version,
    }) === key;
  const isApplication = (its: string) => ["", ANY, its].includes(application);
  return {
    kind: "override",
    level: "url",
    interface: name,
    application: "",
    matches: (one) => isAddress(one) && isService(one) && isApplication(one.application),
    specific: url.hostname !== ANY_HOST,
    priority: Number(get("priority")) || 0,
    absent: url.protocol === "absent:",
    weight,
    disabled,
  };
}
