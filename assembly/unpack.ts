/**
 * Puts the module's texts in their places before anything else runs.
 *
 * In memory a text is two bytes a character after a header of twenty. harness/pack.mjs leaves a byte a character of
 * that in the module's file, in one block at the end of the first memory:
 *
 *     Block   ::= Record* size(4)         the records' size in bytes, little endian
 *     Record  ::= gap what class? byte*   gap: bytes between the end of the record before and this one's place
 *     what    ::= (count << 2) | kind     gap and what are numbers of seven bits a byte, the lowest ones first
 *
 *     BYTES    count bytes as they are
 *     OBJECT   class(1), count bytes: the header of one of the compiler's objects, and its bytes
 *     TEXT     count characters: the header of a string, and its characters
 *
 * An object ends where the next one would begin. A module that nobody has packed has a block of size 0.
 */

const enum Kind {
  BYTES,
  OBJECT,
  TEXT,
}

/** An object begins with the size of its block, two words of the collector's, its class and its size. */
const HEADER: usize = 20;
const CLASS: usize = 12;
const SIZE: usize = 16;
/** What a block's size does not count: the word that it stands in. */
const SIZE_WORD: usize = 4;
/** From one object to the next it is a multiple of this. */
const ALIGNMENT: usize = 16;
const WASM_PAGE: usize = 65536;

/** Where the block is read. */
let at: usize = 0;

/** Writes the block out and clears its place: the heap comes there. */
function unpack(): void {
  const end = <usize>memory.size() * WASM_PAGE - SIZE_WORD;
  const start = end - load<u32>(end);
  at = start;
  let to: usize = 0;
  while (at < end) {
    to += readNumber();
    const what = readNumber();
    const kind = what & 3;
    const count = what >> 2;
    to = kind == Kind.BYTES ? writeBytes(to, count) : writeObject(to, count, kind == Kind.TEXT);
  }
  memory.fill(start, 0, end + SIZE_WORD - start);
}

function writeBytes(to: usize, count: usize): usize {
  for (const end = to + count; to < end; to++) store<u8>(to, load<u8>(at++));
  return to;
}

function writeObject(start: usize, count: usize, isText: bool): usize {
  const width: usize = isText ? 2 : 1;
  const size = count * width;
  const next = start + ((size + HEADER + ALIGNMENT - 1) & ~(ALIGNMENT - 1));
  store<u32>(start, <u32>(next - start - SIZE_WORD));
  store<u32>(start + CLASS, isText ? idof<string>() : <u32>load<u8>(at++));
  store<u32>(start + SIZE, <u32>size);
  let to = start + HEADER;
  for (const end = to + size; to < end; to += width) store<u8>(to, load<u8>(at++));
  return next;
}

function readNumber(): usize {
  let value: usize = 0;
  let shift: usize = 0;
  let byte: usize = 0;
  do {
    byte = load<u8>(at++);
    value |= (byte & 0x7f) << shift;
    shift += 7;
  } while (byte >= 0x80);
  return value;
}

unpack();
