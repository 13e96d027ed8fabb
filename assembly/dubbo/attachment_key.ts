/**
 * Comparing attachment keys as the peers do that read them: by their characters, whatever the case and
 * however they are spelt.
 *
 * Envoy's `dubbo_proxy` lower-cases keys (ASCII), and decoders accept a character in more bytes than it
 * needs; a key that only the filter may set must be found in every one of these spellings.
 */

/** How the bytes of a key are to be read. */
export const enum KeyEncoding {
  /** ASCII, UTF-8, CESU-8, and GB18030, in which ASCII is spelt as itself. */
  BYTES,
  UTF16_BE,
  UTF16_LE,
}

/** Not a character: the bytes are none. */
const NO_UNIT: u32 = 0xffffffff;
let next: usize = 0;

/**
 * Whether the `length` bytes at `key` spell the `wantedLength` ASCII characters at `wanted`, which are
 * lower case.
 */
export function spells(
  key: usize,
  length: u32,
  encoding: KeyEncoding,
  wanted: usize,
  wantedLength: u32,
): bool {
  const end = key + length;
  let p = key;
  for (let i: u32 = 0; i < wantedLength; i++) {
    if (encoding == KeyEncoding.BYTES && p < end && load<u8>(p) < 0x80) {
      // Almost every key is ASCII; one that was not asked for ends at its first character.
      if (lower(load<u8>(p)) != load<u8>(wanted + i)) return false;
      p++;
      continue;
    }
    const unit = encoding == KeyEncoding.BYTES ? readUtf8(p, end) : readUtf16(p, end, encoding);
    if (lower(unit) != load<u8>(wanted + i)) return false;
    p = next;
  }
  return p == end;
}

/** The same with the case that `wanted` has. */
export function spellsExactly(
  key: usize,
  length: u32,
  encoding: KeyEncoding,
  wanted: usize,
  wantedLength: u32,
): bool {
  const end = key + length;
  let p = key;
  for (let i: u32 = 0; i < wantedLength; i++) {
    const unit = encoding == KeyEncoding.BYTES ? readUnit(p, end) : readUtf16(p, end, encoding);
    if (unit != load<u8>(wanted + i)) return false;
    p = next;
  }
  return p == end;
}

/** `unit` in lower case if it is an ASCII letter. */
// @ts-ignore: decorator
@inline
export function lower(unit: u32): u32 {
  return unit >= 0x41 && unit <= 0x5a ? unit | 0x20 : unit;
}

/** Reads the unit at `p` of ASCII or UTF-8. */
function readUnit(p: usize, end: usize): u32 {
  if (p >= end || load<u8>(p) >= 0x80) return readUtf8(p, end);
  next = p + 1;
  return load<u8>(p);
}

/** Reads the unit at `p` as Hessian's Java decoder does: overlong forms mean what they spell. */
function readUtf8(p: usize, end: usize): u32 {
  if (p >= end) return NO_UNIT;
  const lead: u32 = load<u8>(p);
  if ((lead & 0xe0) == 0xc0 && p + 2 <= end) {
    next = p + 2;
    return ((lead & 0x1f) << 6) | (load<u8>(p, 1) & 0x3f);
  }
  if ((lead & 0xf0) == 0xe0 && p + 3 <= end) {
    next = p + 3;
    return ((lead & 0x0f) << 12) | (((<u32>load<u8>(p, 1)) & 0x3f) << 6) | (load<u8>(p, 2) & 0x3f);
  }
  if ((lead & 0xf8) == 0xf0 && p + 4 <= end) {
    next = p + 4;
    return (
      ((lead & 0x07) << 18) |
      (((<u32>load<u8>(p, 1)) & 0x3f) << 12) |
      (((<u32>load<u8>(p, 2)) & 0x3f) << 6) |
      (load<u8>(p, 3) & 0x3f)
    );
  }
  return NO_UNIT;
}

function readUtf16(p: usize, end: usize, encoding: KeyEncoding): u32 {
  if (p + 2 > end) return NO_UNIT;
  next = p + 2;
  const unit = load<u16>(p);
  return encoding == KeyEncoding.UTF16_LE ? unit : bswap<u16>(unit);
}
