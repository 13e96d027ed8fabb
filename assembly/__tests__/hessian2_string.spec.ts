/**
 * serialization/hessian2/string: every form of a string, whole, in pieces, with lengths that lie, and
 * cut after every byte, at the edge of memory.
 */
import { failed, INCOMPLETE, MALFORMED } from "../wire/position";
import { Span } from "../wire/span";
import { kindOf, STRING_FINAL, STRING_SHORT } from "../serialization/hessian2/codes";
import {
  isStringCode,
  readString,
  skipString,
  startStrings,
  wasCut,
} from "../serialization/hessian2/string";
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

const SPAN = memory.data(16);

function span(): Span {
  return changetype<Span>(SPAN);
}

/** Reads the string in `hex`, which must be all of it: its text, or what went wrong. */
function read(hex: string): string {
  place(hex);
  const next = readString(start, end, span());
  if (failed(next)) return "failed " + next.toString();
  if (next != end) return "ends " + (end - next).toString() + " early";
  if (skipString(start, end) != next) return "skipString differs";
  return textAt(span().start, span().length);
}

/** The places after which `hex`, cut there, is not answered with INCOMPLETE by both readers. */
function notIncomplete(hex: string): string {
  let places = "";
  const length = bytesOf(hex).length;
  for (let cut = 0; cut < length; cut++) {
    placeFirst(hex, cut);
    const incomplete =
      readString(start, end, span()) == INCOMPLETE && skipString(start, end) == INCOMPLETE;
    if (!incomplete) places += cut.toString() + " ";
  }
  return places;
}

describe("a hessian2 string", () => {
  test("in each form", () => {
    expect(read("00")).toBe("");
    expect(read("05" + hexOfText("2.0.2"))).toBe("2.0.2");
    const x31 = "x".repeat(31);
    expect(read("1f" + hexOfText(x31))).toBe(x31);
    expect(read("3000")).toBe("", "ten bits, empty");
    expect(read("3020" + hexOfText("x".repeat(32)))).toBe("x".repeat(32));
    expect(read("33ff" + hexOfText("x".repeat(1023)))).toBe("x".repeat(1023));
    expect(read("530000")).toBe("", "S, empty");
    expect(read("530400" + hexOfText("x".repeat(1024)))).toBe("x".repeat(1024));
  });

  test("of 65535 units, the longest in one piece", () => {
    placeRoom(65538);
    memory.fill(start, 0x61, 65538);
    store<u8>(start, 0x53);
    store<u16>(start, 0xffff, 1);
    expect(readString(start, end, span())).toBe(end);
    expect(span().length).toBe(65535);
    expect(span().start).toBe(start + 3);
    expect(readString(start, end - 1, span())).toBe(INCOMPLETE);
  });

  test("null clears the span for readString and is none for skipString", () => {
    place("4e");
    span().set(1234, 5);
    expect(readString(start, end, span())).toBe(end);
    expect(span().start).toBe(0);
    expect(span().length).toBe(0);
    expect(skipString(start, end)).toBe(MALFORMED);
  });

  test("counts UTF-16 units: two bytes, three bytes, surrogates of three bytes each, lone ones", () => {
    expect(read("02 c3a9 c3bc").length).toBe(4, "é ü");
    expect(read("02 e4b8ad e59bbd").length).toBe(6, "中国");
    expect(read("02 eda0bd edb880").length).toBe(6, "an emoji as two surrogates");
    expect(read("01 eda0bd").length).toBe(3, "a lone high surrogate");
    expect(read("03 61 edb880 62").length).toBe(5, "a lone low surrogate");
    expect(read("01 f09f9880").length).toBe(4, "four bytes count once, as from foreign encoders");
    expect(read("0b 6162636465666768 c3a9 6a 6b").length).toBe(12, "behind eight fast bytes");
    expect(read("09 c3a9 6162636465666768").length).toBe(10, "in front of eight fast bytes");
    expect(read("0a 61626364 c3a9 6566676869").length).toBe(11, "within eight bytes");
  });

  test("in pieces is put together, the last piece in any form", () => {
    expect(read("520003 616263 00")).toBe("abc", "an empty last piece");
    expect(read("520003 616263 02 6465")).toBe("abcde");
    expect(read("520003 616263 3002 6465")).toBe("abcde");
    expect(read("520003 616263 530002 6465")).toBe("abcde");
    expect(read("520001 61 520001 62 520000 520001 63 01 64")).toBe("abcd");
    expect(read("520001 c3a9 01 c3bc").length).toBe(4);
  });

  test("in pieces is cut at 1024 bytes and read to its end", () => {
    const long = "y".repeat(1200);
    expect(read("5204b0" + hexOfText(long) + "01 7a")).toBe("y".repeat(1024));
    const pieces = "5203e8" + hexOfText("a".repeat(1000)) + "3064" + hexOfText("b".repeat(100));
    expect(read(pieces)).toBe("a".repeat(1000) + "b".repeat(24));
  });

  test("in pieces stays good through a body; a seventeenth is cut", () => {
    const spans: Span[] = [];
    startStrings();
    for (let i = 0; i < 16; i++) {
      place("520001" + hexOf(0x61 + i) + "01" + hexOf(0x41 + i));
      const each = new Span();
      readString(start, end, each);
      spans.push(each);
    }
    let texts = "";
    for (let i = 0; i < 16; i++) texts += textAt(spans[i].start, spans[i].length);
    expect(texts).toBe("aAbBcCdDeEfFgGhHiIjJkKlLmMnNoOpP");
    expect(wasCut()).toBe(false);
    readString(start, end, span());
    expect(wasCut()).toBe(true);
    startStrings();
  });

  test("a chunk of 32768 units and another behind it", () => {
    const size = 3 + 32768 + 3 + 2;
    placeRoom(size);
    memory.fill(start, 0x62, size);
    store<u8>(start, 0x52);
    store<u16>(start, 0x0080, 1);
    store<u8>(start + 3 + 32768, 0x53);
    store<u16>(start + 3 + 32768, 0x0200, 1);
    expect(readString(start, end, span())).toBe(end);
    expect(skipString(start, end)).toBe(end);
    expect(span().length).toBe(1024);
  });

  test("cut after any byte is incomplete", () => {
    expect(notIncomplete("1f" + hexOfText("x".repeat(31)))).toBe("");
    expect(notIncomplete("3021" + hexOfText("x".repeat(33)))).toBe("");
    expect(notIncomplete("530028" + hexOfText("x".repeat(40)))).toBe("");
    expect(notIncomplete("520003 616263 520002 c3a9 64 3001 e4b8ad")).toBe("");
    expect(notIncomplete("0a eda0bd edb880 c3a9 f09f9880 61 62 63 64 65 66")).toBe("");
  });

  test("whose length lies asks for more and reads nothing behind the end", () => {
    expect(read("1f 6162")).toBe("failed " + INCOMPLETE.toString());
    expect(read("33ff 6162636465666768")).toBe("failed " + INCOMPLETE.toString());
    expect(read("53ffff 6162636465666768696a")).toBe("failed " + INCOMPLETE.toString());
    expect(read("52ffff")).toBe("failed " + INCOMPLETE.toString());
    expect(read("01 e5")).toBe("failed " + INCOMPLETE.toString(), "ends within its last character");
    expect(read("02 61 f09f")).toBe("failed " + INCOMPLETE.toString());
  });

  test("with a byte that begins no character is malformed", () => {
    const malformed = "failed " + MALFORMED.toString();
    for (let lead = 0x80; lead < 0xc0; lead++) expect(read("01" + hexOf(lead))).toBe(malformed);
    for (let lead = 0xf8; lead <= 0xff; lead++) expect(read("01" + hexOf(lead))).toBe(malformed);
    expect(read("0a 616263646566676869 ff")).toBe(malformed, "behind the fast path");
  });

  test("begins with its own codes only", () => {
    let wrong = "";
    for (let code = 0; code < 256; code++) {
      const isText = code < 0x20 || (code >= 0x30 && code < 0x34) || code == 0x52 || code == 0x53;
      place(hexOf(code));
      const next = skipString(start, end);
      const isRefused = next == MALFORMED;
      if (isStringCode(<u8>code) != isText || isRefused == isText) wrong += hexOf(code) + " ";
    }
    expect(wrong).toBe("");
    place("520001 61 90");
    expect(skipString(start, end)).toBe(MALFORMED, "a piece that an int follows");
    expect(readString(start, end, span())).toBe(MALFORMED);
    place("520001 61 4e");
    expect(readString(start, end, span())).toBe(MALFORMED, "a piece that null follows");
    expect(kindOf(0x00) == STRING_SHORT && kindOf(0x53) == STRING_FINAL).toBeTruthy();
  });
});
