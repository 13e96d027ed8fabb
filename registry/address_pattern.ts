// How rules of Dubbo's name providers: "192.0.2.1:20880", "192.0.2.1", "0.0.0.0", "*:20880", "192.0.2.*",
// "192.0.2.0/24" (NetUtils.matchIpExpression).

import { BlockList, isIP } from "node:net";
import type { Instance } from "./instance.ts";

/** Whether an instance is meant. */
export type InstanceMatch = (one: Instance) => boolean;

const ANY = new Set(["0.0.0.0", "*", ""]);

/**
 * The instances that a pattern names.
 *
 * @throws Error where it is none
 */
export function addressPattern(text: string): InstanceMatch {
  // With two colons and no brackets it is an address of IPv6, and all of it.
  const isPlain = !text.startsWith("[") && text.split(":").length > 2;
  const [, host, port] = isPlain ? [text, text] : (/^(.*?)(?::(\d{1,5}|\*))?$/.exec(text) ?? []);
  if (host === undefined) throw new Error(`${JSON.stringify(text)} names no address`);
  const isHost = hostPattern(host.replace(/^\[(.*)\]$/, "$1"));
  if (port === undefined || port === "*" || port === "0") return ({ address }) => isHost(address);
  return (one) => one.port === Number(port) && isHost(one.address);
}

function hostPattern(host: string): (address: string) => boolean {
  if (ANY.has(host)) return () => true;
  if (isIP(host) !== 0) return (address) => address === host;
  const [net, bits] = host.split("/") as [string, string | undefined];
  if (bits !== undefined && isIP(net) !== 0 && /^\d{1,3}$/.test(bits)) {
    const family = isIP(net) === 4 ? "ipv4" : "ipv6";
    const list = new BlockList();
    list.addSubnet(net, Number(bits), family);
    return (address) => list.check(address, isIP(address) === 4 ? "ipv4" : "ipv6");
  }
  if (/^[\da-fA-F.:*]+$/.test(host)) {
    const parts = host.split("*").map((part) => part.replaceAll(".", "\\."));
    const pattern = new RegExp(`^${parts.join("[\\da-fA-F]*")}$`);
    return (address) => pattern.test(address);
  }
  throw new Error(`${JSON.stringify(host)} names no address`);
}
