/**
 * JSON text into a tree of values (RFC 8259), for configuration only: it allocates as it likes.
 *
 * It is strict: no comments, no trailing commas, no key twice in one object, nothing after the value.
 * The tree is what reader.ts checks and forgets.
 */

export const enum JsonType {
  NULL,
  BOOLEAN,
  NUMBER,
  STRING,
  ARRAY,
  OBJECT,
}

/** One value; which fields hold something depends on `type`. */
export class JsonValue {
  boolean: bool = false;
  /** Exact if it is a whole number below 2^53. */
  number: f64 = 0;
  text: string = "";
  /** Names of an object's members, in the order of `items`. */
  keys: string[] = [];
  /** Elements of an array, or values of an object's members. */
  items: JsonValue[] = [];
  /** The array or object that it stands in; null: it is the root. */
  private parent: JsonValue | null = null;

  constructor(public type: JsonType) {}

  /** Appends an element, or the value of a member whose name is among `keys` already. */
  add(value: JsonValue): void {
    value.parent = this;
    this.items.push(value);
  }

  /** Where it stands, as errors tell it: `$.routing.rules[0]`. */
  get path(): string {
    const parent = this.parent;
    if (!parent) return "$";
    const index = parent.items.indexOf(this);
    const place =
      parent.type == JsonType.OBJECT ? "." + parent.keys[index] : "[" + index.toString() + "]";
    return parent.path + place;
  }

  /** The member called `key`, or null. */
  member(key: string): JsonValue | null {
    const index = this.keys.indexOf(key);
    return index < 0 ? null : this.items[index];
  }

  /** The value as JSON, lists and objects only by name, cut to what fits a line of a log. */
  toString(): string {
    switch (this.type) {
      case JsonType.NULL:
        return "null";
      case JsonType.BOOLEAN:
        return this.boolean ? "true" : "false";
      case JsonType.NUMBER:
        return this.text;
      case JsonType.STRING:
        return '"' + (this.text.length > 60 ? this.text.substring(0, 60) + "…" : this.text) + '"';
      case JsonType.ARRAY:
        return "a list";
      default:
        return "an object";
    }
  }
}

/** Objects and lists within each other. */
const MAX_DEPTH: i32 = 32;

/** Digits by which a point is moved at most; with more the number is 0 or endless either way. */
const MOST_DIGITS: i32 = 400;

/** Characters of a wrong text that are shown. */
const MOST_SHOWN: i32 = 20;

const QUOTE: i32 = 0x22;
const BACKSLASH: i32 = 0x5c;
const COMMA: i32 = 0x2c;
const COLON: i32 = 0x3a;

export class JsonParser {
  /** What is wrong, with where; empty while nothing is. */
  error: string = "";
  private at: i32 = 0;
  /** The number that the digits passed last make. */
  private digits: f64 = 0;

  constructor(private text: string) {}

  /** Parses the whole text; null if it is not JSON, and `error` says why. */
  parse(): JsonValue | null {
    const value = this.readValue(0);
    if (!value) return null;
    this.skipSpace();
    if (this.at < this.text.length) return this.fail("the end");
    return value;
  }

  private fail(expected: string): JsonValue | null {
    if (this.error.length == 0) {
      this.error =
        "not JSON at character " + this.at.toString() + this.shown() + ", expected " + expected;
    }
    return null;
  }

  /** What stands where the text is none. */
  private shown(): string {
    if (this.at >= this.text.length) return ", its end";
    return ", `" + this.text.substring(this.at, this.at + MOST_SHOWN) + "`";
  }

  private peek(): i32 {
    return this.at < this.text.length ? this.text.charCodeAt(this.at) : -1;
  }

  private skipSpace(): void {
    while (true) {
      const c = this.peek();
      if (c != 0x20 && c != 0x0a && c != 0x0d && c != 0x09) return;
      this.at++;
    }
  }

  private readValue(depth: i32): JsonValue | null {
    if (depth > MAX_DEPTH) return this.fail("fewer levels");
    this.skipSpace();
    const c = this.peek();
    if (c == 0x7b) return this.readObject(depth);
    if (c == 0x5b) return this.readArray(depth);
    if (c == QUOTE) return this.readString();
    if (c == 0x2d || isDigit(c)) return this.readNumber();
    if (this.takeWord("null")) return new JsonValue(JsonType.NULL);
    const isTrue = this.takeWord("true");
    if (isTrue || this.takeWord("false")) {
      const value = new JsonValue(JsonType.BOOLEAN);
      value.boolean = isTrue;
      return value;
    }
    return this.fail("a value");
  }

  private takeWord(word: string): bool {
    if (!this.text.startsWith(word, this.at)) return false;
    this.at += word.length;
    return true;
  }

  private take(c: i32): bool {
    this.skipSpace();
    if (this.peek() != c) return false;
    this.at++;
    return true;
  }

  private readObject(depth: i32): JsonValue | null {
    const object = new JsonValue(JsonType.OBJECT);
    this.at++;
    if (this.take(0x7d)) return object;
    do {
      this.skipSpace();
      if (this.peek() != QUOTE) return this.fail("a key");
      const key = this.readString();
      if (!key) return null;
      if (object.keys.includes(key.text)) return this.fail('"' + key.text + '" only once');
      if (!this.take(COLON)) return this.fail('":"');
      const value = this.readValue(depth + 1);
      if (!value) return null;
      object.keys.push(key.text);
      object.add(value);
    } while (this.take(COMMA));
    return this.take(0x7d) ? object : this.fail('"," or "}"');
  }

  private readArray(depth: i32): JsonValue | null {
    const array = new JsonValue(JsonType.ARRAY);
    this.at++;
    if (this.take(0x5d)) return array;
    do {
      const value = this.readValue(depth + 1);
      if (!value) return null;
      array.add(value);
    } while (this.take(COMMA));
    return this.take(0x5d) ? array : this.fail('"," or "]"');
  }

  private readString(): JsonValue | null {
    const value = new JsonValue(JsonType.STRING);
    this.at++;
    let from = this.at;
    while (true) {
      const c = this.peek();
      if (c < 0x20) return this.fail("the end of a string");
      if (c == QUOTE) break;
      if (c != BACKSLASH) {
        this.at++;
        continue;
      }
      value.text += this.text.substring(from, this.at);
      const unit = this.readEscape();
      if (unit < 0) return this.fail("an escape");
      value.text += String.fromCharCode(unit);
      from = this.at;
    }
    value.text += this.text.substring(from, this.at);
    this.at++;
    return value;
  }

  private readEscape(): i32 {
    this.at++;
    const c = this.peek();
    this.at++;
    switch (c) {
      case QUOTE:
      case BACKSLASH:
      case 0x2f:
        return c;
      case 0x62:
        return 0x08;
      case 0x66:
        return 0x0c;
      case 0x6e:
        return 0x0a;
      case 0x72:
        return 0x0d;
      case 0x74:
        return 0x09;
      case 0x75:
        return this.readHex();
      default:
        return -1;
    }
  }

  private readHex(): i32 {
    let unit = 0;
    for (let i = 0; i < 4; i++) {
      const c = this.peek();
      const letter = c | 0x20;
      let digit = -1;
      if (isDigit(c)) digit = c - 0x30;
      else if (letter >= 0x61 && letter <= 0x66) digit = letter - 0x57;
      if (digit < 0) return -1;
      unit = (unit << 4) | digit;
      this.at++;
    }
    return unit;
  }

  private readNumber(): JsonValue | null {
    const from = this.at;
    const isNegative = this.peek() == 0x2d;
    if (isNegative) this.at++;
    this.digits = 0;
    if (this.peek() == 0x30) this.at++;
    else if (!this.takeDigits()) return this.fail("a digit");
    let exponent = 0;
    if (this.peek() == 0x2e) {
      const point = ++this.at;
      if (!this.takeDigits()) return this.fail("a digit");
      exponent = point - this.at;
    }
    const mantissa = this.digits;
    if ((this.peek() | 0x20) == 0x65) {
      const sign = this.text.charCodeAt(++this.at);
      if (sign == 0x2b || sign == 0x2d) this.at++;
      this.digits = 0;
      if (!this.takeDigits()) return this.fail("a digit");
      const shift = <i32>Math.min(this.digits, MOST_DIGITS);
      exponent += sign == 0x2d ? -shift : shift;
    }
    const value = new JsonValue(JsonType.NUMBER);
    value.text = this.text.substring(from, this.at);
    value.number = scaled(isNegative ? -mantissa : mantissa, exponent);
    return value;
  }

  private takeDigits(): bool {
    const from = this.at;
    while (isDigit(this.peek()))
      this.digits = this.digits * 10 + (this.text.charCodeAt(this.at++) - 0x30);
    return this.at > from;
  }
}

/**
 * `mantissa` with its point moved by `exponent` digits: exact where the answer is a whole number that a
 * configuration may hold, which is all that is asked of it; a parser for all numbers costs 4 KiB.
 */
function scaled(mantissa: f64, exponent: i32): f64 {
  let power: f64 = 1;
  for (let i = min<i32>(abs<i32>(exponent), MOST_DIGITS); i > 0; i--) power *= 10;
  return exponent < 0 ? mantissa / power : mantissa * power;
}

function isDigit(c: i32): bool {
  return c >= 0x30 && c <= 0x39;
}
