/**
 * Our own names as the bytes that host functions take, without making garbage.
 */

/** Room for the longest name that is used. */
const ROOM = memory.data(32);

/** Where the ASCII characters of `text`, at most 32, lie as bytes; good until the next call. */
export function asciiOf(text: string): usize {
  const units = changetype<usize>(text);
  const length = <u32>text.length;
  for (let i: u32 = 0; i < length; i++) store<u8>(ROOM + i, load<u8>(units + (i << 1)));
  return ROOM;
}

/** The same for the path of a property: the host wants a NUL where `path` has a dot. */
export function pathOf(path: string): usize {
  const bytes = asciiOf(path);
  const length = <u32>path.length;
  for (let i: u32 = 0; i < length; i++) {
    if (load<u8>(bytes + i) == 0x2e) store<u8>(bytes + i, 0);
  }
  return bytes;
}
