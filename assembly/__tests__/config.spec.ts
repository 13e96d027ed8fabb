/**
 * config/struct, checker and reader: the bytes of a google.protobuf.Struct, checks with paths, and
 * the whole way to a configuration. test/module/configuration.test.ts holds all of it to the schema.
 */
import { Checker } from "../config/checker";
import { bitOf, Name } from "../call/names";
import { JsonParser, JsonType, JsonValue } from "../config/json";
import { NodeMetadata } from "../config/node_metadata";
import { ConfigReader } from "../config/reader";
import { SideSetting } from "../config/settings";
import { StructReader } from "../config/struct";
import { Arena } from "../wire/arena";
import { Span } from "../wire/span";
import { bytesOf, end, hexOf, hexOfText, place, placeFirst, placeRoom, start } from "./edge";

/** Protobuf: `tag`, the length, the bytes. */
function message(tag: string, hex: string): string {
  const length = bytesOf(hex).length;
  const digits = length < 128 ? hexOf(length) : hexOf((length & 127) | 128) + hexOf(length >> 7);
  return tag + digits + hex;
}

/** An entry of a Struct. */
function entry(key: string, value: string): string {
  return message("0a", message("0a", hexOfText(key)) + message("12", value));
}

const ONE = "11 000000000000f03f";
const TEXT = message("1a", hexOfText("t"));

function write(value: JsonValue): string {
  let text = "";
  for (let i = 0; i < value.items.length; i++) {
    text += (i == 0 ? "" : ",") + (value.keys.length > 0 ? value.keys[i] + ":" : "");
    text += write(value.items[i]);
  }
  if (value.type == JsonType.OBJECT) return "{" + text + "}";
  return value.type == JsonType.ARRAY ? "[" + text + "]" : value.toString();
}

/** A Struct written as text, or "no Struct". */
function struct(hex: string): string {
  place(hex);
  const value = new StructReader(start, end).read();
  return value ? write(value) : "no Struct";
}

describe("a Struct", () => {
  test("with values of each type", () => {
    expect(struct("")).toBe("{}");
    expect(struct(entry("a", "0800"))).toBe("{a:null}");
    expect(struct(entry("a", ONE))).toBe("{a:1}");
    expect(struct(entry("a", "11 00000000000060 41"))).toBe("{a:8388608}");
    expect(struct(entry("a", "11 000000000000f8 bf"))).toBe("{a:-1.5}");
    expect(struct(entry("a", TEXT) + entry("b", "1a00"))).toBe('{a:"t",b:""}');
    expect(struct(entry("a", "2001") + entry("b", "2000"))).toBe("{a:true,b:false}");
    expect(struct(entry("a", "2a00") + entry("b", "3200"))).toBe("{a:{},b:[]}");
    const list = message("32", message("0a", ONE) + message("0a", TEXT));
    expect(struct(entry("a", list))).toBe('{a:[1,"t"]}');
    expect(struct(entry("a", message("2a", entry("b", ONE))))).toBe("{a:{b:1}}");
  });

  test("with a value in front of its key, and with none", () => {
    expect(struct(message("0a", message("12", ONE) + message("0a", hexOfText("a"))))).toBe("{a:1}");
    expect(struct(message("0a", message("0a", hexOfText("a"))))).toBe("{a:null}");
  });

  test("cut anywhere is none", () => {
    const list = message("32", message("0a", ONE) + message("0a", TEXT) + message("0a", "0800"));
    const hex = entry("a", message("2a", entry("b", list) + entry("c", "2001")));
    let wrong = "";
    for (let cut = 1; cut < bytesOf(hex).length; cut++) {
      placeFirst(hex, cut);
      if (new StructReader(start, end).read()) wrong += cut.toString() + " ";
    }
    expect(wrong).toBe("");
  });

  test("with lengths, tags or types that are none", () => {
    expect(struct("7b7d")).toBe("no Struct");
    expect(struct("0a ffffffffff7f")).toBe("no Struct");
    expect(struct("0a ff")).toBe("no Struct");
    expect(struct(entry("a", "0801" + "08"))).toBe("no Struct", "a second value");
    expect(struct(entry("a", "11 00"))).toBe("no Struct", "a short number");
    expect(struct(entry("a", "40 00"))).toBe("no Struct");
    expect(struct(entry("a", ""))).toBe("no Struct", "a value of no type");
    expect(struct(message("0a", message("22", "00")))).toBe("no Struct");
  });

  test("33 levels and no more", () => {
    let hex = "0800";
    for (let i = 0; i < 32; i++) hex = message("32", message("0a", hex));
    expect(struct(entry("a", hex))).toBe("{a:" + "[".repeat(32) + "null" + "]".repeat(32) + "}");
    expect(struct(entry("a", message("32", message("0a", hex))))).toBe("no Struct");
  });
});

/** The error after checking that the text is a whole number from 1 to 10. */
function integer(text: string): string {
  const checker = new Checker();
  const value = checker.integer(new JsonParser(text).parse()!, 1, 10, 7);
  return checker.error.length != 0 ? checker.error : value.toString();
}

describe("checks", () => {
  test("whole numbers, however they are written", () => {
    expect(integer("1")).toBe("1");
    expect(integer("1e1")).toBe("10");
    expect(integer("10.0")).toBe("10");
    const wrong = ["0", "11", "1.5", "-1", '"1"', "true", "null", "4294967297", "1e400"];
    for (let i = 0; i < wrong.length; i++) {
      expect(integer(wrong[i])).toBe("$ is " + wrong[i] + ", expected a whole number from 1 to 10");
    }
    expect(integer("[]")).toBe("$ is a list, expected a whole number from 1 to 10");
    expect(new Checker().integer(null, 1, 10, 7)).toBe(7, "absent");
  });

  test("the first error is kept", () => {
    const checker = new Checker();
    const root = new JsonParser('{ "a": [true, { "b": null }], "c": null }').parse()!;
    checker.refuse(root.member("a")!.items[1].member("b")!, "x");
    checker.refuse(root.member("c")!, "y");
    expect(checker.error).toBe("$.a[1].b is null, expected x");
  });
});

/** A node without any metadata. */
const NODE = new NodeMetadata((_path: string): string => "");

/** What is wrong with the configuration, or "" and the configuration is given back. */
function refusal(bytes: string): string {
  place(bytes);
  const arena = new Arena();
  arena.open();
  const reader = new ConfigReader();
  const config = reader.read(start, <u32>(end - start), 1, NODE);
  arena.close();
  if (config) config.free();
  arena.free();
  return config ? "" : reader.error;
}

describe("a configuration", () => {
  test("without anything in it is all defaults", () => {
    const config = new ConfigReader().read(0, 0, 1, NODE)!;
    expect(config.side).toBe(SideSetting.AUTO);
    expect(config.maxBodyBytes).toBe(8388608);
    expect(config.metrics.labels).toBe(bitOf(Name.INTERFACE) | bitOf(Name.METHOD));
    expect(config.metrics.maxSeries).toBe(1000);
    expect(config.maxInFlight).toBe(4096);
    expect(config.metrics.durationInMicroseconds).toBeFalsy();
    expect(config.metrics.interfaces.size).toBe(0);
    config.free();
    expect(refusal(hexOfText("{}"))).toBe("");
  });

  test("with everything in it", () => {
    place(
      hexOfText(
        '{"side":"provider","max_body_bytes":1.6777216e+07,"metrics":{"labels":["group","version"],' +
          '"max_series":5,"interfaces":["a.B","c.D"],"duration_unit":"microseconds","max_in_flight":9}}',
      ),
    );
    const config = new ConfigReader().read(start, <u32>(end - start), 1, NODE)!;
    expect(config.side).toBe(SideSetting.PROVIDER);
    expect(config.maxBodyBytes).toBe(16777216);
    expect(config.metrics.labels).toBe(bitOf(Name.GROUP) | bitOf(Name.VERSION));
    expect(config.metrics.maxSeries).toBe(5);
    expect(config.maxInFlight).toBe(9);
    expect(config.metrics.durationInMicroseconds).toBeTruthy();
    expect(config.metrics.interfaces.size).toBe(2);
    const name = new Span();
    place(hexOfText("c.D"));
    name.set(start, 3);
    expect(config.metrics.interfaces.has(name)).toBeTruthy();
    name.set(start, 2);
    expect(config.metrics.interfaces.has(name)).toBeFalsy();
    config.free();
  });

  test("JSON that begins with a line's end is no Struct and is read as JSON", () => {
    expect(refusal(hexOfText('\n{"side":"consumer"}'))).toBe("");
    expect(refusal(hexOfText('\n{"side":1}'))).toBe(
      "$.side is 1, expected one of auto, consumer, provider",
    );
    expect(refusal(entry("side", message("1a", hexOfText("both"))))).toBe(
      '$.side is "both", expected one of auto, consumer, provider',
    );
  });

  test("any bytes are refused and nothing behind them is read", () => {
    let random: u32 = 7;
    let accepted = 0;
    for (let i = 0; i < 20000; i++) {
      const length = i % 40;
      placeRoom(length);
      for (let j = 0; j < length; j++) {
        random = random * 1664525 + 1013904223;
        store<u8>(start + j, (<u8>(random >> 16)) & (i % 3 == 0 ? 0x1f : 0xff));
      }
      if (length > 0) store<u8>(start, 0x0a);
      const arena = new Arena();
      arena.open();
      const config = new ConfigReader().read(start, length, 1, NODE);
      if (config) accepted++;
      arena.close();
      if (config) config.free();
      arena.free();
    }
    // Nothing at all is a configuration; everything else here is not.
    expect(accepted).toBe(500);
  });
});
