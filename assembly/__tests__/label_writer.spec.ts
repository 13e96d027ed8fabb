/**
 * metrics/label_writer and names: names of metrics that no value from the wire can break out of.
 */
import {
  isPlain,
  MAX_VALUE,
  startName,
  writeLabel,
  writeText,
  writeWireLabel,
  writeWordLabel,
  writtenLength,
  writtenStart,
} from "../metrics/label_writer";
import { isGauge, Metric, METRIC_NAMES } from "../metrics/names";
import { end, hexOf, hexOfText, place, placeRoom, start, textAt } from "./edge";

/** The label's value as it is written for the bytes of `hex`. */
function value(hex: string): string {
  place(hex);
  startName();
  writeWireLabel("l", start, <u32>(end - start));
  const written = textAt(writtenStart(), writtenLength());
  return written.slice(4, -3);
}

describe("label writer", () => {
  test("writes one word of a list", () => {
    const words = "one two_2 three";
    startName();
    for (let i: u32 = 0; i < 4; i++) writeWordLabel("l", words, i);
    const written = textAt(writtenStart(), writtenLength());
    expect(written).toBe("l=.=one;.;l=.=two_2;.;l=.=three;.;l=.=;.;");
  });

  test("writes labels and name behind each other, and begins anew", () => {
    startName();
    writeText("old");
    startName();
    place(hexOfText("a.B"));
    writeWireLabel("dubbo_interface", start, 3);
    writeLabel("dubbo_side", "consumer");
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
    writeWireLabel("l", start, 100000);
    expect(writtenLength()).toBe(4 + MAX_VALUE + 3);
    expect(MAX_VALUE).toBe(200);
    expect(value("")).toBe("");
  });

  test("the longest name there can be fits", () => {
    placeRoom(MAX_VALUE);
    memory.fill(start, 0x61, MAX_VALUE);
    startName();
    writeWireLabel("dubbo_interface", start, MAX_VALUE);
    writeWireLabel("dubbo_method", start, MAX_VALUE);
    writeWireLabel("dubbo_version", start, MAX_VALUE);
    writeWireLabel("dubbo_group", start, MAX_VALUE);
    writeLabel("dubbo_side", "consumer");
    writeLabel("dubbo_protocol", "dubbo");
    writeLabel("dubbo_status", "SERVER_THREADPOOL_EXHAUSTED_ERROR");
    writeLabel("dubbo_outcome", "exception");
    writeText("dubbo_passthrough_connections_total");
    expect(writtenLength()).toBeLessThan(2048);
  });
});

test("each metric has a name of its own, and counters end in _total", () => {
  const names = new Set<string>();
  let wrong = "";
  const all = METRIC_NAMES.split(" ");
  for (let metric = 0; metric < all.length; metric++) {
    const name = all[metric];
    names.add(name);
    const isCounter = !isGauge(<Metric>metric) && metric != Metric.DURATION;
    if (name.endsWith("_total") != isCounter) wrong += name + " ";
  }
  expect(wrong).toBe("");
  expect(names.size).toBe(Metric.GUARDED + 1);
});
