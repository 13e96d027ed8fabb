/**
 * How many gRPC messages one direction of a stream carries: none, one, or more.
 *
 *     flags(1) length(4, big endian) message(length)     again and again, cut anywhere into bodies
 *
 * Source: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md. Only the five bytes in front
 * of a message are fetched, and after the second message nothing is looked at any more.
 */
import { BufferType, fetch, lastLength } from "../host/buffers";

const PREFIX_LENGTH: u32 = 5;
/** It makes no difference how many more there are. */
const MANY: u32 = 2;

/** Counts the messages of one direction of one stream. */
@unmanaged
@final
export class MessageCounter {
  /** How many messages began, at most `MANY`. */
  private count: u32 = 0;
  /** How many bytes of the prefix that is being read are there. */
  private prefix: u32 = 0;
  /** The length that they spell. */
  private length: u32 = 0;
  /** Bytes of a message that are yet to come. */
  private left: u32 = 0;

  /** Whether more than one message was seen. */
  get isStream(): bool {
    return this.count >= MANY;
  }

  /** Makes it new. */
  clear(): void {
    this.count = 0;
    this.prefix = 0;
    this.left = 0;
  }

  /** Takes in the next `size` bytes of a body; call it in the body's callback only. */
  read(type: BufferType, size: u32): void {
    let at: u32 = 0;
    while (this.count < MANY) {
      const passed = min<u32>(this.left, size - at);
      this.left -= passed;
      at += passed;
      if (at >= size) return;
      const bytes = fetch(type, at, PREFIX_LENGTH - this.prefix);
      const length = lastLength();
      if (bytes == 0 || length == 0) return;
      at += length;
      for (let i: u32 = 0; i < length; i++) this.length = (this.length << 8) | load<u8>(bytes + i);
      this.prefix += length;
      if (this.prefix < PREFIX_LENGTH) return;
      // The flags have left the number at its upper end.
      this.left = this.length;
      this.prefix = 0;
      this.count++;
    }
  }
}
