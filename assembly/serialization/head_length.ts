/**
 * Where the head of a request's body ends, told by its lengths alone.
 *
 * Good for one question only: whether the same bytes were read before (connection/known_heads.ts). What the
 * strings hold is not looked at, so the answer is right only for strings of ASCII in one piece, and
 * whoever read the head before knows whether it was.
 */
import { HEAD_PARTS } from "../dubbo/invocation";
import { FASTJSON2, HESSIAN2 } from "../dubbo/tables";
import { loadU16, loadU32 } from "../wire/bytes";
import { bytesLeft } from "../wire/position";
import { FIRST_KIND, kindOf, STRING_MEDIUM, STRING_SHORT } from "./hessian2_codes";

const FIELD_LENGTH: u32 = 4;

/** Length in bytes of the head that begins at `p`; 0 where it does not lie before `end`, or is unusual. */
export function headLength(serialization: u8, p: usize, end: usize): u32 {
  if (serialization == HESSIAN2) return hessian2HeadLength(p, end);
  if (serialization == FASTJSON2) return fastjson2HeadLength(p, end);
  return 0;
}

function hessian2HeadLength(start: usize, end: usize): u32 {
  let p = start;
  for (let part: u32 = 0; part < HEAD_PARTS; part++) {
    // A code and the byte after it, which is there: attachments follow, if only a null.
    if (p + 2 > end) return 0;
    const kind = kindOf(load<u8>(p));
    if (kind == STRING_SHORT) p += 1 + load<u8>(p);
    else if (kind == STRING_MEDIUM) p += 2 + (loadU16(p) & 0x3ff);
    else if (kind < FIRST_KIND) p += kind;
    else return 0;
  }
  return p > end ? 0 : <u32>(p - start);
}

function fastjson2HeadLength(start: usize, end: usize): u32 {
  let p = start;
  for (let part: u32 = 0; part < HEAD_PARTS; part++) {
    if (p + FIELD_LENGTH > end) return 0;
    const length = loadU32(p);
    p += FIELD_LENGTH;
    if (length > bytesLeft(p, end)) return 0;
    p += length;
  }
  return <u32>(p - start);
}
