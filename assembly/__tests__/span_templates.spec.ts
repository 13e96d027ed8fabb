import { Series } from "../metrics/series";
import { EndedCall } from "../telemetry/ended_call";
import { NotedCall } from "../telemetry/noted_call";
import { SpanTemplates } from "../telemetry/span_templates";
import { Output } from "../wire/output";

/** Bytes of a slot, and those of them that a span may have. */
const SLOT: u32 = 768;
const MOST: u32 = SLOT - 24;
/** Series lie at least so far apart, and the next one's slot is the next one. */
const STEP: usize = 64;
/**
 * The longest span: interface and method, once as its name and once as an attribute, version, group, application, a
 * rule and a policy, 200 bytes each, and no more than 600 bytes for the rest.
 */
const LONGEST: u32 = 2 * 401 + 5 * 200 + 600;

/** A call of the series at `address`, which is never looked at. */
function callAt(address: usize): EndedCall {
  return new EndedCall(changetype<Series>(address));
}

/** Appends `length` bytes, all of them `byte`. */
function fill(out: Output, length: u32, byte: u8): void {
  for (let i: u32 = 0; i < length; i++) out.writeU8(byte);
}

/** Whether `out` has `length` bytes, all of them `byte`. */
function isFilled(out: Output, length: u32, byte: u8): bool {
  if (out.length != length) return false;
  for (let i: u32 = 0; i < length; i++) {
    if (load<u8>(out.start + i) != byte) return false;
  }
  return true;
}

describe("span templates", () => {
  test("a span of each length leaves the next slot alone, and comes back whole or not at all", () => {
    const templates = new SpanTemplates();
    const noted = new NotedCall();
    const out = new Output();
    const long = callAt(STEP);
    const next = callAt(2 * STEP);
    fill(out, MOST, 0x6e);
    templates.learn(out, 0, next, noted);
    for (let length: u32 = 1; length <= LONGEST; length++) {
      const byte = <u8>length;
      out.clear();
      fill(out, 7 + length, byte);
      templates.learn(out, 7, long, noted);
      out.clear();
      expect(templates.write(out, next, noted)).toBe(true, "the next slot");
      expect(isFilled(out, MOST, 0x6e)).toBe(true, "the next span");
      out.clear();
      expect(templates.write(out, long, noted)).toBe(true, "the last one that fits");
      const kept = min<u32>(length, MOST);
      expect(isFilled(out, kept, <u8>kept)).toBe(true, "its span");
    }
    templates.free();
  });

  test("the last slot ends within the room of all", () => {
    const templates = new SpanTemplates();
    // What is allocated next lies behind it.
    const behind = heap.alloc(SLOT);
    memory.fill(behind, 0x62, SLOT);
    const noted = new NotedCall();
    const out = new Output();
    const last = callAt(31 * STEP);
    for (let length: u32 = 1; length <= LONGEST; length++) {
      out.clear();
      fill(out, length, 0x6c);
      templates.learn(out, 0, last, noted);
    }
    let isWhole = true;
    for (let i: u32 = 0; i < SLOT; i++) isWhole = isWhole && load<u8>(behind + i) == 0x62;
    expect(isWhole).toBe(true);
    out.clear();
    expect(templates.write(out, last, noted)).toBe(true);
    expect(isFilled(out, MOST, 0x6c)).toBe(true);
    heap.free(behind);
    templates.free();
  });
});
