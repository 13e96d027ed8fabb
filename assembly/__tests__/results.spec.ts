/**
 * serialization/bodies: kinds of results and of events, in every serialization.
 */
import {
  COMPACTED_JAVA,
  EventKind,
  FASTJSON,
  FASTJSON2,
  HESSIAN2,
  JAVA,
  ResultKind,
} from "../dubbo/tables";
import { NO_KIND, readEventKind, readResultKind, UNKNOWN_KIND } from "../serialization/bodies";
import { end, hexOf, hexOfText, place, start } from "./edge";

const STREAM = "aced0005";

function kind(serialization: u8, hex: string): i32 {
  place(hex);
  return readResultKind(serialization, start, end);
}

describe("kinds of results", () => {
  test("six kinds in each serialization, nothing else", () => {
    let wrong = "";
    for (let k = 0; k < 256; k++) {
      const expected = k <= 5 ? k : NO_KIND;
      const name = k.toString() + " ";
      if (k < 0x30 && kind(HESSIAN2, hexOf(0x90 + k)) != expected) wrong += "hessian2 " + name;
      if (kind(FASTJSON2, "00000002 bd" + hexOf(k)) != expected) wrong += "fastjson2 " + name;
      if (kind(FASTJSON2, "00000001" + hexOf(k)) != expected) wrong += "fastjson2, small " + name;
      if (kind(JAVA, STREAM + "7701" + hexOf(k)) != expected) wrong += "java " + name;
      if (kind(COMPACTED_JAVA, STREAM + "7702" + hexOf(k) + "00") != expected) wrong += name;
      if (k < 10 && kind(FASTJSON, hexOf(0x30 + k) + "0a") != expected) wrong += "fastjson " + name;
    }
    expect(wrong).toBe("");
    expect(kind(HESSIAN2, "94")).toBe(ResultKind.VALUE_WITH_ATTACHMENTS);
  });

  test("other bytes, and bodies that end too early", () => {
    const bad = ["", "8f", "96", "4e", "0161"];
    for (let i = 0; i < bad.length; i++) expect(kind(HESSIAN2, bad[i])).toBe(NO_KIND);
    const bad2 = ["", "00", "00000002", "00000002bd", "00000000", "00000002bc01", "0000000401"];
    for (let i = 0; i < bad2.length; i++) expect(kind(FASTJSON2, bad2[i])).toBe(NO_KIND);
    const badJava = ["", "aced", STREAM, STREAM + "77", STREAM + "7701", STREAM + "7401"];
    for (let i = 0; i < badJava.length; i++) expect(kind(JAVA, badJava[i])).toBe(NO_KIND);
    const badJson = ["", "0a", "36", "3131", "22"];
    for (let i = 0; i < badJson.length; i++) expect(kind(FASTJSON, badJson[i])).toBe(NO_KIND);
    expect(kind(8, "94")).toBe(UNKNOWN_KIND, "kryo");
  });
});

function event(hex: string): EventKind {
  place(hex);
  return readEventKind(start, <u32>(end - start));
}

describe("events", () => {
  test("null is a heartbeat in every serialization", () => {
    const nulls = ["", "4e", "4e4e", "00000001af", "aced0005770100", "aced000570", "00"];
    for (let i = 0; i < nulls.length; i++)
      expect(event(nulls[i])).toBe(EventKind.HEARTBEAT, nulls[i]);
    expect(event(hexOfText("null\n"))).toBe(EventKind.HEARTBEAT);
    expect(event(hexOfText("null\r\n"))).toBe(EventKind.HEARTBEAT);
  });

  test("R and W are told, and anything else is other", () => {
    expect(event("0152")).toBe(EventKind.READONLY);
    expect(event("00000002 4a52")).toBe(EventKind.READONLY);
    expect(event(hexOfText('"R"\n'))).toBe(EventKind.READONLY);
    expect(event("0157")).toBe(EventKind.WRITEABLE);
    expect(event("0158")).toBe(EventKind.OTHER);
    expect(event("90")).toBe(EventKind.OTHER);
    expect(event(hexOfText('"\n\r'))).toBe(
      EventKind.OTHER,
      "nothing but ends: not read before the start",
    );
  });
});
