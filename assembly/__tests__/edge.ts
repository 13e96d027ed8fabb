/**
 * Test input at the edge of memory: its last byte is the last of linear memory, so that reading one
 * byte too many traps instead of passing silently.
 */

/** Where the input placed last begins. */
export let start: usize = 0;
/** Where it ends: the end of linear memory. */
export let end: usize = 0;

/** Pages in front of the edge that belong to the input: room for a megabyte. */
const PAGES: i32 = 16;
let reservedUpTo: i32 = 0;

/** Makes room for `length` bytes in front of the edge; they are zero or what was there before. */
export function placeRoom(length: i32): void {
  // The heap may have grown after the input's pages since: then new ones are needed.
  if (memory.size() != reservedUpTo) {
    // The heap takes all pages that there are when it is first used.
    heap.free(heap.alloc(1));
    memory.grow(PAGES);
    reservedUpTo = memory.size();
  }
  end = (<usize>reservedUpTo) << 16;
  start = end - length;
}

/** Places the bytes written as hexadecimal digits, which may have spaces between them. */
export function place(hex: string): void {
  const bytes = bytesOf(hex);
  // Only now, so that nothing is allocated between this and the test.
  placeRoom(bytes.length);
  for (let i = 0; i < bytes.length; i++) store<u8>(start + i, bytes[i]);
}

/** Places the first `length` bytes of those written as hexadecimal digits. */
export function placeFirst(hex: string, length: i32): void {
  const whole = bytesOf(hex);
  placeRoom(length);
  for (let i = 0; i < length; i++) store<u8>(start + i, whole[i]);
}

/** The bytes that `hex` stands for. */
export function bytesOf(hex: string): u8[] {
  const bytes: u8[] = [];
  let high = -1;
  for (let i = 0; i < hex.length; i++) {
    const c = hex.charCodeAt(i);
    if (c == 0x20) continue;
    const digit = c <= 0x39 ? c - 0x30 : (c | 0x20) - 0x57;
    if (high < 0) {
      high = digit;
    } else {
      bytes.push(<u8>((high << 4) | digit));
      high = -1;
    }
  }
  return bytes;
}

/** `count` bytes from `p` on, each as its character: for comparing ASCII. */
export function textAt(p: usize, count: u32): string {
  let text = "";
  for (let i: u32 = 0; i < count; i++) text += String.fromCharCode(load<u8>(p + i));
  return text;
}

/** Two hexadecimal digits for `byte`. */
export function hexOf(byte: u32): string {
  const digits = "0123456789abcdef";
  return digits.charAt((byte >> 4) & 15) + digits.charAt(byte & 15);
}

/** ASCII as hexadecimal digits. */
export function hexOfText(text: string): string {
  let hex = "";
  for (let i = 0; i < text.length; i++) hex += hexOf(text.charCodeAt(i));
  return hex;
}
