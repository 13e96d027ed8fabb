/**
 * config/json: text into values, and where it stops being JSON.
 */
import { JsonParser, JsonType, JsonValue } from "../config/json";

/** The value written out again, or what went wrong. */
function read(text: string): string {
  const parser = new JsonParser(text);
  const value = parser.parse();
  return value ? write(value) : parser.error;
}

function write(value: JsonValue): string {
  let parts = "";
  if (value.type == JsonType.ARRAY) {
    for (let i = 0; i < value.items.length; i++)
      parts += (i == 0 ? "" : ",") + write(value.items[i]);
    return "[" + parts + "]";
  }
  if (value.type == JsonType.OBJECT) {
    for (let i = 0; i < value.items.length; i++) {
      parts += (i == 0 ? "" : ",") + value.keys[i] + ":" + write(value.items[i]);
    }
    return "{" + parts + "}";
  }
  if (value.type == JsonType.NUMBER) return value.number.toString();
  return value.toString();
}

/** Whether the text is refused, naming the character where it went wrong. */
function refusedAt(text: string, character: i32): bool {
  const said = read(text);
  const rest = text.substring(character, character + 20);
  const shown = rest.length == 0 ? ", its end" : ", `" + rest + "`";
  return said.startsWith("not JSON at character " + character.toString() + shown + ", expected ");
}

describe("JSON", () => {
  test("values of each type, with space around them", () => {
    expect(read(" null ")).toBe("null");
    expect(read("\t[true,\r\n false]")).toBe("[true,false]");
    expect(read('{ "a" : [ { } , [ ] , "" ] , "" : 1 }')).toBe('{a:[{},[],""],:1.0}');
  });

  test("numbers, as Envoy writes them too", () => {
    expect(read("8.388608e+06")).toBe("8388608.0");
    expect(read("8388608")).toBe("8388608.0");
    expect(read("1E3")).toBe("1000.0");
    expect(read("-0")).toBe("0.0");
    expect(read("-12.5e-1")).toBe("-1.25");
    expect(read("0")).toBe("0.0");
    expect(read("1e400")).toBe("Infinity");
  });

  test("what only looks like a number", () => {
    expect(refusedAt("01", 1)).toBeTruthy();
    expect(refusedAt("-", 1)).toBeTruthy();
    expect(refusedAt("1.", 2)).toBeTruthy();
    expect(refusedAt("1e", 2)).toBeTruthy();
    expect(refusedAt("1e+", 3)).toBeTruthy();
    expect(refusedAt("+1", 0)).toBeTruthy();
    expect(refusedAt(".5", 0)).toBeTruthy();
    expect(refusedAt("NaN", 0)).toBeTruthy();
    expect(refusedAt("0x10", 1)).toBeTruthy();
  });

  test("escapes, surrogates among them", () => {
    expect(read('"\\"\\\\\\/\\b\\f\\n\\r\\t"')).toBe('""\\/\b\f\n\r\t"');
    expect(read('"a\\u0041\\u00e9b"')).toBe('"aAéb"');
    expect(read('"\\uD83D\\ude00"')).toBe('"😀"');
    expect(read('"中国"')).toBe('"中国"');
    expect(refusedAt('"\\x"', 3)).toBeTruthy();
    expect(refusedAt('"\\u12g4"', 5)).toBeTruthy();
    expect(refusedAt('"\\u12', 5)).toBeTruthy();
    expect(refusedAt('"\\', 3)).toBeTruthy();
  });

  test("texts that end within a value", () => {
    const whole = '{"side":["a\\n",1.5e3,true,null,{}]}';
    let wrong = "";
    for (let length = 0; length < whole.length; length++) {
      if (!read(whole.slice(0, length)).startsWith("not JSON at "))
        wrong += length.toString() + " ";
    }
    expect(wrong).toBe("");
    expect(read(whole)).toBe('{side:["a\n",1500.0,true,null,{}]}');
  });

  test("what JSON does not allow", () => {
    expect(refusedAt("[1,]", 3)).toBeTruthy("a comma too many");
    expect(refusedAt('{"a":1,}', 7)).toBeTruthy("a comma too many");
    expect(refusedAt("{a:1}", 1)).toBeTruthy("a key without quotes");
    expect(refusedAt("{'a':1}", 1)).toBeTruthy("other quotes");
    expect(refusedAt('{"a" 1}', 5)).toBeTruthy("no colon");
    expect(refusedAt('{"a":1 "b":2}', 7)).toBeTruthy("no comma");
    expect(refusedAt("[1 2]", 3)).toBeTruthy("no comma");
    expect(refusedAt("{} {}", 3)).toBeTruthy("two values");
    expect(refusedAt("nul", 0)).toBeTruthy();
    expect(refusedAt("truefalse", 4)).toBeTruthy();
    expect(refusedAt("// a\n1", 0)).toBeTruthy("a comment");
    expect(refusedAt('"a\nb"', 2)).toBeTruthy("a line's end in a string");
    expect(refusedAt("", 0)).toBeTruthy("nothing");
    expect(refusedAt("\ufeff{}", 0)).toBeTruthy("a byte order mark");
  });

  test("a key that stands twice, also when written with escapes", () => {
    expect(read('{"a":1,"a":2}').endsWith('expected "a" only once')).toBeTruthy();
    expect(read('{"a":1,"\\u0061":2}').endsWith('expected "a" only once')).toBeTruthy();
    expect(read('[{"a":1},{"a":2}]')).toBe("[{a:1.0},{a:2.0}]");
  });

  test("33 levels and no more", () => {
    expect(read("[".repeat(33) + "]".repeat(33))).toBe("[".repeat(33) + "]".repeat(33));
    expect(read("[".repeat(34) + "]".repeat(34)).endsWith("expected fewer levels")).toBeTruthy();
    expect(read('{"a":'.repeat(100000)).endsWith("expected fewer levels")).toBeTruthy();
  });

  test("members by name; lists, objects and long strings are shown short", () => {
    const parser = new JsonParser('{"a":{"b":1},"c":[]}');
    const root = parser.parse()!;
    expect(root.member("a")!.member("b")!.text).toBe("1");
    expect(root.member("b") == null).toBeTruthy();
    expect(root.toString()).toBe("an object");
    expect(root.member("c")!.toString()).toBe("a list");
    const long = new JsonParser('"' + "x".repeat(61) + '"').parse()!;
    expect(long.toString()).toBe('"' + "x".repeat(60) + '…"');
  });
});
