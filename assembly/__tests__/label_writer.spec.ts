/**
 * metrics/label_writer and call/cleaned: names of metrics that no value from the wire can break out of.
 */
import { isPlain, MAX_VALUE } from "../call/cleaned";
import {
  endLabel,
  isWord,
  startLabel,
  startName,
  writeText,
  writeWireValue,
  writeWord,
  writtenLength,
  writtenStart,
} from "../metrics/label_writer";
import { end, hexOf, hexOfText, place, placeRoom, start, textAt } from "./edge";

const WORDS = "l interface side version method group status outcome";

/** Appends the label that word number `word` of `WORDS` names, with the bytes at `bytes`. */
function writeWire(word: u32, bytes: usize, length: u32): void {
  startLabel(WORDS, word);
  writeWireValue(bytes, length);
  endLabel();
}

/** The label's value as it is written for the bytes of `hex`. */
function value(hex: string): string {
  place(hex);
  startName();
  writeWire(0, start, <u32>(end - start));
  const written = textAt(writtenStart(), writtenLength());
  return written.slice(10, -3);
}

describe("label writer", () => {
  test("writes one word of a list", () => {
    const words = "one two_2 three";
    startName();
    for (let i: u32 = 0; i < 4; i++) {
      startLabel(WORDS, 0);
      writeWord(words, i);
      endLabel();
    }
    const written = textAt(writtenStart(), writtenLength());
    expect(written).toBe("dubbo_l=.=one;.;dubbo_l=.=two_2;.;dubbo_l=.=three;.;dubbo_l=.=;.;");
  });

  test("knows words by themselves, in lines and columns too", () => {
    const rows = `
one    two
three  one
`;
    expect(isWord(rows, 0, "one two", 0)).toBe(true);
    expect(isWord(rows, 3, "one two", 0)).toBe(true);
    expect(isWord(rows, 1, "one two", 0)).toBe(false);
    expect(isWord(rows, 1, "one twos", 1)).toBe(false);
    expect(isWord(rows, 1, "one tw", 1)).toBe(false);
    startName();
    writeWord(rows, 2);
    writeWord(rows, 4);
    expect(textAt(writtenStart(), writtenLength())).toBe("three");
  });

  test("writes labels and name behind each other, and begins anew", () => {
    startName();
    writeText("old");
    startName();
    place(hexOfText("a.B"));
    writeWire(1, start, 3);
    startLabel(WORDS, 2);
    writeText("consumer");
    endLabel();
    writeText("dubbo_requests_total");
    expect(textAt(writtenStart(), writtenLength())).toBe(
      "dubbo_interface=.=a.B;.;dubbo_side=.=consumer;.;dubbo_requests_total",
    );
  });

  test("keeps [A-Za-z0-9_.$:/-] and nothing else", () => {
    const kept = "-./0123456789:ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz";
    let plain = "";
    let wrong = "";
    for (let byte = 0; byte < 256; byte++) {
      if (isPlain(<u8>byte)) plain += String.fromCharCode(byte);
      const expected = isPlain(<u8>byte) ? String.fromCharCode(byte) : "_";
      if (value(hexOf(byte) + "61") != expected + "a") wrong += hexOf(byte) + " ";
    }
    expect(plain).toBe("$" + kept);
    expect(wrong).toBe("");
    expect(value(hexOfText("a;.;b=.=c"))).toBe("a_._b_._c");
    expect(value("61 e4b8ad 0a")).toBe("a____", "each byte by itself");
  });

  test("shows dots at the end as _, which Envoy would drop", () => {
    expect(value(hexOfText("trail."))).toBe("trail_");
    expect(value(hexOfText("..a.."))).toBe("..a__");
    expect(value(hexOfText("."))).toBe("_");
  });

  test("cuts at 200 bytes and reads no more", () => {
    placeRoom(MAX_VALUE);
    memory.fill(start, 0x61, MAX_VALUE);
    startName();
    writeWire(0, start, 100000);
    expect(writtenLength()).toBe(10 + MAX_VALUE + 3);
    expect(MAX_VALUE).toBe(200);
    expect(value("")).toBe("");
  });

  test("the longest name there can be fits", () => {
    placeRoom(MAX_VALUE);
    memory.fill(start, 0x61, MAX_VALUE);
    startName();
    // Eight names, and four labels of our own words.
    for (let i: u32 = 0; i < 8; i++) writeWire(i, start, MAX_VALUE);
    for (let i: u32 = 0; i < 4; i++) {
      startLabel(WORDS, i);
      writeText("SERVER_THREADPOOL_EXHAUSTED_ERROR");
      endLabel();
    }
    writeText("dubbo_passthrough_connections_total");
    expect(writtenLength()).toBeLessThan(3072);
  });
});
