/**
 * Big-endian loads and stores, and a comparison of bytes.
 *
 * WebAssembly memory is little endian, the Dubbo wire is big endian; nothing else lives here.
 * None of these functions checks a bound: each needs its bytes to be inside linear memory, and the
 * caller says why they are.
 */

/** Loads the unsigned 16-bit big-endian number at `p`; two bytes must be readable. */
// @ts-ignore: decorator
@inline
export function loadU16(p: usize): u32 {
  const n: u32 = load<u16>(p);
  return ((n << 8) | (n >> 8)) & 0xffff;
}

/** Loads the unsigned 32-bit big-endian number at `p`; four bytes must be readable. */
// @ts-ignore: decorator
@inline
export function loadU32(p: usize): u32 {
  const n = load<u32>(p);
  // Not bswap: a function of the library's, which the compiler calls at its leisure.
  return (rotl<u32>(n, 8) & 0x00ff00ff) | (rotr<u32>(n, 8) & 0xff00ff00);
}

/** Loads the unsigned 64-bit big-endian number at `p`; eight bytes must be readable. */
// @ts-ignore: decorator
@inline
export function loadU64(p: usize): u64 {
  return bswap<u64>(load<u64>(p));
}

/** Whether the `length` bytes at `a` and at `b` are the same; both must be readable. */
export function sameBytes(a: usize, b: usize, length: u32): bool {
  return memory.compare(a, b, length) == 0;
}

/** The same for at least eight bytes, in fewer steps; the last ones first, where names differ most. */
export function sameWords(a: usize, b: usize, length: u32): bool {
  const last = a + length - 8;
  const ahead = b - a;
  if (load<u64>(last) != load<u64>(last + ahead)) return false;
  while (a < last) {
    if (load<u64>(a) != load<u64>(a + ahead)) return false;
    a += 8;
  }
  return true;
}

/** Whether the `length` bytes at `p` are exactly the characters of `text`, which must be ASCII. */
export function sameAscii(p: usize, length: u32, text: string): bool {
  if (length != <u32>text.length) return false;
  const units = changetype<usize>(text);
  for (let i: u32 = 0; i < length; i++) {
    if (<u16>load<u8>(p + i) != load<u16>(units + (i << 1))) return false;
  }
  return true;
}

/** Whether the `length` bytes at `p` begin with the characters of `text`, which must be ASCII. */
export function hasPrefix(p: usize, length: u32, text: string): bool {
  const count = <u32>text.length;
  return length >= count && sameAscii(p, count, text);
}

/** `number` with its two bytes changed round, to be stored big endian. */
export function bswapU16(number: u32): u16 {
  return bswap<u16>(<u16>number);
}

/** `number` with its four bytes turned round, to be stored big endian. */
export function bswapU32(number: u32): u32 {
  return bswap<u32>(number);
}
