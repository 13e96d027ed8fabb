/**
 * The sixteen bytes in front of every Dubbo frame, as offsets, flags and loads.
 *
 *      0        2      3        4                    12            16
 *      ┌────────┬──────┬────────┬────────────────────┬─────────────┬ ─ ─ ─
 *      │ da  bb │ flag │ status │     request id     │ body length │ body
 *      └────────┴──────┴────────┴────────────────────┴─────────────┴ ─ ─ ─
 *
 *      flag   1… …  request (else response)    .1.. …  twoway    ..1. …  event
 *             ...x xxxx  serialization id
 *
 * Source: Dubbo's ExchangeCodec (org.apache.dubbo.remoting.exchange.codec). Everything is big
 * endian. Nothing here checks a bound: the frame reader holds all sixteen bytes before it asks.
 */
import { loadU16, loadU32, loadU64 } from "../wire/bytes";

export const HEADER_LENGTH: u32 = 16;

/** The magic number's two bytes, checked one by one because the first may come alone. */
export const MAGIC_HIGH: u8 = 0xda;
export const MAGIC_LOW: u8 = 0xbb;

const FLAG_OFFSET: usize = 2;
const STATUS_OFFSET: usize = 3;
const REQUEST_ID_OFFSET: usize = 4;
export const BODY_LENGTH_OFFSET: usize = 12;

const FLAG_REQUEST: u8 = 0x80;
const FLAG_TWOWAY: u8 = 0x40;
const FLAG_EVENT: u8 = 0x20;
const SERIALIZATION_MASK: u8 = 0x1f;

/** The third byte of the header at `header`: kind of frame and serialization id. */
// @ts-ignore: decorator
@inline
export function flagOf(header: usize): u8 {
  return load<u8>(header, FLAG_OFFSET);
}

/** The status byte of the header at `header`; meaningful in responses only. */
// @ts-ignore: decorator
@inline
export function statusOf(header: usize): u8 {
  return load<u8>(header, STATUS_OFFSET);
}

/** The request id of the header at `header`, as its caller chose it. */
// @ts-ignore: decorator
@inline
export function requestIdOf(header: usize): u64 {
  return loadU64(header + REQUEST_ID_OFFSET);
}

/** The body's length in bytes as the header at `header` states it; any 32-bit number. */
// @ts-ignore: decorator
@inline
export function bodyLengthOf(header: usize): u32 {
  return loadU32(header + BODY_LENGTH_OFFSET);
}

/** Whether `flag` marks a request (else it is a response). */
// @ts-ignore: decorator
@inline
export function isRequest(flag: u8): bool {
  return (flag & FLAG_REQUEST) != 0;
}

/** Whether `flag` marks a request whose caller waits for an answer. */
// @ts-ignore: decorator
@inline
export function isTwoway(flag: u8): bool {
  return (flag & FLAG_TWOWAY) != 0;
}

/** Whether `flag` marks an event (heartbeat, readonly) and not a call. */
// @ts-ignore: decorator
@inline
export function isEvent(flag: u8): bool {
  return (flag & FLAG_EVENT) != 0;
}

/** The serialization id in `flag`, 0 to 31. */
// @ts-ignore: decorator
@inline
export function serializationOf(flag: u8): u8 {
  return flag & SERIALIZATION_MASK;
}

/** Whether the magic number stands at `header`. */
// @ts-ignore: decorator
@inline
export function isFrame(header: usize): bool {
  return loadU16(header) == (((<u32>MAGIC_HIGH) << 8) | MAGIC_LOW);
}

/** Whether the first `length` bytes at `header`, which may be fewer than two, can begin a frame. */
export function mayBeFrame(header: usize, length: u32): bool {
  if (length > 0 && load<u8>(header) != MAGIC_HIGH) return false;
  return length < 2 || load<u8>(header, 1) == MAGIC_LOW;
}
