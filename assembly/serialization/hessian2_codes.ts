/**
 * Hessian 2's codes: what the first byte of each value says about the rest of it.
 *
 * Source: the Hessian 2.0 serialization protocol, section "bytecode map", as Dubbo's hessian-lite
 * writes it. Readers ask the table below; what writes names the
 * codes that it writes.
 */

/**
 * Numbers below `FIRST_KIND` are the whole length in bytes of a value of fixed size (0: no value has
 * this code); the others name the form of what follows.
 */
export const FIRST_KIND: u8 = 16;
/** `00`–`1f`: string, length in the code. */
export const STRING_SHORT: u8 = 16;
/** `30`–`33` b: string, length in ten bits. */
export const STRING_MEDIUM: u8 = 17;
/** `R` b1 b0: a piece of a string, more follow. */
export const STRING_CHUNK: u8 = 18;
/** `S` b1 b0: the only or the last piece of a string. */
export const STRING_FINAL: u8 = 19;
/** `20`–`2f`: bytes, length in the code. */
export const BINARY_SHORT: u8 = 20;
/** `34`–`37` b: bytes, length in ten bits. */
export const BINARY_MEDIUM: u8 = 21;
/** `A` b1 b0: a piece of bytes, more follow. */
export const BINARY_CHUNK: u8 = 22;
/** `B` b1 b0: the only or the last piece of bytes. */
export const BINARY_FINAL: u8 = 23;
/** `C` name, int, that many field names: a class definition, in front of a value. */
export const CLASS_DEFINITION: u8 = 24;
/** `O` int, the fields: an instance. */
export const INSTANCE: u8 = 25;
/** `60`–`6f`, the fields: an instance, its class in the code. */
export const INSTANCE_SHORT: u8 = 26;
/** `H` (key value)* `Z`: an untyped map. */
export const MAP: u8 = 27;
/** `M` type (key value)* `Z`: a typed map. */
export const MAP_TYPED: u8 = 28;
/** `55` type value* `Z`: a typed list of unknown length. */
export const LIST_TYPED: u8 = 29;
/** `V` type int value*: a typed list. */
export const LIST_TYPED_FIXED: u8 = 30;
/** `57` value* `Z`: a list of unknown length. */
export const LIST: u8 = 31;
/** `58` int value*: a list. */
export const LIST_FIXED: u8 = 32;
/** `70`–`77` type value*: a typed list, length in the code. */
export const LIST_TYPED_SHORT: u8 = 33;
/** `78`–`7f` value*: a list, length in the code. */
export const LIST_SHORT: u8 = 34;
/** `51` int: a reference to an earlier list, map or instance. */
export const REFERENCE: u8 = 35;
/** `Z`: the end of a list or map of unknown length. */
export const END: u8 = 36;

/** The byte of a null. */
export const NULL_CODE: u8 = 0x4e;
/** The int 0 as one byte; ints from -16 to 47 lie around it. */
export const INT_ZERO: u8 = 0x90;

// prettier-ignore
const KINDS = memory.data<u8>([
  16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, // 00 short strings
  16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, // 10 short strings
  20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, // 20 short bytes
  17, 17, 17, 17, 21, 21, 21, 21, 3, 3, 3, 3, 3, 3, 3, 3,         // 30 strings, bytes, longs
  0, 22, 23, 24, 9, 0, 1, 0, 27, 5, 9, 5, 9, 28, 1, 25,           // 40 @ABC DEFG HIJK LMNO
  0, 35, 18, 19, 1, 29, 30, 31, 32, 5, 36, 1, 1, 2, 3, 5,         // 50 PQRS TUVW XYZ doubles
  26, 26, 26, 26, 26, 26, 26, 26, 26, 26, 26, 26, 26, 26, 26, 26, // 60 instances
  33, 33, 33, 33, 33, 33, 33, 33, 34, 34, 34, 34, 34, 34, 34, 34, // 70 short lists
  1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,                 // 80 ints of one byte
  1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,                 // 90
  1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,                 // a0
  1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,                 // b0
  2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2,                 // c0 ints of two bytes
  3, 3, 3, 3, 3, 3, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1,                 // d0 ints of three, longs
  1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,                 // e0 longs of one byte
  2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2,                 // f0 longs of two bytes
]);

/** The form of values whose first byte is `code`: a whole length below `FIRST_KIND`, else a kind. */
// @ts-ignore: decorator
@inline
export function kindOf(code: u8): u8 {
  return load<u8>(KINDS + code);
}
