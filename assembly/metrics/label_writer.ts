/**
 * Labels and a metric's name into the one string that the host's `define_metric` takes.
 *
 * Values come from the wire: a byte outside `[A-Za-z0-9_.$:/-]` becomes `_`, so that no value can end
 * its own label, begin another or break a line of the exposition format.
 */
/** Longest value of a label in bytes; the longest Java interfaces in the field have about 150. */
export const MAX_VALUE: u32 = 200;

/** Four names of `MAX_VALUE` bytes, a dozen fixed labels and a metric's name. */
const ROOM: i32 = 2048;
const BUFFER = memory.data(ROOM);
let length: u32 = 0;

/** The string's address. */
export function writtenStart(): usize {
  return BUFFER;
}

/** The string's length in bytes. */
export function writtenLength(): u32 {
  return length;
}

/** Begins a new string. */
export function startName(): void {
  length = 0;
}

/** Appends the ASCII characters of `text`. */
export function writeText(text: string): void {
  const count = <u32>text.length;
  for (let i: u32 = 0; i < count; i++) {
    store<u8>(BUFFER + length++, load<u8>(changetype<usize>(text) + (i << 1)));
  }
}

/** Appends the label `name` with one of our own values. */
export function writeLabel(name: string, value: string): void {
  startLabel(name);
  writeText(value);
  endLabel();
}

/** Appends the label `name` with one of our own words. */
export function writeWordLabel(name: string, words: string, index: u32): void {
  startLabel(name);
  writeWord(words, index);
  endLabel();
}

/** Appends word number `index` of `words`, between which stands one space. */
export function writeWord(words: string, index: u32): void {
  let p = changetype<usize>(words);
  const end = p + ((<usize>words.length) << 1);
  for (; p < end; p += 2) {
    const byte = load<u8>(p);
    if (byte == 0x20) {
      if (index-- == 0) return;
    } else if (index == 0) {
      store<u8>(BUFFER + length++, byte);
    }
  }
}

/** Appends the label `name` with the `count` bytes at `value`, cleaned and cut at `MAX_VALUE`. */
export function writeWireLabel(name: string, value: usize, count: u32): void {
  startLabel(name);
  const end = value + min<u32>(count, MAX_VALUE);
  while (value < end) {
    const byte = load<u8>(value++);
    store<u8>(BUFFER + length++, isPlain(byte) ? byte : 0x5f);
  }
  // Envoy drops dots at the end of a label's value, which would make two series one.
  for (let p = length; load<u8>(BUFFER + p - 1) == 0x2e; p--) store<u8>(BUFFER + p - 1, 0x5f);
  endLabel();
}

function startLabel(name: string): void {
  writeText(name);
  writeText("=.=");
}

function endLabel(): void {
  writeText(";.;");
}

/** Whether `byte` is one of `[A-Za-z0-9_.$:/-]`. */
export function isPlain(byte: u8): bool {
  const letter = byte | 0x20;
  if (letter >= 0x61 && letter <= 0x7a) return true; // A-Z a-z
  if (byte >= 0x2d && byte <= 0x3a) return true; // - . / 0-9 :
  return byte == 0x5f || byte == 0x24; // _ $
}
