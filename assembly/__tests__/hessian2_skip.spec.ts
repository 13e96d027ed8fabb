/**
 * serialization/hessian2_skip: a value for each of the 256 codes, whole and cut after every byte.
 */
import { INCOMPLETE, MALFORMED, UNSUPPORTED } from "../wire/position";
import { skipType, skipValues, startBody } from "../serialization/hessian2_skip";
import { bytesOf, end, hexOf, place, placeFirst, placeRoom, start } from "./edge";

/** A class of one field, defined. */
const ONE_FIELD = "43 0161 91 0162";
/** Sixteen of them: what `6f` needs. */
const SIXTEEN = ONE_FIELD.repeat(16);
/** Open lists, maps and instances that the walk holds; the outermost one of a single value is free. */
const MAX_DEPTH = 1024;

/** Passes `count` values of a new body. */
function skip(hex: string, count: u32 = 1): usize {
  place(hex);
  startBody();
  return skipValues(start, end, count);
}

/** A value whose first code is `code` (after class definitions where it needs them), or "". */
function sample(code: i32): string {
  const c = hexOf(code);
  if (code < 0x20) return c + "61".repeat(code);
  if (code < 0x30) return c + "ff".repeat(code & 15);
  if (code < 0x34) return c + "21" + "61".repeat(((code & 3) << 8) + 0x21);
  if (code < 0x38) return c + "21" + "ff".repeat(((code & 3) << 8) + 0x21);
  if (code < 0x40) return c + "ffff";
  if (code >= 0xf0) return c + "ff";
  if (code >= 0xd8) return c;
  if (code >= 0xd0) return c + "ffff";
  if (code >= 0xc0) return c + "ff";
  if (code >= 0x80) return c;
  if (code >= 0x78) return c + "90".repeat(code & 7);
  if (code >= 0x70) return c + "0174" + "90".repeat(code & 7);
  if (code >= 0x60) return SIXTEEN + c + "90";
  switch (code) {
    case 0x41:
      return "41 0002 ffff 41 0000 42 0001 ff";
    case 0x42:
      return "42 0002 ffff";
    case 0x43:
      return ONE_FIELD + "60 90";
    case 0x44:
    case 0x4a:
    case 0x4c:
      return c + "ff".repeat(8);
    case 0x48:
      return "48 0161 90 0162 4e 5a";
    case 0x49:
    case 0x4b:
    case 0x59:
    case 0x5f:
      return c + "ffffffff";
    case 0x4d:
      return "4d 0174 0161 90 5a";
    case 0x46:
    case 0x4e:
    case 0x54:
    case 0x5b:
    case 0x5c:
      return c;
    case 0x4f:
      return SIXTEEN + "4f 9f 90";
    case 0x51:
      return "51 c801";
    case 0x52:
      return "52 0001 61 01 62";
    case 0x53:
      return "53 0001 61";
    case 0x55:
      return "55 0174 90 91 5a";
    case 0x56:
      return "56 0174 92 90 91";
    case 0x57:
      return "57 90 5a";
    case 0x58:
      return "58 92 90 91";
    case 0x5d:
      return "5d ff";
    case 0x5e:
      return "5e ffff";
    default:
      return "";
  }
}

describe("each hessian2 code", () => {
  test("begins a value that is passed to its end, or none", () => {
    let wrong = "";
    let none = "";
    for (let code = 0; code < 256; code++) {
      const hex = sample(code);
      if (hex == "") {
        none += hexOf(code) + " ";
        if (skip(hexOf(code)) != MALFORMED) wrong += hexOf(code) + " ";
      } else if (skip(hex) != end || skip(hex + "4e") != end - 1) {
        wrong += hexOf(code) + " ";
      }
    }
    expect(wrong).toBe("");
    expect(none).toBe("40 45 47 50 5a ", "codes of no value");
  });

  test("is incomplete after each byte but the last", () => {
    let wrong = "";
    for (let code = 0; code < 256; code++) {
      const hex = sample(code);
      const length = bytesOf(hex).length;
      for (let cut = 0; cut < length; cut++) {
        placeFirst(hex, cut);
        startBody();
        if (skipValues(start, end, 1) != INCOMPLETE)
          wrong += hexOf(code) + "@" + cut.toString() + " ";
      }
    }
    expect(wrong).toBe("");
  });
});

describe("hessian2 values", () => {
  test("as many as asked for, none as well", () => {
    expect(skip("90 4e 0161", 3)).toBe(end);
    expect(skip("90 4e 0161", 2)).toBe(end - 2);
    expect(skip("90", 0)).toBe(start);
    expect(skip("", 0)).toBe(end);
    expect(skip("90 4e", 3)).toBe(INCOMPLETE);
  });

  test("ints in each form as a length, a number of a class and a reference", () => {
    expect(skip("58 c802 90 91")).toBe(end);
    expect(skip("58 d40002 90 91")).toBe(end);
    expect(skip("58 4900000002 90 91")).toBe(end);
    expect(skip("51 4900000002")).toBe(end);
    expect(skip("51 0161")).toBe(MALFORMED, "a string is no number");
    expect(skip("58 8f")).toBe(MALFORMED, "-1 values");
    expect(skip("58 49ffffffff 90")).toBe(MALFORMED, "-1 again: not the sign for an open end");
    expect(skip("58 497fffffff 90 91")).toBe(INCOMPLETE, "two thousand million values");
  });

  test("a type is a name or the number of an earlier one", () => {
    expect(skip("72 91 90 91")).toBe(end);
    expect(skip("55 91 5a")).toBe(end);
    expect(skip("4d 520001 61 01 62 5a")).toBe(end, "a name in pieces");
    expect(skip("4d 54 5a")).toBe(MALFORMED);
    place("91");
    expect(skipType(start, end)).toBe(end);
    expect(skipType(end, end)).toBe(INCOMPLETE);
  });

  test("an end that closes nothing is malformed", () => {
    expect(skip("5a")).toBe(MALFORMED);
    expect(skip("58 92 90 5a")).toBe(MALFORMED, "in a list of known length");
    expect(skip("57 58 91 5a 5a")).toBe(MALFORMED);
    expect(skip("57 5a 5a")).toBe(end - 1);
  });

  test("bytes in pieces end with a last one", () => {
    expect(skip("41 0001 ff 21 ff")).toBe(end);
    expect(skip("41 0001 ff 3401 ff")).toBe(end);
    expect(skip("41 0001 ff 0161")).toBe(MALFORMED, "a string is no piece of bytes");
    expect(skip("42 ffff ff")).toBe(INCOMPLETE);
  });
});

describe("hessian2 classes", () => {
  test("definition and instances, nested definitions, no fields", () => {
    expect(skip(ONE_FIELD + "60 90")).toBe(end);
    expect(skip("43 0161 90 60")).toBe(end, "a class without fields");
    expect(skip("43 0161 92 0162 0163" + "60 90" + ONE_FIELD + "61 4e")).toBe(end);
    expect(skip("58 92" + ONE_FIELD + "60 90 60 91")).toBe(end, "a definition is no value");
    expect(skip("57" + ONE_FIELD + "60 90 60 91 5a")).toBe(end);
  });

  test("an instance of a class that was not defined is malformed", () => {
    expect(skip("60 90")).toBe(MALFORMED);
    expect(skip(ONE_FIELD + "61 90")).toBe(MALFORMED);
    expect(skip(ONE_FIELD + "4f 91 90")).toBe(MALFORMED);
    expect(skip(ONE_FIELD + "4f 8f 90")).toBe(MALFORMED, "class -1");
    expect(skip("43 0161 8f 60")).toBe(MALFORMED, "-1 fields");
    expect(skip("43 90 90 60")).toBe(MALFORMED, "a name that is none");
  });

  test("classes live through one body and not longer", () => {
    expect(skip(ONE_FIELD + "60 90")).toBe(end);
    place("60 91");
    expect(skipValues(start, end, 1)).toBe(end, "the next values of the same body");
    startBody();
    expect(skipValues(start, end, 1)).toBe(MALFORMED, "another body");
  });

  test("1024 classes are known, one more is unsupported", () => {
    const definition = "43 00 90";
    expect(skip(definition.repeat(1024) + "4f d403ff")).toBe(end);
    expect(skip(definition.repeat(1025) + "60")).toBe(UNSUPPORTED);
  });

  test("a number of fields that lies asks for more", () => {
    expect(skip("43 0161 497fffffff 0162")).toBe(INCOMPLETE);
  });
});

/** `levels` bytes of `open` and as many of `close`. */
function nested(levels: i32, open: u8, close: u8): usize {
  placeRoom(levels * 2);
  memory.fill(start, open, levels);
  memory.fill(start + levels, close, levels);
  startBody();
  return skipValues(start, end, 1);
}

describe("hessian2 depth", () => {
  test("lists down to the limit and one below", () => {
    expect(nested(1, 0x57, 0x5a)).toBe(end);
    expect(nested(MAX_DEPTH + 1, 0x57, 0x5a)).toBe(end);
    expect(nested(MAX_DEPTH + 2, 0x57, 0x5a)).toBe(UNSUPPORTED);
    expect(nested(100000, 0x48, 0x5a)).toBe(UNSUPPORTED, "maps as keys of maps");
  });

  test("the stack is right after an overflow", () => {
    expect(nested(MAX_DEPTH + 2, 0x57, 0x5a)).toBe(UNSUPPORTED);
    expect(skip("57 57 90 5a 57 91 5a 5a")).toBe(end);
  });

  test("a linked list of 50,000 instances is flat, its next link being the last field", () => {
    const definition = bytesOf("43 0161 92 0162 0163");
    const count = 50000;
    placeRoom(definition.length + count * 2 + 1);
    for (let i = 0; i < definition.length; i++) store<u8>(start + i, definition[i]);
    const nodes = start + definition.length;
    for (let i = 0; i < count; i++) {
      store<u8>(nodes + i * 2, 0x60);
      store<u8>(nodes + i * 2, 0x90, 1);
    }
    store<u8>(nodes + count * 2, 0x4e);
    startBody();
    expect(skipValues(start, end, 1)).toBe(end);
    startBody();
    expect(skipValues(start, end - 1, 1)).toBe(INCOMPLETE);
  });

  test("lists of one element are flat as well", () => {
    placeRoom(300001);
    memory.fill(start, 0x79, 300000);
    store<u8>(end - 1, 0x90);
    expect(skipValues(start, end, 1)).toBe(end);
  });
});
