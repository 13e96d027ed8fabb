/**
 * Labels and a metric's name into the one string that the host's `define_metric` takes.
 *
 * Names come from the wire and are cleaned, see call/cleaned.ts; everything else is words of ours.
 */
import { writeCleaned } from "../call/cleaned";

/** Eight names of `MAX_VALUE` bytes, a dozen fixed labels and a metric's name. */
const ROOM: i32 = 3072;
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

/** Appends `number` in decimal digits. */
export function writeNumber(number: u32): void {
  let power: u32 = 1;
  while (number / power >= 10) power *= 10;
  for (; power != 0; power /= 10) {
    store<u8>(BUFFER + length++, <u8>(0x30 + ((number / power) % 10)));
  }
}

/** Appends word number `index` of `words`, between which stand spaces or ends of lines. */
export function writeWord(words: string, index: u32): void {
  let p = wordAt(words, index);
  const end = endOf(words);
  for (; p < end && load<u8>(p) > SPACE; p += 2) store<u8>(BUFFER + length++, load<u8>(p));
}

/** Whether word number `index` of `words` is word number `otherIndex` of `others`. */
export function isWord(words: string, index: u32, others: string, otherIndex: u32): bool {
  let p = wordAt(words, index);
  let q = wordAt(others, otherIndex);
  const end = endOf(words);
  const otherEnd = endOf(others);
  while (p < end && load<u8>(p) > SPACE) {
    if (q == otherEnd || load<u8>(p) != load<u8>(q)) return false;
    p += 2;
    q += 2;
  }
  return q == otherEnd || load<u8>(q) <= SPACE;
}

/** Appends `dubbo_` and word number `index` of `words` as the name of a label, whose value follows. */
export function startLabel(words: string, index: u32): void {
  writeText("dubbo_");
  writeWord(words, index);
  writeText("=.=");
}

/** Appends what ends a label. */
export function endLabel(): void {
  writeText(";.;");
}

/** Appends the `count` bytes at `value` as a label's value, cleaned and cut at `MAX_VALUE`. */
export function writeWireValue(value: usize, count: u32): void {
  length = <u32>(writeCleaned(BUFFER + length, value, count) - BUFFER);
  // Envoy drops dots at the end of a label's value, which would make two series one.
  for (let p = length; load<u8>(BUFFER + p - 1) == 0x2e; p--) store<u8>(BUFFER + p - 1, 0x5f);
}

/** What stands between words, and everything below it. */
const SPACE: u8 = 0x20;

/** Where word number `index` of `words` begins; their end if there are not so many. */
function wordAt(words: string, index: u32): usize {
  let p = changetype<usize>(words);
  const end = endOf(words);
  while (true) {
    while (p < end && load<u8>(p) <= SPACE) p += 2;
    if (index-- == 0) return p;
    while (p < end && load<u8>(p) > SPACE) p += 2;
  }
}

function endOf(words: string): usize {
  return changetype<usize>(words) + ((<usize>words.length) << 1);
}
