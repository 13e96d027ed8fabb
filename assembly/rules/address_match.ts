/**
 * Conditions on the client's address: that it lies in one of some networks.
 *
 * An address is sixteen bytes; an IPv4 one is held as the IPv6 address that stands for it
 * (`::ffff:a.b.c.d`, RFC 4291 2.5.5.2), so that one comparison serves both.
 */

import { Kept } from "../wire/arena";
import { parseAddress } from "../wire/address";

/** Bits of the prefix that IPv4 addresses have. */
const IPV4_BITS: u32 = 96;

const PARSED = memory.data(16);

/** One network, and the next that would do as well. */
@unmanaged
@final
export class AddressMatch extends Kept {
  next: AddressMatch | null = null;
  private high: u64;
  private low: u64;
  private bits: u32;

  /**
   * @param address sixteen bytes
   * @param bits how many of them a client must share, 0 to 128
   */
  constructor(address: usize, bits: u32) {
    super();
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
