/**
 * Which attachments can be headers of an HTTP request.
 *
 * Envoy fails a call with a name that is none, and lets a value with a line break pass, which would be
 * another header behind an HTTP/1 connection. Names that say how the message itself is read are not
 * given to rules either.
 */
import { Span } from "../wire/span";

/** Bytes that a name may have (RFC 9110, token): a bit for each of 0 to 63, and of 64 to 127. */
const TOKEN_LOW: u64 = 0x03ff_6cfa_0000_0000;
const TOKEN_HIGH: u64 = 0x57ff_ffff_c7ff_fffe;
/** Names that say where the message ends, or whom it is for. */
const FRAMING = " host connection content-length transfer-encoding te upgrade ";

/** Whether the key, which is lower case, and the value can be a header's that a rule may set. */
export function isHeader(key: usize, length: u32, value: Span): bool {
  for (let i: u32 = 0; i < length; i++) {
    const byte = load<u8>(key + i);
    const bits = byte < 64 ? TOKEN_LOW : TOKEN_HIGH;
    if (byte > 127 || ((bits >> (byte & 63)) & 1) == 0) return false;
  }
  for (let i: u32 = 0; i < value.length; i++) {
    const byte = load<u8>(value.start + i);
    if (byte < 0x20 || byte == 0x7f) return false;
  }
  return !FRAMING.includes(" " + String.UTF8.decodeUnsafe(key, length) + " ");
}
