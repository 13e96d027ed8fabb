/**
 * Writing protobuf messages into flat memory, a field behind the other.
 *
 *     varint    tag │ 7 bits a byte, the lowest first, a byte's top bit set while more follow
 *     fixed64   tag │ 8 bytes, little endian
 *     bytes     tag │ length as a varint │ bytes; a text and a nested message alike
 *
 * A nested message's length is known only at its end. It is written as a varint of four bytes, which
 * is longer than it must be and read alike by every decoder, so that nothing has to be moved.
 * Source: protobuf.dev, "Encoding".
 */
import { Output } from "../wire/output";

const enum WireType {
  VARINT = 0,
  FIXED64 = 1,
  LENGTH_DELIMITED = 2,
  FIXED32 = 5,
}

/** Bytes that the length of a nested message takes. */
export const NESTED_LENGTH_BYTES: u32 = 4;

/** Appends `number` as a varint, 1 to 10 bytes. */
export function writeVarint(out: Output, number: u64): void {
  while (number > 0x7f) {
    out.writeU8((<u32>(number & 0x7f)) | 0x80);
    number >>= 7;
  }
  out.writeU8(<u32>number);
}

/** Appends a field that holds an integer, an enum's value or a boolean. */
export function writeVarintField(out: Output, field: u32, number: u64): void {
  writeTag(out, field, WireType.VARINT);
  writeVarint(out, number);
}

/** Appends a field of type `fixed64`. */
export function writeFixed64Field(out: Output, field: u32, number: u64): void {
  writeTag(out, field, WireType.FIXED64);
  out.reserve(8);
  store<u64>(out.start + out.length, number);
  out.length += 8;
}

/** Appends a field of type `fixed32`. */
export function writeFixed32Field(out: Output, field: u32, number: u32): void {
  writeTag(out, field, WireType.FIXED32);
  out.reserve(4);
  store<u32>(out.start + out.length, number);
  out.length += 4;
}

/** Appends a field that holds the `length` bytes at `bytes`: a text in UTF-8, or bytes. */
export function writeBytesField(out: Output, field: u32, bytes: usize, length: u32): void {
  writeTag(out, field, WireType.LENGTH_DELIMITED);
  writeVarint(out, length);
  out.write(bytes, length);
}

/**
 * Begins a field that holds a message, whose fields follow.
 *
 * @returns what `endMessage` must be told
 */
export function beginMessage(out: Output, field: u32): u32 {
  writeTag(out, field, WireType.LENGTH_DELIMITED);
  out.reserve(NESTED_LENGTH_BYTES);
  out.length += NESTED_LENGTH_BYTES;
  return out.length;
}

/** Ends the message that began at `begin`; it must be shorter than 2^28 bytes. */
export function endMessage(out: Output, begin: u32): void {
  storeNestedLength(out.start + begin - NESTED_LENGTH_BYTES, out.length - begin);
}

/** Stores `length` at `p` as a varint of four bytes. */
export function storeNestedLength(p: usize, length: u32): void {
  store<u8>(p, <u8>(length | 0x80));
  store<u8>(p, <u8>((length >> 7) | 0x80), 1);
  store<u8>(p, <u8>((length >> 14) | 0x80), 2);
  store<u8>(p, <u8>((length >> 21) & 0x7f), 3);
}

/** The length that `storeNestedLength` has stored at `p`. */
export function loadNestedLength(p: usize): u32 {
  return (
    ((<u32>load<u8>(p)) & 0x7f) |
    (((<u32>load<u8>(p, 1)) & 0x7f) << 7) |
    (((<u32>load<u8>(p, 2)) & 0x7f) << 14) |
    ((<u32>load<u8>(p, 3)) << 21)
  );
}

function writeTag(out: Output, field: u32, type: WireType): void {
  writeVarint(out, (field << 3) | type);
}
