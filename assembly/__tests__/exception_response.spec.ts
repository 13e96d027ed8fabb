import { COMPACTED_JAVA, FASTJSON2, HESSIAN2, JAVA, NATIVE_JAVA } from "../dubbo/tables";
import { canThrow, writeExceptionResponse } from "../serialization/exception_response";
import { Output } from "../wire/output";
import { Span } from "../wire/span";
import { end, hexOf, hexOfText, place, start } from "./edge";

const HEAD_ID = "0102030405060708";
const ID: u64 = 0x0102030405060708;

function written(serialization: u8, code: u32, text: string): string {
  place(hexOfText(text));
  const message = new Span();
  message.set(start, <u32>(end - start));
  const out = new Output();
  writeExceptionResponse(out, ID, serialization, code, message);
  let hex = "";
  for (let i: u32 = 0; i < out.length; i++) hex += hexOf(load<u8>(out.start + i));
  return hex;
}

/** The frame around a body of `bytes` bytes. */
function head(serialization: u32, bytes: u32): string {
  return (
    "dabb" + hexOf(serialization) + "14" + HEAD_ID + "0000" + hexOf(bytes >> 8) + hexOf(bytes & 255)
  );
}

// Each body was written by Dubbo Java 3.2.19's ObjectOutput: writeByte(0), writeThrowable(new
// RpcException(4, "denied by policy")) with an empty stack.
const JSONB =
  "00000002bd0000000097926a6f72672e6170616368652e647562626f2e7270632e527063457863657074696f6e00a67f4d636f646501047f5664657461696c4d657373616765025964656e69656420627920706f6c6963797f53737461636b547261636503947f5d73757070726573736564457863657074696f6e730492686a6176612e7574696c2e436f6c6c656374696f6e7324456d7074794c6973740594a5";
const JAVA_OBJECT =
  "737200216f72672e6170616368652e647562626f2e7270632e527063457863657074696f6e6c75f9393bd545de020001490004636f64657872001a6a6176612e6c616e672e52756e74696d65457863657074696f6e9e5f06470a3483e5020000787200136a6176612e6c616e672e457863657074696f6ed0fd1f3e1a3b1cc4020000787200136a6176612e6c616e672e5468726f7761626c65d5c635273977b8cb0300044c000563617573657400154c6a6176612f6c616e672f5468726f7761626c653b4c000d64657461696c4d6573736167657400124c6a6176612f6c616e672f537472696e673b5b000a737461636b547261636574001e5b4c6a6176612f6c616e672f537461636b5472616365456c656d656e743b4c001473757070726573736564457863657074696f6e737400104c6a6176612f7574696c2f4c6973743b787071007e000874001064656e69656420627920706f6c6963797572001e5b4c6a6176612e6c616e672e537461636b5472616365456c656d656e743b02462a3c3cfd22390200007870000000007372001f6a6176612e7574696c2e436f6c6c656374696f6e7324456d7074794c6973747ab817b43ca79ede02000078707800000004";
const COMPACTED_OBJECT =
  "73720100216f72672e6170616368652e647562626f2e7270632e527063457863657074696f6e787201001a6a6176612e6c616e672e52756e74696d65457863657074696f6e78720100136a6176612e6c616e672e457863657074696f6e78720100136a6176612e6c616e672e5468726f7761626c65787071007e000474001064656e69656420627920706f6c696379757200001e5b4c6a6176612e6c616e672e537461636b5472616365456c656d656e743b02462a3c3cfd2239020000787000000000737201001f6a6176612e7574696c2e436f6c6c656374696f6e7324456d7074794c69737478707800000004";

describe("an exception of Dubbo's own", () => {
  test("in the forms that Dubbo Java writes", () => {
    expect(written(FASTJSON2, 4, "denied by policy")).toBe(head(FASTJSON2, 0xa1) + JSONB);
    const java = "aced000577020001" + JAVA_OBJECT;
    expect(written(JAVA, 4, "denied by policy")).toBe(head(JAVA, <u32>java.length / 2) + java);
    const native = "aced0005770100" + JAVA_OBJECT;
    expect(written(NATIVE_JAVA, 4, "denied by policy")).toBe(
      head(NATIVE_JAVA, <u32>native.length / 2) + native,
    );
    const compacted = "aced000577020001" + COMPACTED_OBJECT;
    expect(written(COMPACTED_JAVA, 4, "denied by policy")).toBe(
      head(COMPACTED_JAVA, <u32>compacted.length / 2) + compacted,
    );
  });

  test("in hessian2, with nothing for a cause", () => {
    const body =
      "90" +
      "433021" +
      hexOfText("org.apache.dubbo.rpc.RpcException") +
      "95" +
      "04" +
      hexOfText("code") +
      "0d" +
      hexOfText("detailMessage") +
      "05" +
      hexOfText("cause") +
      "0a" +
      hexOfText("stackTrace") +
      "14" +
      hexOfText("suppressedExceptions") +
      "60" +
      "97" +
      "02" +
      hexOfText("no") +
      "4e" +
      "701c" +
      hexOfText("[java.lang.StackTraceElement") +
      "4e";
    expect(written(HESSIAN2, 7, "no")).toBe(head(HESSIAN2, <u32>body.length / 2) + body);
  });

  test("a message of more than 47 characters has its length behind its type in JSONB", () => {
    let text = "";
    for (let i = 0; i < 70; i++) text += "x";
    expect(written(FASTJSON2, 7, text).includes("793846" + hexOfText(text) + "7f53")).toBe(true);
    expect(written(FASTJSON2, 7, text).includes("00000002bd00000000cf926a")).toBe(true);
  });

  test("not in a serialization that is not known", () => {
    expect(canThrow(HESSIAN2)).toBe(true);
    expect(canThrow(6)).toBe(false);
    expect(canThrow(22)).toBe(false);
  });
});
