/**
 * Which reader reads which serialization. What is written is chosen by rewrite.ts, error_response.ts and
 * exception_response.ts, and where a head ends by head_length.ts.
 */
import { COMPACTED_JAVA, EventKind, FASTJSON, FASTJSON2, HESSIAN2, JAVA } from "../dubbo/tables";
import { Invocation } from "../dubbo/invocation";
import { UNSUPPORTED } from "../wire/position";
import { readFastjsonInvocation, readFastjsonResultKind } from "./fastjson";
import { readFastjson2Invocation, readFastjson2ResultKind } from "./fastjson2";
import { readHessian2Invocation, readHessian2ResultKind } from "./hessian2";
import { readJavaInvocation, readJavaResultKind } from "./java";

/**
 * Reads the request body from `p` to `end`, written in `serialization`, into `out`.
 *
 * `out.headRead` and `out.attachmentsRead` say how far it came. A longer body never changes what was
 * read from a shorter one.
 *
 * @returns an address, or INCOMPLETE, MALFORMED, or UNSUPPORTED for any other serialization
 */
export function readInvocation(serialization: u8, p: usize, end: usize, out: Invocation): usize {
  out.clear();
  switch (serialization) {
    case HESSIAN2:
      return readHessian2Invocation(p, end, out);
    case FASTJSON2:
      return readFastjson2Invocation(p, end, out);
    case JAVA:
    case COMPACTED_JAVA:
      return readJavaInvocation(p, end, out);
    case FASTJSON:
      return readFastjsonInvocation(p, end, out);
    default:
      return UNSUPPORTED;
  }
}

/** `readResultKind`: the first value is no kind. */
export const NO_KIND: i32 = -1;
/** `readResultKind`: no reader for this serialization. */
export const UNKNOWN_KIND: i32 = -2;

/**
 * Reads the first value of a response body with status OK, which needs at most 16 bytes.
 *
 * @returns a `ResultKind`, `NO_KIND` or `UNKNOWN_KIND`
 */
export function readResultKind(serialization: u8, p: usize, end: usize): i32 {
  switch (serialization) {
    case HESSIAN2:
      return readHessian2ResultKind(p, end);
    case FASTJSON2:
      return readFastjson2ResultKind(p, end);
    case JAVA:
    case COMPACTED_JAVA:
      return readJavaResultKind(p, end);
    case FASTJSON:
      return readFastjsonResultKind(p, end);
    default:
      return UNKNOWN_KIND;
  }
}

const READONLY_TEXT: u8 = 0x52; // "R", HeaderExchangeServer's READONLY_EVENT
const WRITEABLE_TEXT: u8 = 0x57; // "W", WRITEABLE_EVENT

/**
 * Tells an event by its whole body of `length` bytes at `p`.
 *
 * In every serialization an event is null (a heartbeat) or a string of one character, which is the
 * body's last one (in fastjson followed by a quote and a line's end): so the end of the body tells it,
 * whatever the serialization. No event of Dubbo's is longer than 16 bytes.
 */
export function readEventKind(p: usize, length: u32): EventKind {
  if (length == 0) return EventKind.HEARTBEAT;
  let last = p + length - 1;
  while (last > p && isFastjsonEnd(load<u8>(last))) last--;
  switch (load<u8>(last)) {
    case READONLY_TEXT:
      return EventKind.READONLY;
    case WRITEABLE_TEXT:
      return EventKind.WRITEABLE;
    case 0x4e: // hessian2's null; dubbo-go sends two of them
    case 0xaf: // fastjson2's
    case 0x70: // Java's TC_NULL
    case 0x00: // JavaObjectOutput's, and kryo's
    case 0x6c: // the end of fastjson's "null"
      return EventKind.HEARTBEAT;
    default:
      return EventKind.OTHER;
  }
}

function isFastjsonEnd(byte: u8): bool {
  return byte == 0x0a || byte == 0x0d || byte == 0x22;
}
