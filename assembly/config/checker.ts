/**
 * Checks of JSON values that remember the first thing that is wrong, with its path.
 *
 * Each answers the value in the form asked for, or a default where it is absent. After an error the
 * answers mean nothing: look at `error` at the end.
 */
import { JsonType, JsonValue } from "./json";

export class Checker {
  /** Path, value and what was expected; empty while everything is right. */
  error: string = "";

  /** Notes that `value` is not what was `expected`. */
  refuse(value: JsonValue, expected: string): void {
    if (this.error.length == 0) {
      this.error = value.path + " is " + value.toString() + ", expected " + expected;
    }
  }

  /** Whether `value` is an object that has no members but `keys`. */
  object(value: JsonValue, keys: string[]): bool {
    if (value.type != JsonType.OBJECT) {
      this.refuse(value, "an object");
      return false;
    }
    for (let i = 0; i < value.keys.length; i++) {
      if (keys.includes(value.keys[i])) continue;
      const near = nearest(value.keys[i], keys);
      if (this.error.length == 0) {
        this.error =
          value.items[i].path +
          " is no key here" +
          (near.length == 0 ? "" : " (" + near + "?)") +
          ", expected one of the keys " +
          keys.join(", ");
      }
      return false;
    }
    return true;
  }

  /** A whole number from `from` to `to`, however it is written (Envoy writes a Struct's as doubles). */
  integer(value: JsonValue | null, from: u32, to: u32, otherwise: u32): u32 {
    if (!value) return otherwise;
    const number = value.number;
    const isWhole = value.type == JsonType.NUMBER && Math.floor(number) == number;
    if (!isWhole || number < from || number > to) {
      this.refuse(value, "a whole number from " + from.toString() + " to " + to.toString());
      return otherwise;
    }
    return <u32>number;
  }

  /** The `percentage` that the object must have, which may have these keys, in hundredths. */
  percentage(value: JsonValue, keys: string[]): u32 {
    if (!this.object(value, keys)) return 0;
    const given = value.member("percentage");
    if (!given) {
      this.refuse(value, "an object with percentage");
      return 0;
    }
    const number = given.number;
    if (given.type != JsonType.NUMBER || !(number >= 0 && number <= 100)) {
      this.refuse(given, "a number from 0 to 100");
    }
    return <u32>(number * 100 + 0.5);
  }

  /** Which of `choices` the string is: its index, or `otherwise`. */
  choice(value: JsonValue | null, choices: string[], otherwise: i32): i32 {
    if (!value) return otherwise;
    const index = value.type == JsonType.STRING ? choices.indexOf(value.text) : -1;
    if (index < 0) {
      this.refuse(value, "one of " + choices.join(", "));
      return otherwise;
    }
    return index;
  }

  /** A boolean. */
  flag(value: JsonValue | null, otherwise: bool): bool {
    if (!value) return otherwise;
    if (value.type != JsonType.BOOLEAN) this.refuse(value, "true or false");
    return value.boolean;
  }

  /** A key of an attachment: 1 to 200 printable ASCII characters, as Envoy's header names. */
  key(value: JsonValue): string {
    let isKey = value.type == JsonType.STRING && value.text.length > 0 && value.text.length <= 200;
    for (let i = 0; isKey && i < value.text.length; i++) {
      const unit = value.text.charCodeAt(i);
      isKey = unit > 0x20 && unit < 0x7f;
    }
    if (!isKey) this.refuse(value, "1 to 200 printable ASCII characters without spaces");
    return value.text;
  }

  /** The elements of a list with at most `most` of them; none where it is absent. */
  list(value: JsonValue | null, most: i32): JsonValue[] {
    if (!value) return [];
    if (value.type != JsonType.ARRAY || value.items.length > most) {
      this.refuse(value, "a list of at most " + most.toString() + " elements");
      return [];
    }
    return value.items;
  }

  /** A string of 1 to `most` characters. */
  name(value: JsonValue, most: i32): string {
    if (value.type == JsonType.STRING && value.text.length > 0 && value.text.length <= most) {
      return value.text;
    }
    this.refuse(value, "a string of 1 to " + most.toString() + " characters");
    return "";
  }
}

/** How many letters may be wrong in a key for another to be meant. */
const MOST_WRONG: i32 = 2;
/** Longer keys than any of ours mean none of them. */
const LONGEST_KEY: i32 = 40;

/** The key of `keys` that `key` is nearest to; "" where none is near. */
function nearest(key: string, keys: string[]): string {
  if (key.length > LONGEST_KEY) return "";
  let best = "";
  let fewest = MOST_WRONG + 1;
  for (let i = 0; i < keys.length; i++) {
    const wrong = distance(key, keys[i]);
    // A short key of which all is wrong is near to nothing.
    if (wrong >= fewest || wrong * 2 >= keys[i].length) continue;
    fewest = wrong;
    best = keys[i];
  }
  return best;
}

/** How many letters must be changed, put in or left out to make `b` of `a` (Levenshtein). */
function distance(a: string, b: string): i32 {
  const row: i32[] = [];
  for (let j = 0; j <= b.length; j++) row.push(j);
  for (let i = 1; i <= a.length; i++) {
    let above = row[0];
    row[0] = i;
    for (let j = 1; j <= b.length; j++) {
      const same = above + (a.charCodeAt(i - 1) == b.charCodeAt(j - 1) ? 0 : 1);
      above = row[j];
      row[j] = min<i32>(same, min<i32>(row[j], row[j - 1]) + 1);
    }
  }
  return row[b.length];
}
