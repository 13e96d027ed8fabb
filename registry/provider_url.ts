// A provider's URL, as it stands in ZooKeeper (percent-encoded, as a node's name), to an instance:
//
//   dubbo://192.0.2.1:20880/com.k8s.User.UserProvider?application=user&group=blue&version=1.0.0&…
//
// Keys as in Dubbo's CommonConstants and RegistryConstants. Parameters that are not here are left.

import { isIP } from "node:net";
import { DEFAULT_WARM_UP_MS, DEFAULT_WEIGHT, MAX_WEIGHT, type Instance } from "./instance.ts";

/**
 * What may stand in a name: it becomes the name of a cluster, a route, a metric. As the filter has it
 * for names from the wire.
 */
const NAME = /^[\w.$-]*$/;
/** Longer ones are no name; the filter's own limit for a label is below it. */
const NAME_CHARS = 256;
/** Dubbo Java's word for no version. */
const NO_VERSION = "0.0.0";

/**
 * The instance that a node's name tells of. Undefined for one with enabled=false, which nobody calls.
 *
 * @throws Error with what is wrong, where the name is no provider's URL
 */
export function instanceOf(node: string): Instance | undefined {
  let text: string;
  try {
    text = decodeURIComponent(node);
  } catch {
    throw new Error("it is not percent-encoded");
  }
  if (!URL.canParse(text)) throw new Error("it is no URL");
  return instanceAt(new URL(text));
}

/** The same of a URL. */
export function instanceAt(url: URL): Instance | undefined {
  const all = url.searchParams;
  // dubbo-go writes parameters that it has no value for, with none.
  const text = (key: string) => all.get(key) ?? "";
  const get = (key: string) => cleaned(key, text(key));
  if (all.get("enabled") === "false") return undefined;
  const address = url.hostname.replace(/^\[(.*)\]$/, "$1");
  if (isIP(address) === 0) throw new Error(`host ${JSON.stringify(address)} is no IP address`);
  const version = get("version");
  const hasWeight = text("weight") !== "" && !(isOfGo(text("release")) && text("weight") === "0");
  return {
    interface: required("interface", get("interface") || cleaned("path", url.pathname.slice(1))),
    group: get("group"),
    version: version === NO_VERSION ? "" : version,
    application: printable(all.get("application")),
    address,
    port: number("port", url.port, 65_535),
    protocol: url.protocol.slice(0, -1),
    weight: number("weight", hasWeight ? text("weight") : `${DEFAULT_WEIGHT}`, MAX_WEIGHT),
    startedAt: number("timestamp", text("timestamp") || "0", Number.MAX_SAFE_INTEGER),
    warmUpMs: number("warmup", text("warmup") || `${DEFAULT_WARM_UP_MS}`, 2 ** 31 - 1),
    tag: printable(all.get("dubbo.tag")),
    zone: printable(all.get("zone")),
    disabled: all.get("disabled") === "true",
  };
}

/** Whether a parameter `release` is dubbo-go's. To it a weight of 0 is that of who has set none. */
export function isOfGo(release: string): boolean {
  return release.startsWith("dubbo-golang-");
}

function cleaned(what: string, value: string): string {
  if (value.length <= NAME_CHARS && NAME.test(value)) return value;
  throw new Error(`${what} ${JSON.stringify(value.slice(0, NAME_CHARS))} is no name`);
}

// These become no names, only metadata of an endpoint.
function printable(value: string | null): string {
  return (value ?? "").replace(/\p{C}/gu, "").slice(0, NAME_CHARS);
}

function required(what: string, value: string): string {
  if (value === "") throw new Error(`it has no ${what}`);
  return value;
}

function number(what: string, text: string, max: number): number {
  const value = /^\d{1,16}$/.test(text) ? Number(text) : NaN;
  if (value <= max) return value;
  throw new Error(`${what} ${JSON.stringify(text.slice(0, 20))} is no whole number up to ${max}`);
}
