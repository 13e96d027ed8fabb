/**
 * dubbo/frame_reader: a stream of frames cut at every byte, heads that are kept, bytes that are no
 * frames. Each read lies at the edge of memory, and where the one before lay is written over.
 */
import { bodyLengthOf, flagOf, requestIdOf, statusOf } from "../dubbo/header";
import { FrameReader, Step, TAIL_WINDOW } from "../dubbo/frame_reader";
import { bytesOf, end, hexOf, placeRoom, start } from "./edge";

const MAX_BODY: u32 = 1000;
const WINDOW: u32 = 1000;

/** A frame whose body is 00 01 02 …, in hexadecimal digits. */
function frame(flag: string, id: string, length: i32): string {
  let body = "";
  for (let i = 0; i < length; i++) body += hexOf(i);
  return "dabb" + flag + "14" + id.repeat(8) + "0000" + hexOf(length >> 8) + hexOf(length) + body;
}

/** What a reader said so far, one word for each step. */
let said: string = "";

/** Offered bytes, as the number of them that are 00 01 02 … */
function offered(reader: FrameReader): u32 {
  let good: u32 = 0;
  while (good < reader.bodyLength && load<u8>(reader.body + good) == <u8>good) good++;
  return good;
}

/** Feeds `bytes[from..to)`; heads are kept until complete if `keeps`, else taken as they come. */
function feed(reader: FrameReader, bytes: u8[], from: i32, to: i32, keeps: bool): bool {
  placeRoom(2048);
  memory.fill(start, 0xee, 2048);
  const at = end - (to - from);
  for (let i = from; i < to; i++) store<u8>(at + i - from, bytes[i]);
  reader.feed(at, to - from);
  while (true) {
    const step = reader.next(MAX_BODY, WINDOW);
    if (step == Step.NEED_BYTES) return true;
    if (step == Step.HEAD) {
      const header = reader.header;
      if (!reader.bodyComplete && keeps && reader.keep()) continue;
      said += "head " + hexOf(flagOf(header)) + " " + hexOf(<u8>requestIdOf(header));
      said += " " + bodyLengthOf(header).toString();
      if (keeps) said += " offered " + offered(reader).toString();
      if (offered(reader) != reader.bodyLength) said += " BAD";
      said += "; ";
      reader.accept();
    } else if (step == Step.FRAME_END) {
      said += "end; ";
    } else {
      said += step == Step.FOREIGN ? "foreign" : "too large";
      return false;
    }
  }
}

/** What is said of `hex` when it is cut after `first` and then after each `every` bytes. */
function read(hex: string, first: i32, every: i32, keeps: bool): string {
  const bytes = bytesOf(hex);
  const reader = new FrameReader();
  said = "";
  let from = 0;
  let to = min(first, bytes.length);
  while (feed(reader, bytes, from, to, keeps) && to < bytes.length) {
    from = to;
    to = min(to + every, bytes.length);
  }
  said += reader.insideFrame ? "inside" : "between";
  reader.releaseCarry();
  heap.free(changetype<usize>(reader));
  return said;
}

// A request, an answer that is longer than its window, an empty event, a request, a one-byte event.
const STREAM =
  frame("c2", "11", 50) +
  frame("02", "22", 30) +
  frame("22", "33", 0) +
  frame("c2", "44", 17) +
  frame("e2", "55", 1);
const KEPT =
  "head c2 11 50 offered 50; end; head 02 22 30 offered 16; end; head 22 33 0 offered 0; end; " +
  "head c2 44 17 offered 17; end; head e2 55 1 offered 1; end; between";
const TAKEN =
  "head c2 11 50; end; head 02 22 30; end; head 22 33 0; end; head c2 44 17; end; " +
  "head e2 55 1; end; between";

describe("frames", () => {
  test("whole, split at every byte, and in pieces of every size say the same", () => {
    const length = bytesOf(STREAM).length;
    expect(read(STREAM, length, 1, true)).toBe(KEPT);
    expect(read(STREAM, length, 1, false)).toBe(TAKEN);
    let wrong = "";
    for (let split = 1; split < length; split++) {
      if (read(STREAM, split, length, true) != KEPT) wrong += "split " + split.toString() + " ";
      if (read(STREAM, split, length, false) != TAKEN) wrong += "taken " + split.toString() + " ";
    }
    for (let size = 1; size < 60; size++) {
      if (read(STREAM, size, size, true) != KEPT) wrong += "pieces of " + size.toString() + " ";
      if (read(STREAM, size, size, false) != TAKEN) wrong += "taken by " + size.toString() + " ";
    }
    expect(wrong).toBe("");
  });

  test("a header's fields are those on the wire", () => {
    const reader = new FrameReader();
    const bytes = bytesOf("dabb c2 00 8000000000000001 00000005 00");
    placeRoom(bytes.length);
    for (let i = 0; i < bytes.length; i++) store<u8>(start + i, bytes[i]);
    reader.feed(start, bytes.length);
    expect(reader.insideFrame).toBeFalsy();
    expect(reader.next(MAX_BODY, WINDOW)).toBe(Step.HEAD);
    expect(flagOf(reader.header)).toBe(0xc2);
    expect(statusOf(reader.header)).toBe(0);
    expect(requestIdOf(reader.header)).toBe(0x8000000000000001);
    expect(bodyLengthOf(reader.header)).toBe(5);
    expect(reader.bodyLength).toBe(1);
    expect(reader.bodyComplete).toBeFalsy();
    expect(reader.insideFrame).toBeTruthy();
    heap.free(changetype<usize>(reader));
  });

  test("the longest body passes, one byte more is too large, also far above", () => {
    const head = "dabb c2 00 0000000000000000 ";
    expect(read(head + "000003e8", 16, 1, false)).toBe("inside");
    expect(read(head + "000003e9", 16, 1, false)).toBe("too largeinside");
    expect(read(head + "7fffffff", 1, 1, false)).toBe("too largeinside");
    expect(read(head + "ffffffff", 3, 5, false)).toBe("too largeinside");
  });

  test("foreign bytes are told by the first one, after frames as well", () => {
    expect(read("16", 1, 1, true)).toBe("foreigninside");
    expect(read("da", 1, 1, true)).toBe("inside");
    expect(read("dabc", 1, 1, true)).toBe("foreigninside");
    expect(read("dabc", 2, 1, true)).toBe("foreigninside");
    const good = frame("22", "33", 0);
    expect(read(good + "00", 16, 1, true)).toBe("head 22 33 0 offered 0; end; foreigninside");
    expect(read(good + "dada", 99, 1, true)).toBe("head 22 33 0 offered 0; end; foreigninside");
  });

  test("hadFrames and passable tell how far the stream is", () => {
    const reader = new FrameReader();
    said = "";
    const bytes = bytesOf(frame("c2", "11", 50));
    feed(reader, bytes, 0, 20, false);
    expect(reader.hadFrames).toBeFalsy();
    expect(reader.passable).toBe(46);
    reader.pass(45);
    expect(reader.next(MAX_BODY, WINDOW)).toBe(Step.NEED_BYTES);
    expect(reader.passable).toBe(1);
    reader.pass(1);
    expect(reader.next(MAX_BODY, WINDOW)).toBe(Step.FRAME_END);
    expect(reader.passable).toBe(0);
    expect(reader.hadFrames).toBeTruthy();
    expect(reader.insideFrame).toBeFalsy();
    heap.free(changetype<usize>(reader));
  });
});

const HEADER = memory.data(16);

/** A request's header with this body length. */
function header(length: u32): usize {
  store<u64>(HEADER, 0x000000c2bbda);
  store<u32>(HEADER, 0, 8);
  store<u32>(HEADER, bswap<u32>(length), 12);
  return HEADER;
}

describe("a tail", () => {
  test("that is asked for is offered whole, cut anywhere, and nothing between it and the head", () => {
    const size: u32 = TAIL_WINDOW + 300;
    placeRoom(16 + size);
    const cuts: u32[] = [200, 299, 300, 301, 316, 317, 400, 16 + size - 1, 16 + size];
    for (let i = 0; i < cuts.length; i++) {
      const reader = new FrameReader();
      memory.copy(start, header(size), 16);
      for (let j: u32 = 0; j < size; j++) store<u8>(start + 16 + j, <u8>(j % 251));
      reader.feed(start, 116);
      expect(reader.next(size, size)).toBe(Step.HEAD);
      expect(reader.passable).toBe(0);
      expect(reader.skipToTail()).toBeTruthy();
      expect(reader.isAtTail).toBeFalsy();
      expect(reader.next(size, size)).toBe(Step.NEED_BYTES);
      expect(reader.passable).toBe(200);
      reader.feed(start + 116, cuts[i] - 116);
      let step = reader.next(size, size);
      if (cuts[i] > 316 && cuts[i] < 16 + size) {
        expect(step).toBe(Step.HEAD);
        expect(reader.bodyComplete).toBeFalsy();
        expect(reader.keep()).toBeTruthy();
        step = reader.next(size, size);
      }
      if (cuts[i] < 16 + size) {
        expect(step).toBe(Step.NEED_BYTES);
        expect(reader.isAtTail).toBe(cuts[i] >= 316);
        reader.feed(start + cuts[i], 16 + size - cuts[i]);
        step = reader.next(size, size);
      }
      expect(step).toBe(Step.HEAD);
      expect(reader.bodyComplete).toBeTruthy();
      expect(reader.bodyLength).toBe(TAIL_WINDOW);
      expect(memory.compare(reader.body, start + 316, TAIL_WINDOW)).toBe(0);
      reader.accept();
      expect(reader.next(size, size)).toBe(Step.FRAME_END);
      heap.free(changetype<usize>(reader));
    }
  });

  test("is not given where some of it is kept, or the body is shorter", () => {
    const sizes: u32[] = [TAIL_WINDOW - 1, TAIL_WINDOW, TAIL_WINDOW + 99, TAIL_WINDOW + 100];
    for (let i = 0; i < sizes.length; i++) {
      const size = sizes[i];
      const reader = new FrameReader();
      placeRoom(16 + size);
      memory.copy(start, header(size), 16);
      reader.feed(start, 16 + 50);
      expect(reader.skipToTail()).toBeFalsy();
      expect(reader.next(size, size)).toBe(Step.HEAD);
      if (i == 1) {
        expect(reader.skipToTail()).toBeTruthy();
        expect(reader.next(size, size)).toBe(Step.HEAD);
        expect(reader.isAtTail).toBeTruthy();
        expect(reader.bodyLength).toBe(50);
      } else {
        expect(reader.keep()).toBeTruthy();
        expect(reader.next(size, size)).toBe(Step.NEED_BYTES);
        reader.feed(start + 66, 50);
        expect(reader.next(size, size)).toBe(Step.HEAD);
        expect(reader.skipToTail()).toBe(i == 3);
      }
      reader.releaseCarry();
      heap.free(changetype<usize>(reader));
    }
  });
});

describe("kept heads", () => {
  test("of requests are the whole body if that is wanted and short enough, else 32 KiB", () => {
    const size: u32 = 40000;
    const windows: u32[] = [0, size - 1, size, u32.MAX_VALUE];
    const offers: u32[] = [32768, 32768, size, size];
    for (let i = 0; i < windows.length; i++) {
      const reader = new FrameReader();
      placeRoom(16 + size);
      memory.copy(start, header(size), 16);
      reader.feed(start, 5000);
      expect(reader.next(size, windows[i])).toBe(Step.HEAD);
      expect(reader.bodyComplete).toBeFalsy();
      expect(reader.keep()).toBeTruthy();
      expect(reader.next(size, windows[i])).toBe(Step.NEED_BYTES);
      reader.feed(start + 5000, 16 + size - 5000);
      expect(reader.next(size, windows[i])).toBe(Step.HEAD);
      expect(reader.bodyLength).toBe(offers[i]);
      expect(reader.bodyComplete).toBeTruthy();
      reader.accept();
      expect(reader.next(size, windows[i])).toBe(Step.FRAME_END);
      heap.free(changetype<usize>(reader));
    }
  });

  test("are offered again only when they have doubled or are complete", () => {
    const reader = new FrameReader();
    const bytes = bytesOf(frame("c2", "11", 40));
    let offers = "";
    for (let i = 0; i < bytes.length; i++) {
      placeRoom(1);
      store<u8>(start, bytes[i]);
      reader.feed(start, 1);
      let step = reader.next(MAX_BODY, WINDOW);
      while (step == Step.HEAD) {
        offers += reader.bodyLength.toString() + (reader.bodyComplete ? "! " : " ");
        if (reader.bodyComplete) reader.accept();
        else expect(reader.keep()).toBeTruthy();
        step = reader.next(MAX_BODY, WINDOW);
      }
    }
    expect(offers).toBe("1 2 4 8 16 32 40! ");
    heap.free(changetype<usize>(reader));
  });

  test("of all readers together stay within 64 MiB; then what is there is all", () => {
    const size: u32 = 1024 * 1024;
    const readers: FrameReader[] = [];
    let kept = 0;
    for (let i = 0; i < 66; i++) {
      const reader = new FrameReader();
      readers.push(reader);
      placeRoom(size - 1);
      memory.copy(start, header(size), 16);
      reader.feed(start, size - 1);
      expect(reader.next(size, size)).toBe(Step.HEAD);
      expect(reader.bodyComplete).toBeFalsy();
      if (reader.keep()) kept++;
      else expect(reader.isStarved).toBeTruthy();
    }
    expect(kept).toBe(64);
    for (let i = 0; i < 66; i++) readers[i].releaseCarry();
    // What was given back can be used again.
    const reader = new FrameReader();
    placeRoom(100);
    memory.copy(start, header(size), 16);
    reader.feed(start, 100);
    reader.next(size, size);
    expect(reader.keep()).toBeTruthy();
    reader.releaseCarry();
  });
});
