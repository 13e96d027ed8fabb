/**
 * Conditions on the client's address: that it lies in one of some networks.
 *
 * An address is sixteen bytes; an IPv4 one is held as the IPv6 address that stands for it
 * (`::ffff:a.b.c.d`, RFC 4291 2.5.5.2), so that one comparison serves both.
 */

/** Bytes of an address. */
export const ADDRESS_LENGTH: u32 = 16;
/** Bits of the prefix that IPv4 addresses have. */
const IPV4_BITS: u32 = 96;

const PARSED = memory.data(16);


@unmanaged
@final
export class AddressMatch {
  next: AddressMatch | null = null;
  private high: u64;
  private low: u64;
  private bits: u32;

  /**
   * @param address sixteen bytes
   * @param bits how many of them a client must share, 0 to 128
   */
  constructor(address: usize, bits: u32) {
    this.high = bswap(load<u64>(address));
    this.low = bswap(load<u64>(address, 8));
    this.bits = bits;
  }

  /** Whether the sixteen bytes at `address` lie in the network. */
  matches(address: usize): bool {
    const high = bswap(load<u64>(address)) ^ this.high;
    const low = bswap(load<u64>(address, 8)) ^ this.low;
    const bits = this.bits;
    if (bits == 0) return true;
    if (bits <= 64) return high >> (64 - bits) == 0;
    return high == 0 && low >> (128 - bits) == 0;
  }
}

/** A network's address and size, as `parseNetwork` found them. */
export let networkBits: u32 = 0;

/**
 * Reads `10.0.0.0/8`, `192.0.2.1` or `2001:db8::/32`.
 *
 * @returns where the sixteen bytes lie, good until the next call, with `networkBits` set; 0 if the text
 *   is no network
 */
export function parseNetwork(text: string): usize {
  const slash = text.indexOf("/");
  const address = slash < 0 ? text : text.substring(0, slash);
  const bytes = String.UTF8.encode(address);
  if (!parseAddress(changetype<usize>(bytes), bytes.byteLength, PARSED)) return 0;
  const isIpv4 = !address.includes(":");
  const most: u32 = isIpv4 ? 32 : 128;
  let bits = most;
  if (slash >= 0) {
    const digits = text.substring(slash + 1);
    if (digits.length == 0 || digits.length > 3) return 0;
    bits = 0;
    for (let i = 0; i < digits.length; i++) {
      const digit = digits.charCodeAt(i) - 0x30;
      if (digit < 0 || digit > 9) return 0;
      bits = bits * 10 + digit;
    }
    if (bits > most) return 0;
  }
  networkBits = isIpv4 ? IPV4_BITS + bits : bits;
  return PARSED;
}

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
