/**
 * The class of the exception in an answer, which stands in front of all that it says:
 *
 *     hessian2        kind │ C name … O …  or  M name …          a class definition, or a typed map
 *     fastjson2       length kind │ length 92 name …             a typed object
 *     java            aced0005 77 02 kind 01 │ 73 72 name …      an object and its class
 *     compactedjava   the same │ 73 72 01 name …                 01: by its name alone
 *
 * Its message stands further on and is not read. The bytes are those of Dubbo Java 3.2.19 and 3.3.6 and of
 * dubbo-go 3.3.2, see test/fixtures.
 */
import { COMPACTED_JAVA, FASTJSON2, HESSIAN2, JAVA } from "../dubbo/tables";
import { loadU16, loadU32 } from "../wire/bytes";
import { bytesLeft, failed, INCOMPLETE, MALFORMED, UNSUPPORTED } from "../wire/position";
import { Span } from "../wire/span";
import { readShortLived } from "./hessian2/string";
import { readJsonbString, TYPED } from "./jsonb/value";

/** Bytes of an answer in which the longest class that is told has room. */
export const EXCEPTION_WINDOW: u32 = 256;

const CLASS_DEFINITION: u8 = 0x43;
const MAP_TYPED: u8 = 0x4d;
/** A field's length, a kind, and the length of the next. */
const JSONB_AT: u32 = 10;
const JAVA_AT: u32 = 8;
const JAVA_OBJECT: u32 = 0x7372;

/**
 * Reads the class in the answer's body from `p` to `end` into `name`: its bytes on the wire, good until the
 * next string is read.
 *
 * @returns an address, or INCOMPLETE, MALFORMED where no class stands, UNSUPPORTED
 */
export function readExceptionClass(serialization: u8, p: usize, end: usize, name: Span): usize {
  if (serialization == HESSIAN2) {
    if (bytesLeft(p, end) < 2) return INCOMPLETE;
    const code = load<u8>(p, 1);
    if (code != CLASS_DEFINITION && code != MAP_TYPED) return MALFORMED;
    return readShortLived(p + 2, end, name);
  }
  if (serialization == FASTJSON2) {
    if (bytesLeft(p, end) <= JSONB_AT) return INCOMPLETE;
    if (loadU32(p) != 2 || load<u8>(p, JSONB_AT) != TYPED) return MALFORMED;
    return readJsonbString(p + JSONB_AT + 1, end, name);
  }
  if (serialization != JAVA && serialization != COMPACTED_JAVA) return UNSUPPORTED;
  const isCompacted = serialization == COMPACTED_JAVA;
  const at: u32 = JAVA_AT + 2 + <u32>isCompacted;
  if (bytesLeft(p, end) < at + 2) return INCOMPLETE;
  if (loadU16(p + JAVA_AT) != JAVA_OBJECT) return MALFORMED;
  if (isCompacted && load<u8>(p, JAVA_AT + 2) != 1) return MALFORMED;
  const length = loadU16(p + at);
  p += at + 2;
  if (length > bytesLeft(p, end)) return INCOMPLETE;
  name.set(p, length);
  return p + length;
}
