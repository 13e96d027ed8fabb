// The network of a lab: one bridge, on which the test's own processes have HOST and each pod has an
// address. It exists only inside the network namespace that ../private makes.

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { output } from "./commands.ts";

/** The address of the test's side; for pods it is that of their node and of istiod. */
export const HOST = "10.244.0.1";
/** Where pods find the API server: the first of the Services' addresses. */
export const API_SERVER = "10.96.0.1";
/** Addresses of pods are POD_PREFIX and two numbers, the first of them from 1 on. */
const POD_PREFIX = "10.244";
const PODS_PER_STEP = 250;
const MOST_PODS = 100 * PODS_PER_STEP;
const BRIDGE = "mesh0";
const BRIDGE_ADDRESS = "02:00:0a:f4:00:01";
/** The bridge, and interfaces of pods; see `connectPod`. */
const OURS = /^(mesh0|pod\d+-\d+)$/;
const PREFIX_BITS = 16;
/** File of a cluster's folder with how many addresses pods have got. */
const GIVEN = "pod-addresses";

/**
 * Makes the bridge, in place of what a test before may have left behind. Rejects in a network
 * namespace that has more than the loopback and ours.
 */
export async function openNetwork(): Promise<void> {
  const others = (await interfaces()).filter((name) => !OURS.test(name));
  if (others.length > 0) {
    throw new Error(
      `not in a network namespace of its own (there is ${others}): ` +
        `use test/istio/private, as "npm run test:istio" does`,
    );
  }
  await closeNetwork();
  await ip("link", "set", "lo", "up");
  // Else it takes the least of its ports' addresses, another one when that port goes, and pods send to nobody.
  await ip("link", "add", BRIDGE, "address", BRIDGE_ADDRESS, "type", "bridge");
  await ip("address", "add", `${HOST}/${PREFIX_BITS}`, "dev", BRIDGE);
  await ip("link", "set", BRIDGE, "up");
}

/**
 * Takes the bridge away, and the pods' interfaces: by itself the kernel does that only when the last
 * socket of their namespace has given up on its peer.
 */
export async function closeNetwork(): Promise<void> {
  const ours = (await interfaces()).filter((name) => OURS.test(name));
  for (const name of ours) {
    await ip("link", "delete", name).catch(async (error: Error) => {
      // It may have gone by itself just now.
      if ((await interfaces()).includes(name)) throw error;
    });
  }
}

/**
 * An address that no pod of a cluster, by its folder, has had before: what was still on its way to one that is gone
 * must not arrive at another.
 */
export function nextPodAddress(folder: string): string {
  const file = join(folder, GIVEN);
  const number = existsSync(file) ? Number(readFileSync(file, "utf8")) : 0;
  if (number >= MOST_PODS) throw new Error(`no address for pod ${number}`);
  writeFileSync(file, String(number + 1));
  return `${POD_PREFIX}.${1 + Math.floor(number / PODS_PER_STEP)}.${2 + (number % PODS_PER_STEP)}`;
}

/** Gives the test's side one address more, as long as the network is there. */
export async function addAddress(address: string): Promise<void> {
  await ip("address", "replace", `${address}/32`, "dev", BRIDGE);
}

/** Unplugs the pod with this address, or plugs it in again; what runs in it goes on. */
export async function plugPod(address: string, state: "up" | "down"): Promise<void> {
  await ip("link", "set", interfaceOf(address), state);
}

/** Gives the network namespace of a process an interface on the bridge. */
export async function connectPod(pid: number, address: string): Promise<void> {
  const name = interfaceOf(address);
  const peer = ["peer", "name", "eth0", "netns", String(pid)];
  await ip("link", "add", name, "type", "veth", ...peer);
  await ip("link", "set", name, "master", BRIDGE, "up");
  const inside = async (...args: string[]) => {
    await output("nsenter", ["--target", String(pid), "--net", "ip", ...args]);
  };
  await inside("link", "set", "lo", "up");
  await inside("address", "add", `${address}/${PREFIX_BITS}`, "dev", "eth0");
  await inside("link", "set", "eth0", "up");
  // Services have addresses that nobody has: there has to be a way to send to them.
  await inside("route", "add", "default", "via", HOST);
}

function interfaceOf(address: string): string {
  const [, , third, fourth] = address.split(".");
  return `pod${third}-${fourth}`;
}

/** Names of all interfaces but the loopback. */
async function interfaces(): Promise<string[]> {
  const links = JSON.parse(await output("ip", ["-json", "link"])) as { ifname: string }[];
  return links.map(({ ifname }) => ifname).filter((name) => name !== "lo");
}

async function ip(...args: string[]): Promise<void> {
  await output("ip", args);
}
