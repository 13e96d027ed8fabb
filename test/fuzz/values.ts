// Values that decoders have trouble with: every form of the grammars at its edges, lengths and counts
// that lie, deep nesting, texts that spell the same in other bytes.

import { concat, hex } from "../frames/frames.ts";
import { FASTJSON2, HESSIAN2 } from "../module/routing/frames.ts";
import { hessianString } from "../frames/hessian2.ts";
import { jsonb } from "../frames/fastjson2.ts";
import type { Random } from "./random.ts";

const repeat = (byte: number, count: number): Uint8Array => new Uint8Array(count).fill(byte);

const HESSIAN_VALUES: readonly Uint8Array[] = [
  ..."4e 54 46 90 80 bf c0ff d7ffff 49ffffffff 497fffffff e0 f0ff 38ffff 59ffffffff".split(" "),
  ..."4cffffffffffffffff 5b 5c 5dff 5effff 5fffffffff 44fff0000000000000 4affffffffffffffff".split(
    " ",
  ),
  ..."4bffffffff 00 0161 3000 33ff 530000 53ffff 52000052000000 520001610161 52ffff".split(" "),
  ..."01ff 01c3 02eda080 01eda080 02eda080edb080 01f09f9880 02f09f9880 01c1a1 01e081a1".split(" "),
  ..."20 2f 3400 37ff 410000420000 41ffff 42ffff 4100014142000142 2161".split(" "),
  ..."575a 57905a 5890 58d7ffff90 58497fffffff 5849ffffffff 5501615a 56016190 7801 7f 7001 7090".split(
    " ",
  ),
  ..."485a 48905a 48014e5a 4d01615a 4d905a 4d4e 48016101625a 5a 4848".split(" "),
  ..."4301619001619060 430161914f90 43016191016160 4f90 60 6f 4f497fffffff 430161497fffffff".split(
    " ",
  ),
  ..."43016190 4390 5190 51497fffffff 5149ffffffff 51c8ff 40 45 47 4d4d 5858 7878787878".split(" "),
].map(hex);

const JSONB_VALUES: readonly Uint8Array[] = [
  ..."af b0 b1 b2 b3 b40f b5ffffffffffffffff b60f b7ffffffff b80f b90f0f ba0f bb017f bcffff bdff".split(
    " ",
  ),
  ..."beffffffffffffffff bfffffffff c0ffff c8ff d8 f0 2f 38ff 44ffff 48ffffffff 487fffffff".split(
    " ",
  ),
  ..."49 4a61 7861 79016179 79487fffffff 7948ffffffff 7a0161 7aff 7b026100 7b04fffe6100 7b04feff0061".split(
    " ",
  ),
  ..."7c026100 7d020061 7c016100 7e0161 7f4a6101 7f01 7f4a61487fffffff 7f4a6100".split(" "),
  ..."9000 910161 91487fffffff 924a6101af 927f01af 92af 934a24 9301 93".split(" "),
  ..."94 95af a3 a402afaf a4487fffffff a448ffffffff a6a5 a64a61afa5 a6 a6af a5 a64a61a5".split(" "),
  ..."a7010101af a801010101010101af a9010101ff aaff abffffffffffffffff acffffffff adffffffff aeafaf".split(
    " ",
  ),
].map(hex);

/** How often a value is nested: in the bounds of every decoder, at theirs, beyond. */
const DEPTHS: readonly number[] = [1, 2, 30, 1023, 1024, 1025, 3000];

/** Values around a value: what opens and what closes it. */
const HESSIAN_WRAPS: readonly [string, string][] = [
  ["57", "5a"],
  ["79", ""],
  ["4890", "5a"],
  ["48", "905a"],
  ["4d0161", "905a"],
  ["710161", ""],
  ["56016191", ""],
  ["430161910161 60", ""],
  ["5891", ""],
];
const JSONB_WRAPS: readonly [string, string][] = [
  ["95", ""],
  ["a401", ""],
  ["a64a61", "a5"],
  ["a6", "afa5"],
  ["924a6101", ""],
];

/** A value made for trouble, in the serialization. */
export function oddValue(random: Random, serialization: number): Uint8Array {
  return random.pick(serialization === HESSIAN2 ? HESSIAN_VALUES : JSONB_VALUES);
}

/** The value inside of others of one kind, some of them many. */
export function nested(random: Random, serialization: number, value: Uint8Array): Uint8Array {
  const wraps = serialization === HESSIAN2 ? HESSIAN_WRAPS : JSONB_WRAPS;
  const [opens, closes] = random.pick(wraps).map(hex) as [Uint8Array, Uint8Array];
  const depth = random.oneIn(8) ? random.pick(DEPTHS) : random.between(1, 4);
  if (opens.length === 1 && closes.length <= 1) {
    return concat([repeat(opens[0]!, depth), value, repeat(closes[0] ?? 0, closes.length * depth)]);
  }
  const all = (part: Uint8Array): Uint8Array[] => Array.from({ length: depth }, () => part);
  return concat([...all(opens), value, ...all(closes)]);
}

const HAS_BIT_8 = 0x80;

/** The ASCII characters of a text in `size` bytes each, which no encoder writes and decoders read. */
function overlong(text: string, size: number): Uint8Array {
  const bytes: number[] = [];
  for (const unit of Buffer.from(text, "latin1")) {
    const low = HAS_BIT_8 | (unit & 0x3f);
    const high = unit >> 6;
    if (size === 2) bytes.push(0xc0 | high, low);
    else if (size === 3) bytes.push(0xe0, HAS_BIT_8 | high, low);
    else bytes.push(0xf0, HAS_BIT_8, HAS_BIT_8 | high, low);
  }
  return Uint8Array.from(bytes);
}

function hessianSpelling(random: Random, text: string): Uint8Array {
  const ascii = Buffer.from(text, "latin1");
  const size = text.length;
  const long = Uint8Array.of(0x53, size >> 8, size & 0xff);
  switch (random.below(6)) {
    case 0:
      return concat([long, ascii]);
    case 1:
      return concat([Uint8Array.of(0x30 + (size >> 8), size & 0xff), ascii]);
    case 2: {
      const cut = random.below(size + 1);
      const head = Uint8Array.of(0x52, 0, cut);
      return concat([head, ascii.subarray(0, cut), hessianString(text.slice(cut))]);
    }
    case 3:
      return concat([long, overlong(text, random.between(2, 4))]);
    default:
      return hessianString(text);
  }
}

function jsonbSpelling(random: Random, text: string): Uint8Array {
  const utf16 = Buffer.from(text, "utf16le");
  const coded = (code: number, bytes: Uint8Array): Uint8Array =>
    concat([Uint8Array.of(code), jsonb(bytes.length), bytes]);
  switch (random.below(8)) {
    case 0:
      return coded(0x79, Buffer.from(text, "latin1"));
    case 1:
      return coded(0x7a, Buffer.from(text, "utf8"));
    case 2:
      return coded(0x7c, utf16);
    case 3:
      return coded(0x7d, Buffer.from(utf16).swap16());
    case 4:
      return coded(0x7b, random.oneIn(2) ? utf16 : Buffer.from(utf16).swap16());
    case 5:
      return coded(0x7e, Buffer.from(text, "latin1"));
    case 6:
      return concat([Uint8Array.of(0x7f), jsonb(text), jsonb(random.below(4))]);
    default:
      return jsonb(text);
  }
}

/** A text (ASCII, below 1024 characters) in any case and any form that some decoder takes for it. */
export function spelling(random: Random, serialization: number, text: string): Uint8Array {
  const shown = random.oneIn(4) ? text.toUpperCase() : text;
  return serialization === FASTJSON2
    ? jsonbSpelling(random, shown)
    : hessianSpelling(random, shown);
}

/** A text behind something that is no text: its class, its type, a path to it, or a number for it. */
export function indirect(random: Random, serialization: number, text: string): Uint8Array {
  if (serialization !== FASTJSON2) return concat([hex("43016190"), hessianString(text)]);
  const number = jsonb(random.below(4));
  switch (random.below(3)) {
    case 0:
      return concat([hex("7f"), jsonb(text), number]);
    case 1:
      return concat([hex("92"), jsonb("java.lang.String"), number, jsonb(text)]);
    default:
      return concat([hex("93"), jsonb(`$.${text}`)]);
  }
}
