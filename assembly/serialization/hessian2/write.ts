/**
 * Writing Hessian 2 strings.
 */
import { Output } from "../../wire/output";
import { Span } from "../../wire/span";

/** The longest string in UTF-16 units that is written; one piece of a string holds no more. */
export const LONGEST_WRITTEN: u32 = 0xffff;
const MEDIUM_CODE: u32 = 0x30;
const FINAL_CODE: u32 = 0x53;
const SHORT_MOST: u32 = 31;
const MEDIUM_MOST: u32 = 1023;

/**
 * Appends `text`, which is UTF-8 or CESU-8, as a Hessian 2 string: its length in UTF-16 units, and each
 * supplementary character as two surrogates of three bytes. What is longer than `LONGEST_WRITTEN` is cut.
 *
 * The text may come from the wire. It is walked as string.ts walks it, by its lead bytes alone,
 * so that a reader finds just as many characters as are announced, whatever bytes they are made of.
 */
export function writeHessian2String(out: Output, text: Span): void {
  const end = text.start + text.length;
  let units: u32 = 0;
  let stop = text.start;
  while (stop < end) {
    const size = sequenceLength(load<u8>(stop));
    const more: u32 = size == 4 ? 2 : 1;
    if (size > <u32>(end - stop) || units + more > LONGEST_WRITTEN) break;
    stop += size;
    units += more;
  }
  if (units <= SHORT_MOST) {
    out.writeU8(units);
  } else if (units <= MEDIUM_MOST) {
    out.writeU16((MEDIUM_CODE << 8) | units);
  } else {
    out.writeU8(FINAL_CODE);
    out.writeU16(units);
  }
  let p = text.start;
  let plain = p;
  while (p < stop) {
    const size = sequenceLength(load<u8>(p));
    if (size == 4) {
      out.write(plain, <u32>(p - plain));
      writeSupplementary(out, p);
      plain = p + 4;
    }
    p += size;
  }
  out.write(plain, <u32>(stop - plain));
}

/** Bytes of the character whose first byte is `lead`; what can begin none stands for itself. */
function sequenceLength(lead: u8): u32 {
  if ((lead & 0xe0) == 0xc0) return 2;
  if ((lead & 0xf0) == 0xe0) return 3;
  return (lead & 0xf8) == 0xf0 ? 4 : 1;
}

/** Appends the character of four bytes at `p`. */
function writeSupplementary(out: Output, p: usize): void {
  const point =
    ((((<u32>load<u8>(p)) & 0x07) << 18) |
      (((<u32>load<u8>(p, 1)) & 0x3f) << 12) |
      (((<u32>load<u8>(p, 2)) & 0x3f) << 6) |
      ((<u32>load<u8>(p, 3)) & 0x3f)) -
    0x10000;
  writeSurrogate(out, 0xd800 | ((point >> 10) & 0x3ff));
  writeSurrogate(out, 0xdc00 | (point & 0x3ff));
}

function writeSurrogate(out: Output, unit: u32): void {
  out.writeU8(0xe0 | (unit >> 12));
  out.writeU8(0x80 | ((unit >> 6) & 0x3f));
  out.writeU8(0x80 | (unit & 0x3f));
}
