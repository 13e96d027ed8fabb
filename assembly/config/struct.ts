/**
 * A `google.protobuf.Struct` in its wire form into the same tree of values as JSON.
 *
 *     Struct    ::= (0a length Entry)*
 *     Entry     ::= 0a length key  12 length Value        in either order, value absent: null
 *     Value     ::= 08 varint      null
 *               ::= 11 double(8)   number
 *               ::= 1a length utf8 string
 *               ::= 20 varint      boolean
 *               ::= 2a length Struct
 *               ::= 32 length (0a length Value)*          list
 *
 * Source: google/protobuf/struct.proto. Envoy hands a plugin the bytes of the message inside the `Any`
 * of its configuration (Envoy 1.36 to 1.40, measured), and not JSON, as its documentation says.
 */
import { JsonType, JsonValue } from "./json";

/** Structs and lists within each other, as in json.ts. */
const MAX_DEPTH: i32 = 32;

const FIELD_1: u32 = 0x0a;
const FIELD_2: u32 = 0x12;
const NULL: u32 = 0x08;
const NUMBER: u32 = 0x11;
const STRING: u32 = 0x1a;
const BOOLEAN: u32 = 0x20;
const STRUCT: u32 = 0x2a;
const LIST: u32 = 0x32;

export class StructReader {
  private at: usize;
  private failed: bool = false;

  /** @param start, end the message's bytes */
  constructor(
    start: usize,
    private end: usize,
  ) {
    this.at = start;
  }

  /** Reads the whole message; null if it is no Struct. */
  read(): JsonValue | null {
    const value = this.readStruct(this.end, 0);
    return this.failed ? null : value;
  }

  private readStruct(end: usize, depth: i32): JsonValue {
    const object = new JsonValue(JsonType.OBJECT);
    while (this.at < end && !this.failed) {
      if (this.byte(end) != FIELD_1) this.failed = true;
      else this.readEntry(this.length(end), object, depth);
    }
    return object;
  }

  private readEntry(end: usize, object: JsonValue, depth: i32): void {
    let key = "";
    let value = new JsonValue(JsonType.NULL);
    while (this.at < end && !this.failed) {
      const tag = this.byte(end);
      if (tag == FIELD_1) key = this.text(end);
      else if (tag == FIELD_2) value = this.readValue(this.length(end), depth);
      else this.failed = true;
    }
    object.keys.push(key);
    object.add(value);
  }

  private readValue(end: usize, depth: i32): JsonValue {
    const value = new JsonValue(JsonType.NULL);
    if (this.at >= end || depth > MAX_DEPTH) {
      this.failed = true;
      return value;
    }
    switch (this.byte(end)) {
      case NULL:
        this.varint(end);
        break;
      case NUMBER:
        value.type = JsonType.NUMBER;
        if (end - this.at < 8) this.failed = true;
        else value.number = load<f64>(this.at);
        value.text = numberText(value.number);
        this.at += 8;
        break;
      case STRING:
        value.type = JsonType.STRING;
        value.text = this.text(end);
        break;
      case BOOLEAN:
        value.type = JsonType.BOOLEAN;
        value.boolean = this.varint(end) != 0;
        break;
      case STRUCT:
        return this.readStruct(this.length(end), depth + 1);
      case LIST:
        return this.readList(this.length(end), depth + 1);
      default:
        this.failed = true;
    }
    if (this.at != end) this.failed = true;
    return value;
  }

  private readList(end: usize, depth: i32): JsonValue {
    const list = new JsonValue(JsonType.ARRAY);
    while (this.at < end && !this.failed) {
      if (this.byte(end) != FIELD_1) this.failed = true;
      else list.add(this.readValue(this.length(end), depth));
    }
    return list;
  }

  private byte(end: usize): u32 {
    if (this.at < end) return load<u8>(this.at++);
    this.failed = true;
    return 0;
  }

  private varint(end: usize): u32 {
    let value: u32 = 0;
    for (let shift = 0; shift < 32; shift += 7) {
      const byte = this.byte(end);
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    this.failed = true;
    return 0;
  }

  /** Reads a length; answers where what it measures ends, within `end`. */
  private length(end: usize): usize {
    const length = this.varint(end);
    if (length <= <u32>(end - this.at)) return this.at + length;
    this.failed = true;
    return this.at;
  }

  private text(end: usize): string {
    const textEnd = this.length(end);
    const text = String.UTF8.decodeUnsafe(this.at, textEnd - this.at);
    this.at = textEnd;
    return text;
  }
}

/** A number of so many digits is told by its size alone. */
const UNTOLD: f64 = 1e18;
const BILLION: f64 = 1e9;

/** About as JSON writes it: exact up to six digits after the point, which is enough to find it again. */
function numberText(number: f64): string {
  const size = Math.abs(number);
  if (!(size < UNTOLD)) return number > 0 ? "1e18 or more" : "-1e18 or less";
  const billions = Math.floor(size / BILLION);
  const ones = Math.floor(size - billions * BILLION);
  const millionths = <u32>Math.floor((size - Math.floor(size)) * 1e6);
  let text = (<u32>ones).toString();
  if (billions > 0) text = (<u32>billions).toString() + text.padStart(9, "0");
  if (millionths > 0) text += "." + trimZeros(millionths.toString().padStart(6, "0"));
  return number < 0 ? "-" + text : text;
}

function trimZeros(digits: string): string {
  let end = digits.length;
  while (digits.charCodeAt(end - 1) == 0x30) end--;
  return digits.substring(0, end);
}
