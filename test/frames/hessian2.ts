// Hessian 2 values for test frames, in the shortest form that the grammar has.
//   string  00-1f | 30-33 b0 | 'S' b1 b0 | 'R' b1 b0 (not the last piece): a count of UTF-16 units,
//           then each unit in one to three bytes (CESU-8: a surrogate takes three of its own)
//   int     80-bf | c8 +b0 | d4 +b1 b0 | 'I' b3 b2 b1 b0      null  'N'      boolean  'T' 'F'
//   map     'H' (key value)* 'Z'
// Only what tests need; described in the Hessian 2.0 specification.

import { concat } from "../emulator/hex.ts";

/** Longest piece of a string in UTF-16 units, as Java writes it. */
const CHUNK = 32768;

/** What can be written; bytes stand for themselves, already encoded. */
export type Hessian2Value =
  string | number | boolean | null | Uint8Array | { readonly [key: string]: Hessian2Value };

function cesu8(text: string): Uint8Array {
  const bytes: number[] = [];
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80) bytes.push(unit);
    else if (unit < 0x800) bytes.push(0xc0 | (unit >> 6), 0x80 | (unit & 0x3f));
    else bytes.push(0xe0 | (unit >> 12), 0x80 | ((unit >> 6) & 0x3f), 0x80 | (unit & 0x3f));
  }
  return Uint8Array.from(bytes);
}

function stringHead(length: number): Uint8Array {
  if (length < 0x20) return Uint8Array.of(length);
  if (length < 0x400) return Uint8Array.of(0x30 + (length >> 8), length & 0xff);
  return Uint8Array.of(0x53, length >> 8, length & 0xff);
}

/** A string. */
export function hessianString(text: string): Uint8Array {
  const parts: Uint8Array[] = [];
  let at = 0;
  for (; text.length - at > CHUNK; at += CHUNK) {
    parts.push(Uint8Array.of(0x52, CHUNK >> 8, 0), cesu8(text.slice(at, at + CHUNK)));
  }
  const last = text.slice(at);
  return concat([...parts, stringHead(last.length), cesu8(last)]);
}

/** A 32-bit int. */
export function hessianInt(value: number): Uint8Array {
  if (value >= -0x10 && value <= 0x2f) return Uint8Array.of(0x90 + value);
  if (value >= -0x800 && value <= 0x7ff) return Uint8Array.of(0xc8 + (value >> 8), value & 0xff);
  if (value >= -0x40000 && value <= 0x3ffff) {
    return Uint8Array.of(0xd4 + (value >> 16), (value >> 8) & 0xff, value & 0xff);
  }
  const bytes = Uint8Array.of(0x49, 0, 0, 0, 0);
  new DataView(bytes.buffer).setInt32(1, value);
  return bytes;
}

/** An untyped map. */
export function hessianMap(entries: { readonly [key: string]: Hessian2Value }): Uint8Array {
  const parts: Uint8Array[] = [Uint8Array.of(0x48)];
  for (const [key, value] of Object.entries(entries)) {
    parts.push(hessianString(key), hessian2(value));
  }
  return concat([...parts, Uint8Array.of(0x5a)]);
}

/** Any value that tests write. */
export function hessian2(value: Hessian2Value): Uint8Array {
  if (value === null) return Uint8Array.of(0x4e);
  if (value instanceof Uint8Array) return value;
  if (typeof value === "string") return hessianString(value);
  if (typeof value === "number") return hessianInt(value);
  if (typeof value === "boolean") return Uint8Array.of(value ? 0x54 : 0x46);
  return hessianMap(value);
}
