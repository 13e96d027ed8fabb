/**
 * Data that all workers of one Envoy share, by key, for VMs with the same `vm_id`.
 *
 * It may be asked for in the middle of a connection's bytes, so its answers go to the side; see
 * memory.ts. A value is at most `ASIDE_ROOM` bytes long.
 */
import {
  proxy_get_shared_data,
  proxy_set_shared_data,
} from "@solo-io/proxy-runtime/assembly/imports";
import { firstAnswer, reuseBlock, keepBlock, secondAnswer } from "./memory";
import { OK } from "./result";

// Where the host puts the number that says which version of a value was read.
const CAS = memory.data(4);
let length: u32 = 0;

/**
 * Reads the value under the key of `keyLength` bytes at `key`.
 *
 * @returns where it lies, good until the next call; 0 if there is none. `sharedLength` says how long it
 *   is, and `replaceShared` replaces just this version of it
 */
export function readShared(key: usize, keyLength: u32): usize {
  const address = firstAnswer();
  const size = secondAnswer();
  keepBlock();
  const result = proxy_get_shared_data(key, keyLength, address, size, CAS);
  reuseBlock();
  length = result == OK ? <u32>load<usize>(size) : 0;
  return result == OK ? load<usize>(address) : 0;
}

/** How many bytes the value has that was read last. */
export function sharedLength(): u32 {
  return length;
}

/** A version that no value has: the host counts up from 1. */
const NO_VERSION: u32 = 0xffffffff;

/** Puts the `size` bytes at `value` under the key unless something is there; answers whether. */
export function createShared(key: usize, keyLength: u32, value: usize, size: u32): bool {
  return proxy_set_shared_data(key, keyLength, value, size, NO_VERSION) == OK;
}

/** Puts the `size` bytes at `value` under the key, whatever is there. */
export function writeShared(key: usize, keyLength: u32, value: usize, size: u32): void {
  proxy_set_shared_data(key, keyLength, value, size, 0);
}

/**
 * Puts the `size` bytes at `value` under the key that was read last, unless another worker has done so
 * since; answers whether.
 */
export function replaceShared(key: usize, keyLength: u32, value: usize, size: u32): bool {
  return proxy_set_shared_data(key, keyLength, value, size, load<u32>(CAS)) == OK;
}
