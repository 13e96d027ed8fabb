// fastjson2's JSONB values for test frames, each behind its length as Dubbo writes them:
//   four bytes big endian: length | that many bytes of one value
//   string  49+n ASCII of n < 48 bytes | 79 length ASCII | 7a length UTF-8      null  af
//   int     f0-ff 00-2f | 30-3f +b0 | 40-47 +b1 b0 | 48 b3 b2 b1 b0          boolean  b0 b1
//   object  a6 (key value)* a5
// A length is an int. Java writes non-ASCII strings in other forms too; those come from fixtures.

import { concat } from "../emulator/hex.ts";

/** What can be written; bytes stand for one value of JSONB, already encoded. */
export type Fastjson2Value =
  string | number | boolean | null | Uint8Array | { readonly [key: string]: Fastjson2Value };

function int(value: number): Uint8Array {
  if (value >= -16 && value <= 47) return Uint8Array.of(value & 0xff);
  if (value >= -2048 && value <= 2047) return Uint8Array.of(0x38 + (value >> 8), value & 0xff);
  if (value >= -262144 && value <= 262143) {
    return Uint8Array.of(0x44 + (value >> 16), (value >> 8) & 0xff, value & 0xff);
  }
  const bytes = Uint8Array.of(0x48, 0, 0, 0, 0);
  new DataView(bytes.buffer).setInt32(1, value);
  return bytes;
}

function string(text: string): Uint8Array {
  const bytes = new TextEncoder().encode(text);
  if (bytes.length !== text.length) return concat([Uint8Array.of(0x7a), int(bytes.length), bytes]);
  if (bytes.length < 48) return concat([Uint8Array.of(0x49 + bytes.length), bytes]);
  return concat([Uint8Array.of(0x79), int(bytes.length), bytes]);
}

/** One value of JSONB, without the length in front. */
export function jsonb(value: Fastjson2Value): Uint8Array {
  if (value === null) return Uint8Array.of(0xaf);
  if (value instanceof Uint8Array) return value;
  if (typeof value === "string") return string(value);
  if (typeof value === "number") return int(value);
  if (typeof value === "boolean") return Uint8Array.of(value ? 0xb1 : 0xb0);
  const parts: Uint8Array[] = [Uint8Array.of(0xa6)];
  for (const [key, entry] of Object.entries(value)) parts.push(string(key), jsonb(entry));
  return concat([...parts, Uint8Array.of(0xa5)]);
}

/** One value behind its length. */
export function fastjson2(value: Fastjson2Value): Uint8Array {
  const bytes = jsonb(value);
  const length = new Uint8Array(4);
  new DataView(length.buffer).setUint32(0, bytes.length);
  return concat([length, bytes]);
}
