// One TCP connection between two Dubbo peers, from either end: frames in, bytes out, heartbeats.
//
// Both directions carry requests and responses, each side with its own request ids; what they mean
// is the server's or the client's business.

import type { Socket } from "node:net";
import { messageOf } from "./errors.ts";
import type { Frame } from "./frame.ts";
import { FrameSplitter } from "./frame.ts";
import { encodeHeartbeat, encodeHeartbeatAnswer, encodeReadonly, isReadonly } from "./message.ts";
import { DEFAULT_MAX_BODY_BYTES } from "./protocol.ts";

/** What the owner of a connection hears of it. */
export interface ConnectionListener {
  /** A call, twoway or not. */
  request?(frame: Frame): void;
  /** An answer to one of our calls. */
  response?(frame: Frame): void;
  /** The peer sent a heartbeat (already answered), or answered one of ours. */
  heartbeat?(answer: boolean): void;
  /** The peer takes no new calls. */
  readonly?(): void;
  /** The connection is gone; comes once. */
  closed?(reason: string): void;
}

/** Limits of a connection. */
export interface ConnectionOptions {
  /** Largest body accepted, in bytes; 8 MiB unless given. */
  maxBodyBytes?: number;
  /**
   * After so many ms of silence a heartbeat is sent, after three times as many the connection is
   * given up; 0, the default, for neither.
   */
  heartbeatMs?: number;
}

const HEARTBEATS_BEFORE_GIVING_UP = 3;

/** A Dubbo connection over a connected socket, which it owns from then on. */
export class DubboConnection {
  readonly #socket: Socket;
  readonly #listener: ConnectionListener;
  readonly #timer: NodeJS.Timeout | undefined;
  #nextId = 1n;
  #lastRead = Date.now();
  #lastWrite = Date.now();
  #lastHeartbeat = 0;
  #closed = false;
  #reason = "the peer closed the connection";

  constructor(socket: Socket, listener: ConnectionListener, options: ConnectionOptions = {}) {
    this.#socket = socket;
    this.#listener = listener;
    const splitter = new FrameSplitter(
      (frame) => this.#receive(frame),
      options.maxBodyBytes ?? DEFAULT_MAX_BODY_BYTES,
    );
    socket.setNoDelay(true);
    socket.on("data", (chunk: Buffer) => {
      this.#lastRead = Date.now();
      try {
        splitter.push(chunk);
      } catch (error) {
        this.destroy(messageOf(error));
      }
    });
    socket.on("error", (error) => (this.#reason = error.message));
    socket.on("close", () => this.#finish());
    const heartbeatMs = options.heartbeatMs ?? 0;
    if (heartbeatMs > 0) {
      this.#timer = setInterval(() => this.#keepAlive(heartbeatMs), heartbeatMs / 4).unref();
    }
  }

  /** False once the connection ended or was destroyed. */
  get open(): boolean {
    return !this.#closed && this.#socket.writable;
  }

  /** A request id that this side has not used on this connection yet. */
  takeId(): bigint {
    return this.#nextId++;
  }

  /** Queues bytes for the peer; without effect on a connection that is gone. */
  send(bytes: Buffer): void {
    if (!this.open) return;
    this.#lastWrite = Date.now();
    this.#socket.write(bytes);
  }

  /** Sends a heartbeat; `listener.heartbeat(true)` hears of the answer. */
  sendHeartbeat(): void {
    this.#lastHeartbeat = Date.now();
    this.send(encodeHeartbeat(this.takeId()));
  }

  /** Tells the peer that this side takes no new calls. */
  sendReadonly(): void {
    this.send(encodeReadonly(this.takeId()));
  }

  /** Ends the connection after what is queued was sent. */
  end(reason: string): void {
    this.#reason = reason;
    this.#socket.end();
    // A peer that never closes its side must not keep ours.
    setTimeout(() => this.#socket.destroy(), 1000).unref();
  }

  /** Ends the connection now; `reset` makes the peer see a reset instead of an end. */
  destroy(reason: string, reset: boolean = false): void {
    this.#reason = reason;
    if (reset) this.#socket.resetAndDestroy();
    else this.#socket.destroy();
  }

  #receive(frame: Frame): void {
    // One chunk may hold frames behind the one at which the owner ended the connection.
    if (this.#socket.destroyed) return;
    if (!frame.event) {
      if (frame.request) this.#listener.request?.(frame);
      else this.#listener.response?.(frame);
    } else if (frame.request && isReadonly(frame)) {
      this.#listener.readonly?.();
    } else {
      if (frame.request && frame.twoway) this.send(encodeHeartbeatAnswer(frame));
      this.#listener.heartbeat?.(!frame.request);
    }
  }

  #keepAlive(heartbeatMs: number): void {
    const now = Date.now();
    const limit = heartbeatMs * HEARTBEATS_BEFORE_GIVING_UP;
    if (now - this.#lastRead >= limit) {
      this.destroy(`no sign of life from the peer for ${limit} ms`);
      return;
    }
    // Silence in one direction is enough: what answers only, or asks only, may be dead.
    const lastBoth = Math.min(this.#lastRead, this.#lastWrite);
    if (now - Math.max(lastBoth, this.#lastHeartbeat) >= heartbeatMs) this.sendHeartbeat();
  }

  #finish(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#timer);
    this.#listener.closed?.(this.#reason);
  }
}
