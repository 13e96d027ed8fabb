// A Dubbo client that knows what was on the wire: each call's bytes out and in, exactly.

import { FrameSplitter, type Frame } from "../../demo/dubbo/frame.ts";
import { concat, request, type Request } from "../frames/frames.ts";
import { until } from "./envoy_setup.ts";
import { dial, type End } from "./envoy_sockets.ts";

/** One call and its answer. */
export interface Asked {
  /** Bytes of the request's frame. */
  sent: number;
  /** Bytes of the answer's frame. */
  got: number;
  answer: Frame;
}

const HEAD_BYTES = 16;

/** A connection that asks, with its own request ids. */
export class Caller {
  readonly end: End;
  /** All that came back, in its order; events too. */
  readonly frames: Frame[] = [];
  /** The last that came back with an id. */
  readonly #answers = new Map<bigint, Frame>();
  #nextId = 1n;

  private constructor(end: End) {
    this.end = end;
    const splitter = new FrameSplitter((frame) => {
      this.frames.push(frame);
      this.#answers.set(frame.id, frame);
    }, 1 << 25);
    end.socket.on("data", (chunk: Buffer) => splitter.push(chunk));
  }

  /** Connects to the port. */
  static async dial(port: number): Promise<Caller> {
    return new Caller(await dial(port));
  }

  /** Makes calls at once, in a single write, and waits for all answers. */
  async ask(calls: readonly Request[]): Promise<Asked[]> {
    const ids = calls.map(() => this.#nextId++);
    const requests = calls.map((call, index) => request({ ...call, id: ids[index] }));
    await this.end.write(concat(requests));
    // Answers to calls that were made before may come in between.
    await until(`${ids.length} answers`, () => ids.every((id) => this.#answers.has(id)));
    return ids.map((id, index) => {
      const answer = this.#answers.get(id)!;
      const got = HEAD_BYTES + answer.body.length;
      return { sent: requests[index]!.length, got, answer };
    });
  }

  /** Makes oneway calls at once; gives the bytes of their frames. */
  async tell(calls: readonly Request[]): Promise<number> {
    const requests = calls.map((call) => request({ ...call, twoway: false, id: this.#nextId++ }));
    const bytes = concat(requests);
    await this.end.write(bytes);
    return bytes.length;
  }

  /** Ends the connection. */
  close(): void {
    this.end.socket.destroy();
  }
}

/** Bytes of all requests and of all answers. */
export function bytesOf(asked: readonly Asked[]): { requestBytes: number; responseBytes: number } {
  return {
    requestBytes: asked.reduce((sum, { sent }) => sum + sent, 0),
    responseBytes: asked.reduce((sum, { got }) => sum + got, 0),
  };
}

/** `count` times the same. */
export function times<T>(count: number, value: T): T[] {
  return Array.from({ length: count }, () => value);
}
