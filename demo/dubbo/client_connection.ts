// The caller's end of one connection: calls out, answers matched to them by request id.

import type { Socket } from "node:net";
import type { ConnectionOptions } from "./connection.ts";
import { DubboConnection } from "./connection.ts";
import { DubboConnectionError, DubboFormatError, DubboStatusError } from "./errors.ts";
import { DubboTimeoutError, messageOf } from "./errors.ts";
import type { Frame } from "./frame.ts";
import type { Attachments, Invocation } from "./message.ts";
import { decodeResponse, encodeFailure, encodeRequest } from "./message.ts";
import { Status } from "./protocol.ts";

/** What a call came back with. */
export interface Answer {
  /** What the method returned; null where it returned nothing. */
  value: unknown;
  /** What the provider sent beside it. */
  attachments: Attachments;
}

/** What the client hears of its connection. */
export interface ClientListener {
  heartbeat(answer: boolean): void;
  readonly(): void;
  closed(reason: string): void;
}

interface Pending {
  resolve(answer: Answer): void;
  reject(error: Error): void;
  timer: NodeJS.Timeout;
}

/** Calls over one connected socket. */
export class ClientConnection {
  readonly #connection: DubboConnection;
  readonly #pending = new Map<bigint, Pending>();
  #retired = false;

  constructor(socket: Socket, listener: ClientListener, options: ConnectionOptions) {
    this.#connection = new DubboConnection(
      socket,
      {
        request: (frame) => this.#refuse(frame),
        response: (frame) => this.#settle(frame),
        heartbeat: (answer) => listener.heartbeat(answer),
        readonly: () => listener.readonly(),
        closed: (reason) => {
          this.#rejectAll(reason);
          listener.closed(reason);
        },
      },
      options,
    );
  }

  /** False once no call can be made here any more. */
  get open(): boolean {
    return this.#connection.open && !this.#retired;
  }

  /**
   * Sends a twoway call. Rejects with DubboException, DubboStatusError, DubboTimeoutError (after
   * `leftMs` of the call's `timeoutMs`), DubboConnectionError or DubboFormatError. Throws where an
   * argument has no Hessian form.
   */
  ask(
    invocation: Omit<Invocation, "dubboVersion">,
    timeoutMs: number,
    leftMs: number,
  ): Promise<Answer> {
    const id = this.#connection.takeId();
    const bytes = encodeRequest(id, invocation, true);
    return new Promise((resolve, reject) => {
      if (!this.#connection.open) throw new DubboConnectionError("the connection is gone");
      const timer = setTimeout(() => {
        this.#pending.delete(id);
        const { path, method } = invocation;
        reject(new DubboTimeoutError(`no answer from ${path}.${method} in ${timeoutMs} ms`));
        this.#endIfDone();
      }, leftMs);
      this.#pending.set(id, { resolve, reject, timer });
      this.#connection.send(bytes);
    });
  }

  /** Sends a oneway call; whether it arrives is not known. */
  tell(invocation: Omit<Invocation, "dubboVersion">): void {
    this.#connection.send(encodeRequest(this.#connection.takeId(), invocation, false));
  }

  /** Sends a heartbeat. */
  sendHeartbeat(): void {
    this.#connection.sendHeartbeat();
  }

  /** Takes no new calls and ends the connection once the pending ones are settled. */
  retire(): void {
    this.#retired = true;
    this.#endIfDone();
  }

  /** Ends the connection and rejects what is pending, at once. */
  destroy(reason: string): void {
    this.#rejectAll(reason);
    this.#connection.destroy(reason);
  }

  #settle(frame: Frame): void {
    const pending = this.#pending.get(frame.id);
    // Late answers, those of calls that timed out, are expected.
    if (pending === undefined) return;
    this.#pending.delete(frame.id);
    clearTimeout(pending.timer);
    try {
      const reply = decodeResponse(frame);
      if (reply.type === "value") pending.resolve(reply);
      else if (reply.type === "exception") pending.reject(reply.exception);
      else pending.reject(new DubboStatusError(reply.status, reply.message));
    } catch (error) {
      pending.reject(new DubboFormatError(messageOf(error)));
    }
    this.#endIfDone();
  }

  // A provider may call its consumer; this one exports nothing to call.
  #refuse(frame: Frame): void {
    if (!frame.twoway) return;
    const message = "Fail to decode request due to: this consumer exports no service";
    this.#connection.send(encodeFailure(frame.id, Status.BAD_REQUEST, message));
  }

  #endIfDone(): void {
    if (this.#retired && this.#pending.size === 0) this.#connection.end("retired");
  }

  #rejectAll(reason: string): void {
    for (const { reject, timer } of this.#pending.values()) {
      clearTimeout(timer);
      reject(new DubboConnectionError(reason));
    }
    this.#pending.clear();
  }
}
