/**
 * Data that all workers of one Envoy share, by key, for VMs with the same `vm_id`.
 */
import {
  proxy_get_shared_data,
  proxy_set_shared_data,
} from "@solo-io/proxy-runtime/assembly/imports";
import { firstAnswer, secondAnswer } from "./memory";
import { OK } from "./result";

// Where the host puts the number that says which version of a value was read.
const CAS = memory.data(4);

/** Whether there is a value under the key of `length` bytes at `key`. */
export function hasShared(key: usize, length: u32): bool {
  return proxy_get_shared_data(key, length, firstAnswer(), secondAnswer(), CAS) == OK;
}

/** Puts one byte under the key: enough for `hasShared`. */
export function markShared(key: usize, length: u32): void {
  const value = firstAnswer();
  store<u8>(value, 1);
  proxy_set_shared_data(key, length, value, 1, 0);
}

/** Puts the number 0 under the key if there is nothing. */
export function startShared(key: usize, length: u32): void {
  if (hasShared(key, length)) return;
  const value = firstAnswer();
  store<u32>(value, 0);
  proxy_set_shared_data(key, length, value, 4, 0);
}

/** More than the workers of any Envoy that would all count at once, again and again. */
const MOST_ATTEMPTS: i32 = 64;

/**
 * Adds 1 to the number that `startShared` put under the key, if it is below `limit`.
 *
 * Workers may do so at the same time: who comes second is told so by the host and tries again.
 *
 * @returns whether 1 was added
 */
export function countShared(key: usize, length: u32, limit: u32): bool {
  const address = firstAnswer();
  const size = secondAnswer();
  for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt++) {
    if (proxy_get_shared_data(key, length, address, size, CAS) != OK) return false;
    const count = load<u32>(load<usize>(address));
    if (count >= limit) return false;
    store<u32>(address, count + 1);
    if (proxy_set_shared_data(key, length, address, 4, load<u32>(CAS)) == OK) return true;
  }
  return false;
}
