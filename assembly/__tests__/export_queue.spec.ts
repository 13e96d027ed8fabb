import { ExportQueue } from "../telemetry/export_queue";
import {
  SpanField,
  writeNumberAttribute,
  writeRequest,
  writeTextAttribute,
} from "../telemetry/otlp";
import {
  beginMessage,
  endMessage,
  loadNestedLength,
  storeNestedLength,
  writeBytesField,
  writeFixed64Field,
  writeVarintField,
} from "../telemetry/protobuf";
import { Output } from "../wire/output";
import { end, hexOf, hexOfText, place, start } from "./edge";

function hexAt(p: usize, length: u32): string {
  let hex = "";
  for (let i: u32 = 0; i < length; i++) hex += hexOf(load<u8>(p + i));
  return hex;
}

function written(out: Output): string {
  return hexAt(out.start, out.length);
}

function addRecord(queue: ExportQueue, bytes: string): bool {
  queue.begin();
  place(hexOfText(bytes));
  queue.records.write(start, <u32>(end - start));
  return queue.end();
}

describe("protobuf", () => {
  test("numbers, bytes and messages", () => {
    const out = new Output();
    writeVarintField(out, 1, 150);
    expect(written(out)).toBe("089601");
    out.clear();
    writeVarintField(out, 3, U64.MAX_VALUE);
    expect(written(out)).toBe("18ffffffffffffffffff01");
    out.clear();
    writeFixed64Field(out, 7, 0x0102030405060708);
    expect(written(out)).toBe("390807060504030201");
    out.clear();
    place("616263");
    writeBytesField(out, 16, start, 3);
    expect(written(out)).toBe("820103616263");
    out.clear();
    const outer = beginMessage(out, 2);
    writeVarintField(out, 1, 1);
    endMessage(out, outer);
    expect(written(out)).toBe("128280800" + "00801");
  });

  test("a nested length is what it was, up to the largest", () => {
    place("00000000");
    const lengths: u32[] = [0, 1, 127, 128, 16383, 16384, 0x0fffffff];
    for (let i = 0; i < lengths.length; i++) {
      storeNestedLength(start, lengths[i]);
      expect(loadNestedLength(start)).toBe(lengths[i]);
      expect(load<u8>(start, 3) < 0x80).toBe(true);
    }
  });

  test("attributes", () => {
    const out = new Output();
    place("6b76");
    writeTextAttribute(out, SpanField.ATTRIBUTES, start, 1, start + 1, 1);
    expect(written(out)).toBe("4a8b808000" + "0a016b" + "1283808000" + "0a0176");
    out.clear();
    writeNumberAttribute(out, SpanField.ATTRIBUTES, start, 1, 5);
    expect(written(out)).toBe("4a8a808000" + "0a016b" + "1282808000" + "1805");
  });
});

describe("a queue", () => {
  test("gives its front, and keeps the rest in order", () => {
    const queue = new ExportQueue(1000);
    expect(addRecord(queue, "a")).toBe(true);
    expect(addRecord(queue, "bc")).toBe(true);
    expect(addRecord(queue, "def")).toBe(true);
    queue.take(2);
    expect(queue.sentCount).toBe(2);
    expect(queue.sentLength).toBe(6 + 7);
    expect(hexAt(queue.records.start, queue.sentLength)).toBe("128180800061" + "12828080006263");
    expect(addRecord(queue, "g")).toBe(true);
    queue.drop();
    expect(queue.count).toBe(2);
    expect(hexAt(queue.records.start, queue.records.length)).toBe(
      "1283808000646566" + "128180800067",
    );
    queue.take(10);
    queue.drop();
    expect(queue.count).toBe(0);
    expect(queue.records.length).toBe(0);
    queue.free();
  });

  test("takes nothing that does not fit, whatever is being sent", () => {
    const queue = new ExportQueue(13);
    expect(addRecord(queue, "a")).toBe(true);
    queue.take(1);
    expect(addRecord(queue, "abc")).toBe(false);
    expect(queue.count).toBe(1);
    expect(queue.records.length).toBe(6);
    expect(addRecord(queue, "ab")).toBe(true);
    expect(queue.records.length).toBe(13);
    queue.drop();
    expect(queue.count).toBe(1);
    queue.free();
  });

  test("is sent with its resource and scope", () => {
    const queue = new ExportQueue(100);
    addRecord(queue, "a");
    queue.take(1);
    const out = new Output();
    place("7273");
    writeRequest(out, start, 1, start + 1, 1, queue.records.start, queue.sentLength);
    expect(written(out)).toBe("0a91808000" + "0a0172" + "1289808000" + "0a0173" + "128180800061");
    queue.free();
  });
});
