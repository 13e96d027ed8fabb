/**
 * A whole response with another status than OK, as Dubbo's own codec writes it: one string.
 *
 *     da bb │ flag │ status │ request id (8) │ body length (4) │ body
 *     hessian2   30+n/256 n%256 │ n characters                       any other serialization too
 *     fastjson2  length (4)     │ 49+n │ n characters
 *
 * Dubbo's providers write errors in hessian2 whatever the request was written in (captured from Dubbo
 * Java on fastjson2, java and compactedjava connections), so every client reads it.
 */
import { BODY_LENGTH_OFFSET, MAGIC_HIGH, MAGIC_LOW } from "../dubbo/header";
import { FASTJSON2, HESSIAN2 } from "../dubbo/tables";
import { Output } from "../wire/output";
import { Span } from "../wire/span";
import { writeHessian2String } from "./hessian2/write";

/**
 * Appends a response to the request `id`.
 *
 * @param serialization of the request
 * @param text of the error, in ASCII; at most 47 characters, so that its length fits JSONB's type byte
 */
export function writeErrorResponse(
  out: Output,
  id: u64,
  serialization: u8,
  status: u8,
  text: string,
): void {
  const isFastjson2 = serialization == FASTJSON2;
  const count = <u32>text.length;
  out.writeU8(MAGIC_HIGH);
  out.writeU8(MAGIC_LOW);
  out.writeU8(isFastjson2 ? FASTJSON2 : HESSIAN2);
  out.writeU8(status);
  out.writeU32(<u32>(id >> 32));
  out.writeU32(<u32>id);
  out.writeU32(count + (isFastjson2 ? 5 : 2));
  if (isFastjson2) {
    out.writeU32(count + 1);
    out.writeU8(0x49 + count);
  } else {
    out.writeU16(0x3000 + count);
  }
  for (let i: u32 = 0; i < count; i++) out.writeU8(text.charCodeAt(i));
}

/**
 * Appends a response to the request `id` in hessian2, which every client reads whatever its request was
 * written in.
 *
 * @param text of the error, in ASCII
 */
export function writeStatusResponse(out: Output, id: u64, status: u8, text: Span): void {
  const start = out.length;
  out.writeU8(MAGIC_HIGH);
  out.writeU8(MAGIC_LOW);
  out.writeU8(HESSIAN2);
  out.writeU8(status);
  out.writeU32(<u32>(id >> 32));
  out.writeU32(<u32>id);
  out.writeU32(0);
  const body = out.length;
  writeHessian2String(out, text);
  out.patchU32(start + <u32>BODY_LENGTH_OFFSET, out.length - body);
}
