/**
 * The address of the client of the running connection or stream, asked anew each time: for who seldom needs it.
 */
import { Span } from "../wire/span";
import { sourceAddress } from "./properties";

const COLON: u8 = 0x3a;
const OPENING_BRACKET: u8 = 0x5b;
const CLOSING_BRACKET: u8 = 0x5d;

/**
 * Points `text` at the client's address without its port: `10.1.2.3`, `2001:db8::1`. It is good until the
 * next answer to the side; without bytes where there is none, as on a socket of the file system.
 */
export function peerAddress(text: Span): void {
  sourceAddress(text);
  let start = text.start;
  let end = start + text.length;
  while (end > start && load<u8>(end - 1) != COLON) end--;
  if (end <= start + 1) return text.clear();
  end--;
  if (load<u8>(start) == OPENING_BRACKET && load<u8>(end - 1) == CLOSING_BRACKET) {
    start++;
    end--;
  }
  if (end <= start) return text.clear();
  text.set(start, <u32>(end - start));
}
