// Two sets of names with the same hash are two series: what peers call can be such by chance.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fromRoot } from "../../harness/repository.ts";
import { Clock } from "../emulator/clock.ts";
import { Vm } from "../emulator/emulator.ts";
import { request } from "../frames/frames.ts";

const MODULE = new WebAssembly.Module(readFileSync(fromRoot("build/dubbo.wasm")));

/** The seed of all hashes is the time at which the VM began. */
const SEED = new Clock().now;
const PATH = "com.k8s.User.UserProvider";
/** So many names hold two with the same 32 bits all but surely; and from one seed it is always the same two. */
const MOST_NAMES = 400_000;

const mask = (value: bigint): bigint => BigInt.asUintN(64, value);

/** assembly/wire/hash.ts, `hashU64`. */
function hashNumber(seed: bigint, value: bigint): bigint {
  let hash = mask((seed ^ value) * 0x9e3779b97f4a7c15n);
  hash = mask((hash ^ (hash >> 32n)) * 0xbf58476d1ce4e5b9n);
  return hash ^ (hash >> 29n);
}

/** assembly/wire/hash.ts, `hashBytes`. */
function hashText(seed: bigint, text: string): bigint {
  const bytes = Buffer.from(text);
  let hash = hashNumber(seed, BigInt(bytes.length));
  let at = 0;
  for (; at + 8 <= bytes.length; at += 8) hash = hashNumber(hash, bytes.readBigUInt64LE(at));
  let tail = 0n;
  for (; at < bytes.length; at++) tail = (tail << 8n) | BigInt(bytes[at]!);
  return hashNumber(hash, tail);
}

/** Two methods of `PATH` that metrics/registry.ts gives the same 32 bits. */
function methodsThatCollide(): [string, string] {
  const ofPath = hashText(SEED, PATH);
  const known = new Map<bigint, string>();
  for (let i = 0; i < MOST_NAMES; i++) {
    const method = `m${i.toString().padStart(7, "0")}`;
    const hash = hashText(ofPath, method) & 0xffffffffn;
    const other = known.get(hash);
    if (other !== undefined) return [other, method];
    known.set(hash, method);
  }
  throw new Error(`no two of ${MOST_NAMES} names have the same hash`);
}

test("names whose hashes are the same are counted apart", () => {
  const methods = methodsThatCollide();
  const vm = Vm.load(MODULE);
  const connection = vm.plugin({ config: "{}" }).connect();
  methods.forEach((method, index) => {
    for (let i = 0; i <= index; i++) {
      connection.downstream(request({ path: PATH, method, twoway: false }));
    }
  });
  vm.tick();
  const counted = methods.map((method) =>
    [...vm.metrics()]
      .filter(([key]) => key.startsWith("dubbo_requests_total") && key.includes(`"${method}"`))
      .map(([, value]) => value),
  );
  assert.deepEqual(counted, [[1], [2]]);
});
