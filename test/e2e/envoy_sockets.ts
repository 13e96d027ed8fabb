// Raw TCP ends before and behind Envoy: bytes in, bytes out, nothing understood.

import { createHash } from "node:crypto";
import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import { until } from "./envoy_setup.ts";

const RECEIVE_MS = 10_000;

/** One end of a connection: keeps what it received, from the start. */
export class End {
  readonly socket: Socket;
  /** The peer will send no more, or the connection is gone. */
  ended = false;
  /** The connection is gone. */
  closed = false;
  /** How many bytes came in. */
  length = 0;
  #chunks: Buffer[] = [];
  #wake: () => void = () => {};

  constructor(socket: Socket) {
    this.socket = socket;
    socket.setNoDelay(true);
    socket.on("data", (chunk: Buffer) => {
      this.#chunks.push(chunk);
      this.length += chunk.length;
      this.#wake();
    });
    socket.on("end", () => {
      this.ended = true;
      this.#wake();
    });
    // A reset; "close" follows.
    socket.on("error", () => {});
    socket.on("close", () => {
      this.ended = this.closed = true;
      this.#wake();
    });
  }

  /** All that came in. */
  get received(): Buffer {
    if (this.#chunks.length > 1) this.#chunks = [Buffer.concat(this.#chunks)];
    return this.#chunks[0] ?? Buffer.alloc(0);
  }

  /** Sends bytes; resolved once the system has them. */
  write(bytes: Uint8Array): Promise<void> {
    return new Promise((resolve) => this.socket.write(bytes, () => resolve()));
  }

  /** Sends bytes in pieces, each once the other end has the one before: Envoy sees every piece. */
  async writeInPieces(bytes: Uint8Array, size: number, other: End): Promise<void> {
    for (let at = 0; at < bytes.length; at += size) {
      const piece = bytes.subarray(at, at + size);
      const length = other.length + piece.length;
      await this.write(piece);
      await other.has(length);
    }
  }

  /** Resolved once so many bytes came in since the start. Rejects where they do not in time. */
  async has(length: number): Promise<void> {
    const end = Date.now() + RECEIVE_MS;
    while (this.length < length) {
      const state = `${this.length} of ${length} bytes`;
      if (this.ended) throw new Error(`the stream ended after ${state}`);
      if (Date.now() >= end) throw new Error(`only ${state} in time`);
      await this.#news();
    }
  }

  /** Resolved once the peer has ended the stream. */
  async finished(): Promise<void> {
    await until("the stream's end", () => this.ended);
  }

  // One waits at a time; the timer is for what never comes.
  #news(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, RECEIVE_MS);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

/** Where Envoy's upstream connections arrive, in their order. */
export class Upstream {
  readonly ends: End[] = [];
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
    server.on("connection", (socket) => this.ends.push(new End(socket)));
  }

  /** Listens on the port. */
  static async listen(port: number): Promise<Upstream> {
    const server = createServer({ allowHalfOpen: true });
    const upstream = new Upstream(server);
    server.listen(port, "127.0.0.1");
    await once(server, "listening");
    return upstream;
  }

  /** Listens no more and ends all connections. */
  async close(): Promise<void> {
    for (const { socket } of this.ends) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

/** Connects to the port. */
export async function dial(port: number): Promise<End> {
  const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
  const end = new End(socket);
  await once(socket, "connect");
  return end;
}

/** A client's end and the end behind Envoy that belongs to it, through a listener with tcp_proxy. */
export async function pair(port: number, upstream: Upstream): Promise<{ near: End; far: End }> {
  const count = upstream.ends.length;
  const near = await dial(port);
  await until("the upstream connection", () => upstream.ends.length > count);
  return { near, far: upstream.ends[count]! };
}

/** SHA-256 of bytes, to compare large ones. */
export function digest(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
