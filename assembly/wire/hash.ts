/**
 * Hashes for the tables of names and of request ids.
 *
 * Names and ids are chosen by peers, so every hash starts from a seed that peers do not know: else
 * a few thousand chosen ids would put a whole table into one chain.
 */

const PRIME_A: u64 = 0x9e3779b97f4a7c15; // 2^64 / golden ratio: spreads neighbouring ids
const PRIME_B: u64 = 0xbf58476d1ce4e5b9; // the first multiplier of splitmix64

/** Mixes `value` into the hash `seed`; every bit of both reaches every bit of the answer. */
// @ts-ignore: decorator
@inline
export function hashU64(seed: u64, value: u64): u64 {
  let h = (seed ^ value) * PRIME_A;
  h = (h ^ (h >> 32)) * PRIME_B;
  return h ^ (h >> 29);
}

/** Mixes the `length` bytes at `p` into the hash `seed`, eight at a time; they must be readable. */
export function hashBytes(seed: u64, p: usize, length: u32): u64 {
  let h = hashU64(seed, length);
  const end = p + length;
  while (p + 8 <= end) {
    h = hashU64(h, load<u64>(p));
    p += 8;
  }
  let tail: u64 = 0;
  while (p < end) tail = (tail << 8) | load<u8>(p++);
  return hashU64(h, tail);
}
