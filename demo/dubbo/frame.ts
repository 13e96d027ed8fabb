// A TCP stream into Dubbo frames, and frames into bytes. Bodies stay bytes: message.ts reads them.
//
//   0        2      3        4              12            16
//   | da bb  | flag | status |  request id  | body length | body …
//
// All numbers are big endian; see protocol.ts for the flag's bits.

import { DubboFormatError } from "./errors.ts";
import { DEFAULT_MAX_BODY_BYTES, Flag, HEAD_BYTES, MAGIC } from "./protocol.ts";

/** One frame: the head's fields and the body's bytes. */
export interface Frame {
  /** A request, or an event that wants to be treated as one; otherwise a response. */
  request: boolean;
  /** The sender waits for an answer. */
  twoway: boolean;
  /** A heartbeat or READONLY, not a call. */
  event: boolean;
  /** How the body is written, 0 to 31. */
  serializationId: number;
  /** A response's status; 0 in requests. */
  status: number;
  /** The caller's number for it, signed as in Java; unique per connection and direction. */
  id: bigint;
  body: Buffer;
}

/** The frame's bytes. */
export function encodeFrame(frame: Frame): Buffer {
  const head = Buffer.alloc(HEAD_BYTES);
  head.writeUInt16BE(MAGIC, 0);
  head[2] =
    (frame.request ? Flag.REQUEST : 0) |
    (frame.twoway ? Flag.TWOWAY : 0) |
    (frame.event ? Flag.EVENT : 0) |
    frame.serializationId;
  head[3] = frame.status;
  head.writeBigInt64BE(BigInt.asIntN(64, frame.id), 4);
  head.writeUInt32BE(frame.body.length, 12);
  return Buffer.concat([head, frame.body]);
}

/**
 * Cuts a stream into frames, wherever its chunks begin and end. One stream, one splitter: after it
 * threw, the place in the stream is lost and the connection has to go.
 */
export class FrameSplitter {
  readonly #onFrame: (frame: Frame) => void;
  readonly #maxBodyBytes: number;
  // Chunks are joined only once a whole frame is there: a large body costs one copy, not one each
  // time that some of it arrives.
  #chunks: Buffer[] = [];
  #length = 0;
  #needed = HEAD_BYTES;

  /** Hands each whole frame to `onFrame`, in order; bodies above the limit are refused. */
  constructor(onFrame: (frame: Frame) => void, maxBodyBytes: number = DEFAULT_MAX_BODY_BYTES) {
    this.#onFrame = onFrame;
    this.#maxBodyBytes = maxBodyBytes;
  }

  /**
   * Takes the stream's next bytes. Throws DubboFormatError at a wrong magic or a body above the
   * limit, after the frames before it were handed on.
   */
  push(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#length += chunk.length;
    if (this.#length < this.#needed) return;

    const bytes = this.#chunks.length === 1 ? chunk : Buffer.concat(this.#chunks);
    let start = 0;
    this.#needed = HEAD_BYTES;
    while (bytes.length - start >= HEAD_BYTES) {
      const frameBytes = HEAD_BYTES + this.#bodyLength(bytes, start);
      if (bytes.length - start < frameBytes) {
        this.#needed = frameBytes;
        break;
      }
      this.#onFrame(readFrame(bytes.subarray(start, start + frameBytes)));
      start += frameBytes;
    }
    this.#chunks = start < bytes.length ? [bytes.subarray(start)] : [];
    this.#length = bytes.length - start;
  }

  #bodyLength(bytes: Buffer, start: number): number {
    const magic = bytes.readUInt16BE(start);
    if (magic !== MAGIC) {
      throw new DubboFormatError(`a frame begins with 0x${magic.toString(16)}, not 0xdabb`);
    }
    const length = bytes.readUInt32BE(start + 12);
    if (length > this.#maxBodyBytes) {
      throw new DubboFormatError(
        `a body of ${length} bytes is above the limit of ${this.#maxBodyBytes}`,
      );
    }
    return length;
  }
}

function readFrame(bytes: Buffer): Frame {
  const flag = bytes[2];
  return {
    request: (flag & Flag.REQUEST) !== 0,
    twoway: (flag & Flag.TWOWAY) !== 0,
    event: (flag & Flag.EVENT) !== 0,
    serializationId: flag & Flag.SERIALIZATION,
    status: bytes[3],
    id: bytes.readBigInt64BE(4),
    body: bytes.subarray(HEAD_BYTES),
  };
}
