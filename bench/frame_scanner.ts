// Finds frames in a stream by their headers alone; bodies are passed by their length.
//
// Written for speed: nothing is allocated for a frame. The demo's FrameSplitter is the readable one.

import { HEAD_BYTES } from "../demo/dubbo/protocol.ts";

/** Reads one direction of one connection. */
export class FrameScanner {
  readonly #head = Buffer.alloc(HEAD_BYTES);
  #headLength = 0;
  #rest = 0;
  readonly #onFrame: (bytes: Buffer, start: number) => void;

  /** `onFrame` is told where a frame's header stands, once the frame's last byte is there. */
  constructor(onFrame: (bytes: Buffer, start: number) => void) {
    this.#onFrame = onFrame;
  }

  /** Takes the first `length` bytes of `bytes`. Throws where a frame does not begin as one. */
  push(bytes: Buffer, length: number): void {
    let at = 0;
    while (at < length) {
      if (this.#headLength === 0 && length - at >= HEAD_BYTES) {
        const end = at + HEAD_BYTES + bodyLength(bytes, at);
        if (end <= length) {
          this.#onFrame(bytes, at);
          at = end;
          continue;
        }
      }
      at += this.#part(bytes, at, length);
    }
  }

  /** Takes a part of a frame that does not lie whole before us; answers how much was taken. */
  #part(bytes: Buffer, at: number, length: number): number {
    const missing = HEAD_BYTES - this.#headLength;
    const taken = Math.min(missing > 0 ? missing : this.#rest, length - at);
    if (missing > 0) {
      bytes.copy(this.#head, this.#headLength, at, at + taken);
      this.#headLength += taken;
      if (taken < missing) return taken;
      this.#rest = bodyLength(this.#head, 0);
    } else {
      this.#rest -= taken;
    }
    if (this.#rest === 0) {
      this.#headLength = 0;
      this.#onFrame(this.#head, 0);
    }
    return taken;
  }
}

function bodyLength(bytes: Buffer, start: number): number {
  if (bytes[start] !== 0xda || bytes[start + 1] !== 0xbb) {
    throw new Error(`a frame begins with ${bytes.toString("hex", start, start + 2)}`);
  }
  return bytes.readUInt32BE(start + 12);
}
