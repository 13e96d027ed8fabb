/**
 * Whether some bytes may hold a caller's trace context: a search for its keys without reading what the
 * bytes mean.
 *
 *     traceparent     one word of four letters out of it stands at each eighth byte, wherever it begins
 *     b3, x-b3-…      a 3 after a b
 *     sw8             an 8 after a w
 *
 * Each is found in any case of letters. What is found need not be a key, so its finder reads on; a context
 * whose key is spelt in other bytes than ASCII's is not found, which no encoder writes.
 */

/** Four letters in a row of `traceparent`, in lower case, the first one lowest. */
const TRAC: u32 = 0x63617274;
const RACE: u32 = 0x65636172;
const ACEP: u32 = 0x70656361;
const CEPA: u32 = 0x61706563;
const EPAR: u32 = 0x72617065;
const PARE: u32 = 0x65726170;
const AREN: u32 = 0x6e657261;
const RENT: u32 = 0x746e6572;
/** Makes letters lower case; other characters become others. */
const LOWER: u32 = 0x20202020;
/** Spreads words over 64 bits: those eight have eight bits. */
const SPREAD: u32 = 0x9e3779b1;
const SPREAD_SHIFT: u32 = 26;
/** One bit for each of the eight words. */
const WORDS: u64 =
  bitOf(TRAC) |
  bitOf(RACE) |
  bitOf(ACEP) |
  bitOf(CEPA) |
  bitOf(EPAR) |
  bitOf(PARE) |
  bitOf(AREN) |
  bitOf(RENT);

/** Eight times each: 1, the highest bit, the bit that makes letters lower case, and four characters. */
const ONES: u64 = 0x0101010101010101;
const HIGHS: u64 = 0x8080808080808080;
const LOWERS: u64 = 0x2020202020202020;
const THREES: u64 = 0x3333333333333333;
const EIGHTS: u64 = 0x3838383838383838;
const BS: u64 = 0x6262626262626262;
const WS: u64 = 0x7777777777777777;

/** More bytes are not searched: to read attachments takes less, as large arguments are passed by their length. */
const LONGEST: usize = 4096;

/**
 * Whether the bytes from `start` to `end` may hold a context. Eight bytes in front of `start` must be
 * readable: those of the head before it.
 */
export function mayHoldContext(start: usize, end: usize): bool {
  if (end - start > LONGEST) return true;
  const last = end - 8;
  let p = start;
  while (p < last) {
    if (wordMayHold(p)) return true;
    p += 8;
  }
  return wordMayHold(last);
}

// @ts-ignore: decorator
@inline
function wordMayHold(p: usize): bool {
  const word = load<u64>(p);
  const letters = (<u32>word) | LOWER;
  if ((WORDS & bitOf(letters)) != 0 && isOfTraceparent(letters)) return true;
  // A byte is 0 where a 3 comes after a b, or an 8 after a w.
  const before = load<u64>(p - 1) | LOWERS;
  const threes = (word ^ THREES) | (before ^ BS);
  const eights = (word ^ EIGHTS) | (before ^ WS);
  return ((((threes - ONES) & ~threes) | ((eights - ONES) & ~eights)) & HIGHS) != 0;
}

// @ts-ignore: decorator
@inline
function bitOf(word: u32): u64 {
  return (<u64>1) << ((word * SPREAD) >> SPREAD_SHIFT);
}

function isOfTraceparent(word: u32): bool {
  return (
    word == TRAC ||
    word == RACE ||
    word == ACEP ||
    word == CEPA ||
    word == EPAR ||
    word == PARE ||
    word == AREN ||
    word == RENT
  );
}
