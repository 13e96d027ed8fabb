/**
 * dubbo/invocation and serialization/hessian2, fastjson2: descriptors into counts, bodies into
 * invocations, attachments into what was asked for.
 */
import { FASTJSON2, HESSIAN2 } from "../dubbo/tables";
import { AttachmentQuery } from "../dubbo/attachments";
import { argumentCount, BAD_DESCRIPTOR, Invocation } from "../dubbo/invocation";
import { INCOMPLETE, MALFORMED, UNSUPPORTED } from "../wire/position";
import { Span } from "../wire/span";
import { Arena } from "../wire/arena";
import { readInvocation } from "../serialization/bodies";
import { bytesOf, end, hexOf, hexOfText, place, placeFirst, start, textAt } from "./edge";

function count(descriptor: string): u32 {
  place(hexOfText(descriptor));
  const span = new Span();
  span.set(start, <u32>(end - start));
  return argumentCount(span);
}

/** Hessian 2: a short string. */
function h(text: string): string {
  return hexOf(text.length) + hexOfText(text);
}

/** fastjson2: a field with these bytes of JSONB. */
function field(jsonb: string): string {
  return "000000" + hexOf(bytesOf(jsonb).length) + jsonb;
}

/** fastjson2: a field with a short string. */
function f(text: string): string {
  return field(j(text));
}

/** JSONB: a short string. */
function j(text: string): string {
  return hexOf(0x49 + text.length) + hexOfText(text);
}

const HEAD = h("2.0.2") + h("a.B") + h("1.0");
const HEAD2 = f("2.0.2") + f("a.B") + f("1.0");

/** Reads a body asking for `group`; what came of it in one line. */
function read(serialization: u8, hex: string, length: i32 = -1): string {
  const arena = new Arena();
  arena.open();
  const call = new Invocation();
  const query = new AttachmentQuery();
  call.attachments = query;
  const group = query.wantText("group").value;
  if (length < 0) place(hex);
  else placeFirst(hex, length);
  const next = readInvocation(serialization, start, end, call);
  let line = next == end ? "end" : next > end - 64 && next < end ? "early" : next.toString();
  if (call.headRead) {
    line += " " + textAt(call.path.start, call.path.length);
    line += "." + textAt(call.method.start, call.method.length);
  }
  if (call.attachmentsRead) {
    line += group.start == 0 ? " no group" : " group=" + textAt(group.start, group.length);
  }
  arena.close();
  arena.free();
  return line;
}

describe("argumentCount", () => {
  test("counts JVM type descriptors in a row", () => {
    expect(count("")).toBe(0);
    expect(count("I")).toBe(1);
    expect(count("BCDFIJSZ")).toBe(8);
    expect(count("Ljava/util/Map;")).toBe(1);
    expect(count("[B[[I[Ljava/lang/String;J")).toBe(4);
    expect(count("Ljava/lang/String;[Ljava/lang/String;[Ljava/lang/Object;")).toBe(3);
    expect(count("I".repeat(255))).toBe(255);
  });

  test("refuses what is no descriptor", () => {
    const bad = ["V", "X", "[", "I[", "L", "Ljava/lang/String", "LI", "I;", ";", "[[", "i", "I I"];
    for (let i = 0; i < bad.length; i++) expect(count(bad[i])).toBe(BAD_DESCRIPTOR, bad[i]);
    expect(count("I".repeat(256))).toBe(BAD_DESCRIPTOR, "more than a method may have");
  });
});

describe("a hessian2 body", () => {
  test("with arguments and attachments", () => {
    const call = HEAD + h("m") + h("I") + "91";
    expect(read(HESSIAN2, call + "48" + h("group") + h("g1") + "5a")).toBe("end a.B.m group=g1");
    expect(read(HESSIAN2, call + "48" + h("groups") + h("g1") + "5a")).toBe("end a.B.m no group");
    expect(read(HESSIAN2, call + "4d 0174" + h("group") + h("g") + "5a")).toBe("end a.B.m group=g");
    expect(read(HESSIAN2, call + "4e")).toBe("end a.B.m no group");
    expect(read(HESSIAN2, call + "485a 4e")).toBe("early a.B.m no group", "bytes behind");
  });

  test("attachments that are no strings are passed, the last of two values counts", () => {
    const call = HEAD + h("m") + "00";
    const odd = "48 91 92" + h("n") + "48 0161 90 5a" + h("b") + "23 010203";
    expect(read(HESSIAN2, call + odd + h("group") + h("g1") + "5a")).toBe("end a.B.m group=g1");
    const twice = "48" + h("group") + h("g1") + h("group");
    expect(read(HESSIAN2, call + twice + h("g2") + "5a")).toBe("end a.B.m group=g2");
    expect(read(HESSIAN2, call + twice + "91 5a")).toBe("end a.B.m no group");
    expect(read(HESSIAN2, call + twice + "4e 5a")).toBe("end a.B.m no group");
  });

  test("classes that an argument defines are known in the attachments", () => {
    const body = HEAD + h("m") + h("La;") + "43 0161 91 0162 60 90 48 0178 60 91";
    expect(read(HESSIAN2, body + h("group") + h("g") + "5a")).toBe("end a.B.m group=g");
  });

  test("whose head is right and whose rest is not", () => {
    expect(read(HESSIAN2, HEAD + h("m") + h("X") + "485a")).toBe(MALFORMED.toString() + " a.B.m");
    expect(read(HESSIAN2, HEAD + h("m") + h("I") + "45 485a")).toBe(
      MALFORMED.toString() + " a.B.m",
    );
    expect(read(HESSIAN2, HEAD + h("m") + "00 57 5a")).toBe(MALFORMED.toString() + " a.B.m");
  });

  test("with any of the head's strings null", () => {
    expect(read(HESSIAN2, "4e 4e 4e 4e 4e 4e")).toBe("end . no group");
  });

  test("with an int, a map or bytes in the head is malformed", () => {
    const bad = ["90", "485a", "2161", "54"];
    for (let i = 0; i < bad.length; i++) {
      expect(read(HESSIAN2, h("2.0.2") + bad[i])).toBe(MALFORMED.toString());
      expect(read(HESSIAN2, HEAD + bad[i])).toBe(MALFORMED.toString());
    }
  });

  test("generic calls are their first argument", () => {
    const generic = HEAD + h("$invoke") + h("I");
    expect(read(HESSIAN2, generic + h("real") + "4e")).toBe("end a.B.real no group");
    expect(read(HESSIAN2, generic)).toBe(INCOMPLETE.toString(), "not yet known");
    expect(read(HESSIAN2, generic + "0472")).toBe(INCOMPLETE.toString(), "not yet known");
    expect(read(HESSIAN2, generic + h("real"))).toBe(INCOMPLETE.toString() + " a.B.real");
    expect(read(HESSIAN2, HEAD + h("$invokeAsync") + h("I") + h("real") + "4e")).toBe(
      "end a.B.real no group",
    );
    expect(read(HESSIAN2, HEAD + h("$invoke") + h("I") + "91 4e")).toBe("end a.B.$invoke no group");
    expect(read(HESSIAN2, HEAD + h("$invokes") + "00 4e")).toBe("end a.B.$invokes no group");
    expect(read(HESSIAN2, HEAD + h("$echo") + h("I") + "91 4e")).toBe("end a.B.$echo no group");
  });
});

describe("a fastjson2 body", () => {
  test("with arguments and attachments", () => {
    const call = HEAD2 + f("m") + f("I") + field("ff");
    const group = j("group") + j("g1");
    expect(read(FASTJSON2, call + field("a6" + group + "a5"))).toBe("end a.B.m group=g1");
    expect(read(FASTJSON2, call + field("a6 a5"))).toBe("end a.B.m no group");
    expect(read(FASTJSON2, call + field("af"))).toBe("end a.B.m no group");
    expect(read(FASTJSON2, call + field("a6 01 02" + j("x") + "b1" + group + "a5"))).toBe(
      "end a.B.m group=g1",
    );
    expect(read(FASTJSON2, call + field("a6" + group + j("group") + "01 a5"))).toBe(
      "end a.B.m no group",
    );
  });

  test("arguments are passed without being read", () => {
    const call = HEAD2 + f("m") + f("I") + "00000002 a5a5" + field("a6a5");
    expect(read(FASTJSON2, call)).toBe("end a.B.m no group");
  });

  test("whose fields lie about their length", () => {
    const malformed = MALFORMED.toString();
    expect(read(FASTJSON2, "00000000 00")).toBe(malformed, "no value at all");
    expect(read(FASTJSON2, "00000003 4e 322e302e32")).toBe(
      malformed,
      "a string longer than its field",
    );
    expect(read(FASTJSON2, "7fffffff 05")).toBe(malformed, "no string, told at once");
    expect(read(FASTJSON2, "ffffffff 4e")).toBe(INCOMPLETE.toString());
    const call = HEAD2 + f("m") + f("");
    expect(read(FASTJSON2, call + field("a6 4a61"))).toBe(malformed + " a.B.m");
    expect(read(FASTJSON2, call + field("a6 4a61 01"))).toBe(malformed + " a.B.m");
    expect(read(FASTJSON2, call + field("94"))).toBe(malformed + " a.B.m", "a list");
    expect(read(FASTJSON2, call + "00000000")).toBe(malformed + " a.B.m");
    expect(read(FASTJSON2, call + field("a6a5af"))).toBe(
      "end a.B.m no group",
      "bytes in the field",
    );
  });

  test("generic calls are their first argument", () => {
    const generic = HEAD2 + f("$invoke") + f("I");
    expect(read(FASTJSON2, generic + f("real") + field("a6a5"))).toBe("end a.B.real no group");
    expect(read(FASTJSON2, generic + field("94") + field("af"))).toBe("end a.B.$invoke no group");
    expect(read(FASTJSON2, generic)).toBe("0", "not yet known");
  });

  test("cut anywhere is incomplete", () => {
    const body = HEAD2 + f("m") + f("I") + field("ff") + field("a6" + j("group") + j("g1") + "a5");
    let wrong = "";
    for (let cut = 0; cut < bytesOf(body).length; cut++) {
      if (!read(FASTJSON2, body, cut).startsWith(INCOMPLETE.toString()))
        wrong += cut.toString() + " ";
    }
    expect(wrong).toBe("");
  });
});

test("serializations without a reader are unsupported", () => {
  let readable = "";
  for (let id: u32 = 0; id < 32; id++) {
    if (read(<u8>id, "") != UNSUPPORTED.toString()) readable += id.toString() + " ";
  }
  expect(readable).toBe("2 3 4 6 23 ");
});
