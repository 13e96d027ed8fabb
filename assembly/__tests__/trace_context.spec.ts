import {
  ContextForm,
  readB3,
  readB3Ids,
  readB3Sampled,
  readSw8,
  readTraceparent,
  Sampling,
  TraceContext,
  writeB3,
  writeTraceparent,
} from "../telemetry/trace_context";
import { Output } from "../wire/output";
import { end, hexOfText, place, start, textAt } from "./edge";

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const SPAN = "b7ad6b7169203331";
const HIGH: u64 = 0x0af7651916cd43dd;
const LOW: u64 = 0x8448eb211c80319c;
const SPAN_ID: u64 = 0xb7ad6b7169203331;

function put(text: string): u32 {
  place(hexOfText(text));
  return <u32>(end - start);
}

function traceparent(text: string): TraceContext | null {
  const context = new TraceContext();
  const length = put(text);
  return readTraceparent(start, length, context) ? context : null;
}

function b3(text: string): TraceContext | null {
  const context = new TraceContext();
  const length = put(text);
  return readB3(start, length, context) ? context : null;
}

function sw8(text: string): TraceContext | null {
  const context = new TraceContext();
  const length = put(text);
  return readSw8(start, length, context) ? context : null;
}

function expectIds(context: TraceContext | null, high: u64, low: u64, span: u64): void {
  expect(context !== null).toBe(true);
  expect(context!.traceHigh).toBe(high);
  expect(context!.traceLow).toBe(low);
  expect(context!.spanId).toBe(span);
}

describe("traceparent", () => {
  test("ids and the sampled flag", () => {
    const sampled = traceparent("00-" + TRACE + "-" + SPAN + "-01");
    expectIds(sampled, HIGH, LOW, SPAN_ID);
    expect(sampled!.sampling).toBe(Sampling.SAMPLED);
    expect(sampled!.form).toBe(ContextForm.TRACEPARENT);
    expect(traceparent("00-" + TRACE + "-" + SPAN + "-00")!.sampling).toBe(Sampling.NOT_SAMPLED);
    expect(traceparent("00-" + TRACE + "-" + SPAN + "-02")!.sampling).toBe(Sampling.NOT_SAMPLED);
    expect(traceparent("00-" + TRACE + "-" + SPAN + "-ff")!.sampling).toBe(Sampling.SAMPLED);
  });

  test("a later version may go on behind a dash", () => {
    expectIds(traceparent("01-" + TRACE + "-" + SPAN + "-01-more"), HIGH, LOW, SPAN_ID);
    expectIds(traceparent("cc-" + TRACE + "-" + SPAN + "-01"), HIGH, LOW, SPAN_ID);
  });

  test("what is none", () => {
    const zeros = "00000000000000000000000000000000";
    const bad = [
      "",
      "00",
      "00-" + TRACE + "-" + SPAN + "-0",
      "00-" + TRACE + "-" + SPAN + "-01-more",
      "01-" + TRACE + "-" + SPAN + "-01more",
      "ff-" + TRACE + "-" + SPAN + "-01",
      "00-" + zeros + "-" + SPAN + "-01",
      "00-" + TRACE + "-0000000000000000-01",
      "00-" + TRACE.toUpperCase() + "-" + SPAN + "-01",
      "00_" + TRACE + "-" + SPAN + "-01",
      "00-" + TRACE + "_" + SPAN + "-01",
      "00-" + TRACE + "-" + SPAN + "_01",
      "00-" + TRACE + "-" + SPAN + "-0g",
      "0g-" + TRACE + "-" + SPAN + "-01",
    ];
    for (let i = 0; i < bad.length; i++) expect(traceparent(bad[i]) === null).toBe(true, bad[i]);
  });
});

describe("b3", () => {
  test("with long and short ids, and each word for sampling", () => {
    expectIds(b3(TRACE + "-" + SPAN + "-1"), HIGH, LOW, SPAN_ID);
    expectIds(b3(SPAN + "-" + SPAN + "-d"), 0, SPAN_ID, SPAN_ID);
    expectIds(b3(TRACE.toUpperCase() + "-" + SPAN), HIGH, LOW, SPAN_ID);
    expectIds(b3(TRACE + "-" + SPAN + "-0-" + SPAN), HIGH, LOW, SPAN_ID);
    expect(b3(TRACE + "-" + SPAN)!.sampling).toBe(Sampling.OPEN);
    expect(b3(TRACE + "-" + SPAN + "-d")!.sampling).toBe(Sampling.SAMPLED);
    expect(b3(TRACE + "-" + SPAN + "-0-" + SPAN)!.sampling).toBe(Sampling.NOT_SAMPLED);
    expect(b3("0")!.sampling).toBe(Sampling.NOT_SAMPLED);
    expect(b3("1")!.sampling).toBe(Sampling.SAMPLED);
    expect(b3("1")!.hasTrace).toBe(false);
  });

  test("what is none", () => {
    const bad = [
      "",
      "x",
      TRACE,
      TRACE + "-" + SPAN + "-",
      TRACE + "-" + SPAN + "-x",
      TRACE + "-" + SPAN + "-1x",
      TRACE + "_" + SPAN,
      SPAN + "-b7ad6b716920333",
      SPAN + "-0000000000000000-1",
    ];
    for (let i = 0; i < bad.length; i++) expect(b3(bad[i]) === null).toBe(true, bad[i]);
  });

  test("in several keys", () => {
    const context = new TraceContext();
    put(TRACE + SPAN);
    expect(readB3Ids(start, 32, start + 32, 16, context)).toBe(true);
    expectIds(context, HIGH, LOW, SPAN_ID);
    expect(readB3Ids(start + 16, 16, start + 32, 16, context)).toBe(true);
    expectIds(context, 0, LOW, SPAN_ID);
    expect(readB3Ids(start, 31, start + 32, 16, context)).toBe(false);
    expect(readB3Ids(start, 32, start + 33, 15, context)).toBe(false);
    const words = ["1", "0", "true", "false", "d", "", "yes", "truth"];
    const meant = [
      Sampling.SAMPLED,
      Sampling.NOT_SAMPLED,
      Sampling.SAMPLED,
      Sampling.NOT_SAMPLED,
      Sampling.SAMPLED,
      Sampling.OPEN,
      Sampling.OPEN,
      Sampling.OPEN,
    ];
    for (let i = 0; i < words.length; i++) {
      const length = put(words[i]);
      expect(readB3Sampled(start, length)).toBe(meant[i], words[i]);
    }
  });
});

describe("sw8", () => {
  test("a trace's id that begins with a UUID", () => {
    // base64 of TRACE + ".17.16000000000000001"
    const id = "MGFmNzY1MTkxNmNkNDNkZDg0NDhlYjIxMWM4MDMxOWMuMTcuMTYwMDAwMDAwMDAwMDAwMDE=";
    const read = sw8("1-" + id + "-YQ==-3-YQ==-YQ==-YQ==-YQ==");
    expectIds(read, HIGH, LOW, 0);
    expect(read!.sampling).toBe(Sampling.SAMPLED);
    expect(sw8("0-" + id + "-YQ==")!.sampling).toBe(Sampling.NOT_SAMPLED);
  });

  test("what is none", () => {
    const bad = [
      "",
      "1-YQ==-YQ==-3",
      "2-MGFmNzY1MTkxNmNkNDNkZDg0NDhlYjIxMWM4MDMxOWMuMTcuMTY=",
      "1_MGFmNzY1MTkxNmNkNDNkZDg0NDhlYjIxMWM4MDMxOWMuMTcuMTY=",
      "1-!GFmNzY1MTkxNmNkNDNkZDg0NDhlYjIxMWM4MDMxOWMuMTcuMTY=",
      "1-enp6NzY1MTkxNmNkNDNkZDg0NDhlYjIxMWM4MDMxOWMuMTcuMTY=",
    ];
    for (let i = 0; i < bad.length; i++) expect(sw8(bad[i]) === null).toBe(true, bad[i]);
  });
});

test("what is written is read", () => {
  const out = new Output();
  writeTraceparent(out, HIGH, LOW, SPAN_ID, true);
  expect(textAt(out.start, out.length)).toBe("00-" + TRACE + "-" + SPAN + "-01");
  out.clear();
  writeB3(out, HIGH, LOW, SPAN_ID, false);
  expect(textAt(out.start, out.length)).toBe(TRACE + "-" + SPAN + "-1");
  out.clear();
  writeB3(out, 0, SPAN_ID, SPAN_ID, true);
  expect(textAt(out.start, out.length)).toBe(SPAN + "-" + SPAN + "-d");
});
