/**
 * wire/bytes, wire/hash, wire/position, wire/span: the leaves that everything else stands on.
 */
import { loadU16, loadU32, loadU64, sameAscii, sameBytes } from "../wire/bytes";
import { hashBytes, hashU64 } from "../wire/hash";
import {
  bytesLeft,
  failed,
  INCOMPLETE,
  LAST_FAILURE,
  MALFORMED,
  UNSUPPORTED,
} from "../wire/position";
import { Span } from "../wire/span";
import { end, hexOfText, place, placeRoom, start } from "./edge";

describe("bytes", () => {
  test("big-endian numbers, at any address and up to the last byte of memory", () => {
    place("0102030405060708");
    expect(loadU16(start)).toBe(0x0102);
    expect(loadU16(end - 2)).toBe(0x0708);
    expect(loadU32(start + 1)).toBe(0x02030405);
    expect(loadU32(end - 4)).toBe(0x05060708);
    expect(loadU64(start)).toBe(0x0102030405060708);
    place("ffffffffffffffff");
    expect(loadU16(start)).toBe(0xffff, "unsigned");
    expect(loadU32(start)).toBe(0xffffffff, "unsigned");
    expect(loadU64(start)).toBe(u64.MAX_VALUE, "unsigned");
  });

  test("sameBytes compares exactly the bytes asked for", () => {
    place("616263 61626 4 616265");
    expect(sameBytes(start, start + 3, 2)).toBeTruthy();
    expect(sameBytes(start, start + 3, 3)).toBeFalsy();
    expect(sameBytes(start, end - 3, 2)).toBeTruthy("the last bytes of memory");
    expect(sameBytes(start, end, 0)).toBeTruthy("nothing is like nothing");
  });

  test("sameAscii compares length and characters", () => {
    place(hexOfText("$invoke"));
    expect(sameAscii(start, 7, "$invoke")).toBeTruthy();
    expect(sameAscii(start, 7, "$invokf")).toBeFalsy("the last character");
    expect(sameAscii(start, 7, "!invoke")).toBeFalsy("the first character");
    expect(sameAscii(start, 6, "$invoke")).toBeFalsy("shorter");
    expect(sameAscii(start, 7, "$invokeAsync")).toBeFalsy("longer than the bytes");
    expect(sameAscii(end, 0, "")).toBeTruthy("nothing");
    place("e9");
    expect(sameAscii(start, 1, "\u01e9")).toBeFalsy("both bytes of a character count");
  });
});

describe("hash", () => {
  test("one byte, one length, or the seed makes another hash", () => {
    placeRoom(40);
    memory.fill(start, 0x61, 40);
    const seen = new Set<u64>();
    for (let length: u32 = 0; length <= 40; length++) seen.add(hashBytes(1, end - length, length));
    expect(seen.size).toBe(41, "lengths");
    for (let i = 0; i < 40; i++) {
      store<u8>(start + i, 0x62);
      seen.add(hashBytes(1, start, 40));
      store<u8>(start + i, 0x61);
    }
    expect(seen.size).toBe(81, "bytes at each place");
    expect(hashBytes(2, start, 40) == hashBytes(1, start, 40)).toBeFalsy("seeds");
    expect(hashBytes(1, start, 40)).toBe(hashBytes(1, start, 40), "the same again");
  });

  test("nothing behind the bytes is read", () => {
    placeRoom(64);
    memory.fill(start, 0, 64);
    let wrong = 0;
    for (let length: u32 = 0; length < 32; length++) {
      store<u8>(start + length, 0);
      const without = hashBytes(7, start, length);
      store<u8>(start + length, 0xff);
      if (hashBytes(7, start, length) != without) wrong++;
      store<u8>(start + length, 0);
    }
    expect(wrong).toBe(0);
  });

  test("neighbouring ids fall into different chains of a small table", () => {
    const chains = new Set<u32>();
    for (let id: u64 = 0; id < 4096; id++) chains.add((<u32>hashU64(99, id)) & 1023);
    // 4096 ids thrown at random into 1024 chains leave about 19 of them empty.
    expect(chains.size).toBeGreaterThan(950);
    const high = new Set<u32>();
    for (let id: u64 = 0; id < 4096; id++) high.add((<u32>hashU64(99, id << 48)) & 1023);
    expect(high.size).toBeGreaterThan(950, "ids that differ in their highest bits only");
  });
});

describe("position and span", () => {
  test("three failures, and no address is one", () => {
    expect(failed(INCOMPLETE) && failed(MALFORMED) && failed(UNSUPPORTED)).toBeTruthy();
    expect(failed(LAST_FAILURE)).toBeTruthy();
    expect(failed(LAST_FAILURE + 1)).toBeFalsy();
    expect(INCOMPLETE == MALFORMED || MALFORMED == UNSUPPORTED).toBeFalsy();
    place("0000");
    expect(failed(start)).toBeFalsy();
    expect(bytesLeft(start, end)).toBe(2);
    expect(bytesLeft(end, end)).toBe(0);
  });

  test("a cleared span has no value, an empty one has", () => {
    const span = new Span();
    expect(span.start).toBe(0);
    span.set(1000, 0);
    expect(span.start).toBe(1000);
    span.set(1000, 5);
    span.clear();
    expect(span.start).toBe(0);
    expect(span.length).toBe(0);
    heap.free(changetype<usize>(span));
  });
});
