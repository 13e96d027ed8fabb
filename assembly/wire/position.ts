/**
 * What a parser answers: the address after what it read, or why it could not read it.
 *
 * Both fit one number, because no input lies below the address `LAST_FAILURE` (the compiler puts
 * nothing of ours there). Incomplete, malformed and unsupported are three different answers: the
 * first is mended by more bytes, the others never are.
 */

/** The bytes end before the value does. */
export const INCOMPLETE: usize = 0;
/** The bytes cannot be what they should be. */
export const MALFORMED: usize = 1;
/** The bytes may be right, but this reader does not know their form or their depth. */
export const UNSUPPORTED: usize = 2;
/** No address is as low as this; everything up to it is a failure. */
export const LAST_FAILURE: usize = 7;

/** Whether `position` is one of the failures and no address. */
// @ts-ignore: decorator
@inline
export function failed(position: usize): bool {
  return position <= LAST_FAILURE;
}

/** How many bytes lie from `p` to `end`; `p` must not lie after it. */
// @ts-ignore: decorator
@inline
export function bytesLeft(p: usize, end: usize): u32 {
  return <u32>(end - p);
}
