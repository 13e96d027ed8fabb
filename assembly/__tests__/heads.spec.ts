/**
 * serialization/java and fastjson: heads in block data and in lines.
 */
import { COMPACTED_JAVA, FASTJSON, JAVA } from "../dubbo/tables";
import { AttachmentQuery } from "../dubbo/attachments";
import { Invocation } from "../dubbo/invocation";
import { INCOMPLETE, MALFORMED, UNSUPPORTED } from "../wire/position";
import { Arena } from "../wire/arena";
import { readInvocation } from "../serialization/bodies";
import { bytesOf, end, hexOf, hexOfText, place, placeFirst, start, textAt } from "./edge";

const STREAM = "aced0005";

/** Java: a string in block data. */
function utf(text: string): string {
  const length = hexOf(text.length >> 8) + hexOf(text.length);
  return "0000" + length + length + hexOfText(text);
}

const JAVA_HEAD = utf("2.0.2") + utf("a.B") + utf("1.0") + utf("m") + utf("I");
const LINES = '"2.0.2"\n"a.B"\n"1.0"\n"m"\n"I"\n';

/** Java: one short block. */
function block(hex: string): string {
  return "77" + hexOf(bytesOf(hex).length) + hex;
}

/** Reads a body up to `length`: what came of it in one line. */
function read(serialization: u8, hex: string, length: i32 = -1, attachments: bool = false): string {
  const arena = new Arena();
  arena.open();
  const call = new Invocation();
  if (attachments) call.attachments = new AttachmentQuery();
  if (length < 0) place(hex);
  else placeFirst(hex, length);
  const next = readInvocation(serialization, start, end, call);
  let line = next == end ? "end" : next > end - 300 && next < end ? "early" : next.toString();
  if (call.headRead) {
    line += " " + textAt(call.dubboVersion.start, call.dubboVersion.length);
    line += " " + textAt(call.path.start, call.path.length);
    line += " " + textAt(call.serviceVersion.start, call.serviceVersion.length);
    line += " " + textAt(call.method.start, call.method.length);
    line += " " + textAt(call.descriptor.start, call.descriptor.length);
  }
  arena.close();
  arena.free();
  return line;
}

/** The places after which `hex`, cut there, is not answered with INCOMPLETE. */
function notIncomplete(serialization: u8, hex: string): string {
  let places = "";
  for (let cut = 0; cut < bytesOf(hex).length; cut++) {
    if (read(serialization, hex, cut) != INCOMPLETE.toString()) places += cut.toString() + " ";
  }
  return places;
}

describe("a java body", () => {
  test("in one block, short or long", () => {
    expect(read(JAVA, STREAM + block(JAVA_HEAD))).toBe("end 2.0.2 a.B 1.0 m I");
    expect(read(COMPACTED_JAVA, STREAM + block(JAVA_HEAD))).toBe("end 2.0.2 a.B 1.0 m I");
    const long = "7a 000000" + hexOf(bytesOf(JAVA_HEAD).length) + JAVA_HEAD;
    expect(read(JAVA, STREAM + long)).toBe("end 2.0.2 a.B 1.0 m I");
    expect(read(JAVA, STREAM + block(JAVA_HEAD) + "7070")).toBe("early 2.0.2 a.B 1.0 m I");
  });

  test("in blocks that end at any byte", () => {
    const length = bytesOf(JAVA_HEAD).length;
    const digits = JAVA_HEAD.replaceAll(" ", "");
    let wrong = "";
    for (let cut = 1; cut < length; cut++) {
      const hex = STREAM + block(digits.slice(0, cut * 2)) + "7700" + block(digits.slice(cut * 2));
      if (read(JAVA, hex) != "end 2.0.2 a.B 1.0 m I") wrong += cut.toString() + " ";
    }
    expect(wrong).toBe("");
  });

  test("a string over two blocks is cut at 256 bytes", () => {
    const path = "p".repeat(300);
    const parts = "0000012c 012c" + hexOfText(path.slice(0, 100));
    const rest = hexOfText(path.slice(100));
    const hex =
      STREAM + block(utf("2") + parts) + block(rest) + block(utf("") + utf("m") + utf(""));
    expect(read(JAVA, hex)).toBe("end 2 " + path.slice(0, 256) + "  m ");
  });

  test("null strings", () => {
    const hex = STREAM + block("ffffffff".repeat(5));
    expect(read(JAVA, hex)).toBe("end     ");
  });

  test("a generic call is its first argument, a string object", () => {
    const generic = utf("2.0.2") + utf("a.B") + utf("1.0") + utf("$invoke") + utf("I") + "01";
    expect(read(JAVA, STREAM + block(generic) + "74 0004" + hexOfText("real"))).toBe(
      "early 2.0.2 a.B 1.0 real I",
    );
    expect(read(JAVA, STREAM + block(generic) + "70")).toBe("early 2.0.2 a.B 1.0 $invoke I");
    // An empty one needs no byte after its length.
    expect(read(JAVA, STREAM + block(generic) + "74 0000")).toBe("early 2.0.2 a.B 1.0  I");
    expect(notIncomplete(JAVA, STREAM + block(generic) + "74 0004" + hexOfText("real"))).toBe("");
  });

  test("cut anywhere is incomplete", () => {
    expect(notIncomplete(JAVA, STREAM + block(JAVA_HEAD))).toBe("");
  });

  test("without stream header or blocks is malformed, lengths that lie ask for more", () => {
    expect(read(JAVA, "aced0006" + block(JAVA_HEAD))).toBe(MALFORMED.toString());
    expect(read(JAVA, STREAM + "7400")).toBe(MALFORMED.toString());
    expect(read(JAVA, STREAM + "7a ffffffff 00000001 ffff 61")).toBe(INCOMPLETE.toString());
    expect(read(JAVA, STREAM + "7704 7fffffff 77 01 ff")).toBe(INCOMPLETE.toString());
  });

  test("has no readable attachments", () => {
    expect(read(JAVA, STREAM + block(JAVA_HEAD), -1, true)).toBe(
      UNSUPPORTED.toString() + " 2.0.2 a.B 1.0 m I",
    );
  });
});

describe("a fastjson body", () => {
  test("five lines of strings, however lines end", () => {
    expect(read(FASTJSON, hexOfText(LINES))).toBe("end 2.0.2 a.B 1.0 m I");
    expect(read(FASTJSON, hexOfText(LINES.replaceAll("\n", "\r\n")))).toBe("end 2.0.2 a.B 1.0 m I");
    expect(read(FASTJSON, hexOfText(LINES + "{}\n"))).toBe("early 2.0.2 a.B 1.0 m I");
    expect(read(FASTJSON, hexOfText(LINES.replace('"1.0"', "null")))).toBe("end 2.0.2 a.B  m I");
    expect(read(FASTJSON, hexOfText(LINES.replace("a.B", 'a\\"B')))).toBe(
      'end 2.0.2 a\\"B 1.0 m I',
    );
  });

  test("cut anywhere is incomplete", () => {
    expect(notIncomplete(FASTJSON, hexOfText(LINES))).toBe("");
    expect(notIncomplete(FASTJSON, hexOfText(LINES.replace("m", 'm\\"\\\\')))).toBe("");
  });

  test("what is no string or null is malformed", () => {
    expect(read(FASTJSON, hexOfText("12345\n"))).toBe(MALFORMED.toString());
    expect(read(FASTJSON, hexOfText('"2.0\n"'))).toBe(
      MALFORMED.toString(),
      "a line's end in a string",
    );
    expect(read(FASTJSON, hexOfText('"2.0.2" \n'))).toBe(MALFORMED.toString());
    expect(read(FASTJSON, hexOfText('"2.0.2"\r"'))).toBe(MALFORMED.toString());
    expect(read(FASTJSON, hexOfText('"\\'))).toBe(INCOMPLETE.toString(), "an escape at the edge");
  });

  test("a generic call is its first argument; there are no readable attachments", () => {
    const generic = LINES.replace('"m"', '"$invoke"');
    expect(read(FASTJSON, hexOfText(generic + '"real"\n'))).toBe("early 2.0.2 a.B 1.0 real I");
    expect(read(FASTJSON, hexOfText(generic + "[1,2]\n"))).toBe("early 2.0.2 a.B 1.0 $invoke I");
    expect(read(FASTJSON, hexOfText(generic))).toBe(INCOMPLETE.toString());
    expect(read(FASTJSON, hexOfText(LINES), -1, true)).toBe(
      UNSUPPORTED.toString() + " 2.0.2 a.B 1.0 m I",
    );
  });
});
