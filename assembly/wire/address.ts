/**
 * Addresses as text into sixteen bytes.
 *
 * An IPv4 address is held as the IPv6 address that stands for it (`::ffff:a.b.c.d`, RFC 4291 2.5.5.2),
 * so that one comparison serves both.
 */

/** Bytes of an address. */
export const ADDRESS_LENGTH: u32 = 16;

/**
 * Reads the address in the `length` characters at `text` into the sixteen bytes at `out`: `a.b.c.d`,
 * or IPv6 with at most one `::`.
 *
 * @returns whether it is one
 */
export function parseAddress(text: usize, length: u32, out: usize): bool {
  memory.fill(out, 0, ADDRESS_LENGTH);
  const end = text + length;
  let isIpv6 = false;
  for (let p = text; p < end; p++) if (load<u8>(p) == 0x3a) isIpv6 = true;
  if (!isIpv6) {
    store<u16>(out, 0xffff, 10);
    return parseIpv4(text, end, out + 12);
  }
  return parseIpv6(text, end, out);
}

function parseIpv4(p: usize, end: usize, out: usize): bool {
  for (let part: u32 = 0; part < 4; part++) {
    if (part != 0 && (p >= end || load<u8>(p++) != 0x2e)) return false;
    let number: u32 = 0;
    const from = p;
    while (p < end && p - from < 3) {
      const digit = <u32>load<u8>(p) - 0x30;
      if (digit > 9) break;
      number = number * 10 + digit;
      p++;
    }
    if (p == from || number > 255) return false;
    store<u8>(out + part, <u8>number);
  }
  return p == end;
}

function parseIpv6(p: usize, end: usize, out: usize): bool {
  let count: u32 = 0;
  let gapAt: i32 = -1;
  if (p + 2 <= end && load<u16>(p) == 0x3a3a) {
    gapAt = 0;
    p += 2;
  }
  while (p < end) {
    if (count == 8) return false;
    const from = p;
    let group: u32 = 0;
    while (p < end && p - from < 4) {
      const digit = hexDigit(load<u8>(p));
      if (digit < 0) break;
      group = (group << 4) | digit;
      p++;
    }
    if (p < end && load<u8>(p) == 0x2e) {
      // The last four bytes may be written as in IPv4.
      if (count > 6 || !parseIpv4(from, end, out + (count << 1))) return false;
      count += 2;
      p = end;
      break;
    }
    if (p == from) return false;
    store<u16>(out + (count++ << 1), bswap<u16>(<u16>group));
    if (p == end) break;
    if (load<u8>(p++) != 0x3a || p == end) return false;
    if (load<u8>(p) == 0x3a) {
      if (gapAt >= 0) return false;
      gapAt = count;
      p++;
    }
  }
  if (gapAt < 0) return count == 8;
  if (count == 8) return false;
  const behind = (count - gapAt) << 1;
  memory.copy(out + ADDRESS_LENGTH - behind, out + (gapAt << 1), behind);
  memory.fill(out + (gapAt << 1), 0, ADDRESS_LENGTH - behind - (gapAt << 1));
  return true;
}

function hexDigit(byte: u8): i32 {
  if (byte >= 0x30 && byte <= 0x39) return <i32>byte - 0x30;
  const letter = byte | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? <i32>letter - 0x57 : -1;
}
