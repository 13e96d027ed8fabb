/**
 * serialization/jsonb: a value for each of the 256 codes, passed whole and cut after every byte, at
 * the edge of memory; strings, objects, depth.
 */
import { INCOMPLETE, MALFORMED, UNSUPPORTED } from "../wire/position";
import { Span } from "../wire/span";
import { isJsonbString, readJsonbString, skipJsonb } from "../serialization/jsonb/value";
import {
  bytesOf,
  end,
  hexOf,
  hexOfText,
  place,
  placeFirst,
  placeRoom,
  start,
  textAt,
} from "./edge";

/** Open arrays and objects that the walk holds; the outermost one of a single value is free. */
const MAX_DEPTH = 1024;
const SPAN = memory.data(16);

function span(): Span {
  return changetype<Span>(SPAN);
}

function skip(hex: string, count: u32 = 1): usize {
  place(hex);
  return skipJsonb(start, end, count);
}

/** A value whose first code is `code`, or "". */
function sample(code: i32): string {
  const c = hexOf(code);
  if (code < 0x30 || code >= 0xd8) return c;
  if (code < 0x40) return c + "ff";
  if (code < 0x48) return c + "ffff";
  if (code == 0x48) return "48 ffffffff";
  if (code < 0x79) return c + "ff".repeat(code - 0x49);
  if (code < 0x7f) return c + "3830" + "ff".repeat(48);
  if (code >= 0xc8) return c + "ff";
  if (code >= 0xc0) return c + "ffff";
  if (code >= 0x94 && code < 0xa4) return c + "00".repeat(code - 0x94);
  switch (code) {
    case 0x7f:
      return "7f 4b6162 3801";
    case 0x90:
      return "90 3841";
    case 0x91:
    case 0xbb:
      return c + "03 ffffff";
    case 0x92:
      return "92 4b6162 00 4a63";
    case 0x93:
      return "93 4a24";
    case 0xa4:
      return "a4 3803 00 af b1";
    case 0xa6:
      return "a6 4a61 01 02 03 a5";
    case 0xa7:
      return "a7 ffffff 3801";
    case 0xa8:
      return "a8 ffffffffffffff 4800000001";
    case 0xaa:
      return "aa ffffffffffffff 00 4c555443";
    case 0xae:
      return "ae be0000000000000001 00";
    case 0xaf:
    case 0xb0:
    case 0xb1:
    case 0xb2:
    case 0xb3:
      return c;
    case 0xb4:
    case 0xb6:
    case 0xb8:
    case 0xba:
      return c + "3801";
    case 0xb9:
      return "b9 02 bb 02 ffff";
    case 0xbc:
      return "bc ffff";
    case 0xbd:
      return "bd ff";
    case 0xa9:
    case 0xac:
    case 0xad:
    case 0xb7:
    case 0xbf:
      return c + "ffffffff";
    case 0xab:
    case 0xb5:
    case 0xbe:
      return c + "ff".repeat(8);
    default:
      return "";
  }
}

describe("each JSONB code", () => {
  test("begins a value that is passed to its end, or none", () => {
    let wrong = "";
    let none = "";
    for (let code = 0; code < 256; code++) {
      const hex = sample(code);
      if (hex == "") {
        none += hexOf(code) + " ";
        if (skip(hexOf(code)) != MALFORMED) wrong += hexOf(code) + " ";
      } else if (skip(hex) != end || skip(hex + "af") != end - 1) {
        wrong += hexOf(code) + " ";
      }
    }
    expect(wrong).toBe("");
    expect(none).toBe("80 81 82 83 84 85 86 87 88 89 8a 8b 8c 8d 8e 8f a5 ", "codes of no value");
  });

  test("is incomplete after each byte but the last", () => {
    let wrong = "";
    for (let code = 0; code < 256; code++) {
      const hex = sample(code);
      const length = bytesOf(hex).length;
      for (let cut = 0; cut < length; cut++) {
        placeFirst(hex, cut);
        if (skipJsonb(start, end, 1) != INCOMPLETE)
          wrong += hexOf(code) + "@" + cut.toString() + " ";
      }
    }
    expect(wrong).toBe("");
  });
});

describe("JSONB values", () => {
  test("as many as asked for, none as well", () => {
    expect(skip("01 af 4a61", 3)).toBe(end);
    expect(skip("01 af 4a61", 2)).toBe(end - 2);
    expect(skip("01", 0)).toBe(start);
    expect(skip("01 af", 3)).toBe(INCOMPLETE);
  });

  test("types and symbols by name, by number, and by the number of a symbol", () => {
    expect(skip("92 05 a6 a5")).toBe(end);
    expect(skip("92 7f 05 a6 a5")).toBe(end);
    expect(skip("92 4b6162 05 a6 7f4a6301 01 7f01 02 a5")).toBe(end);
    expect(skip("92 af 00")).toBe(MALFORMED, "null is no type");
    expect(skip("7f af")).toBe(MALFORMED);
  });

  test("an end that closes nothing is malformed", () => {
    expect(skip("a5")).toBe(MALFORMED);
    expect(skip("95 a5")).toBe(MALFORMED, "in an array of known length");
    expect(skip("a6 b4 a5")).toBe(MALFORMED, "in place of a double's number");
    expect(skip("a6 a5 a5")).toBe(end - 1);
  });

  test("lengths that lie ask for more, negative ones are malformed", () => {
    expect(skip("91 487fffffff ff")).toBe(INCOMPLETE);
    expect(skip("79 487fffffff 61")).toBe(INCOMPLETE);
    expect(skip("a4 487fffffff 00")).toBe(INCOMPLETE);
    expect(skip("91 ff")).toBe(MALFORMED);
    expect(skip("79 48ffffffff 61")).toBe(MALFORMED);
    expect(skip("a4 48ffffffff 00")).toBe(MALFORMED, "-1 values: not the sign for an open end");
    expect(skip("a4 37ff 00")).toBe(MALFORMED, "-1 in two bytes");
    expect(skip("a4 43ffff 00")).toBe(MALFORMED, "-1 in three bytes");
    expect(skip("91 af")).toBe(MALFORMED, "null is no length");
  });

  test("lengths in each form", () => {
    expect(skip("91 3803 ffffff")).toBe(end);
    expect(skip("91 440003 ffffff")).toBe(end);
    expect(skip("91 4800000003 ffffff")).toBe(end);
    expect(skip("91 3f00" + "ff".repeat(0x700))).toBe(end);
  });
});

describe("JSONB strings", () => {
  test("ASCII in the code, with a length, and other encodings as their bytes", () => {
    place("49");
    expect(readJsonbString(start, end, span())).toBe(end);
    expect(span().length).toBe(0);
    expect(span().start).toBe(end, "empty and not absent");
    place("78" + hexOfText("x".repeat(47)));
    expect(readJsonbString(start, end, span())).toBe(end);
    expect(textAt(span().start, span().length)).toBe("x".repeat(47));
    for (let code = 0x79; code <= 0x7e; code++) {
      place(hexOf(code) + "03 616263");
      expect(readJsonbString(start, end, span())).toBe(end);
      expect(textAt(span().start, span().length)).toBe("abc");
      expect(readJsonbString(start, end - 1, span())).toBe(INCOMPLETE);
    }
  });

  test("null clears, anything else is malformed", () => {
    place("af");
    span().set(1234, 5);
    expect(readJsonbString(start, end, span())).toBe(end);
    expect(span().start).toBe(0);
    expect(readJsonbString(end, end, span())).toBe(INCOMPLETE);
    let wrong = "";
    for (let code = 0; code < 256; code++) {
      const isText = code >= 0x49 && code <= 0x7e;
      if (isJsonbString(<u8>code) != isText) wrong += hexOf(code) + " ";
      place(hexOf(code));
      if (!isText && code != 0xaf && readJsonbString(start, end, span()) != MALFORMED) {
        wrong += hexOf(code) + " ";
      }
    }
    expect(wrong).toBe("");
  });
});

function nested(levels: i32, open: u8, close: u8): usize {
  placeRoom(levels * 2);
  memory.fill(start, open, levels);
  memory.fill(start + levels, close, levels);
  return skipJsonb(start, end, 1);
}

describe("JSONB depth", () => {
  test("objects down to the limit and one below", () => {
    expect(nested(1, 0xa6, 0xa5)).toBe(end);
    expect(nested(MAX_DEPTH + 1, 0xa6, 0xa5)).toBe(end);
    expect(nested(MAX_DEPTH + 2, 0xa6, 0xa5)).toBe(UNSUPPORTED);
    expect(nested(500000, 0xa6, 0xa5)).toBe(UNSUPPORTED);
    expect(skip("a6 a6 01 a5 a6 02 a5 a5")).toBe(end, "the stack is right afterwards");
  });

  test("arrays of one element, doubles of doubles and typed values are flat", () => {
    placeRoom(300001);
    memory.fill(start, 0x95, 300000);
    store<u8>(end - 1, 0xaf);
    expect(skipJsonb(start, end, 1)).toBe(end);
    memory.fill(start, 0xb4, 300000);
    expect(skipJsonb(start, end, 1)).toBe(end);
    expect(skipJsonb(start, end - 1, 1)).toBe(INCOMPLETE);
  });
});
