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

/**
 * The same for at least eight bytes, in fewer steps: two chains at a time, because a multiplication is
 * slow to answer but the next one need not wait for it.
 */
export function hashWords(seed: u64, p: usize, length: u32): u64 {
  const last = p + length - 8;
  let a = seed ^ length;
  let b = seed ^ PRIME_B;
  while (p + 8 < last) {
    a = step(a, load<u64>(p));
    b = step(b, load<u64>(p, 8));
    p += 16;
  }
  if (p < last) a = step(a, load<u64>(p));
  return hashU64(hashU64(a, load<u64>(last)), b);
}

// @ts-ignore: decorator
@inline
function step(h: u64, value: u64): u64 {
  return rotl<u64>((h ^ value) * PRIME_A, 29);
}
