// A Dubbo provider: requests on any number of connections to handlers, and their results back, each
// when it is there and so in any order.
//
// It answers what cannot be called as Dubbo Java does: with BAD_REQUEST for an interface or method
// it does not have. Versions and groups are not looked at.

import type { AddressInfo } from "node:net";
import { createServer, type Server, type Socket } from "node:net";
import type { ConnectionOptions } from "./connection.ts";
import { DubboConnection } from "./connection.ts";
import { DubboStatusError, messageOf } from "./errors.ts";
import type { Frame } from "./frame.ts";
import type { Invocation } from "./message.ts";
import { decodeRequest, encodeException, encodeFailure, encodeValue } from "./message.ts";
import { Status } from "./protocol.ts";
import { findHandler, type IncomingCall, type Services } from "./server_call.ts";

const SHUTDOWN_POLL_MS = 20;

/** Serves interfaces to Dubbo consumers. */
export class DubboServer {
  /** What came in so far. */
  readonly counts = { connections: 0, twoway: 0, oneway: 0, heartbeats: 0, heartbeatAnswers: 0 };

  readonly #services: Services;
  readonly #options: ConnectionOptions;
  readonly #server: Server;
  readonly #connections = new Set<DubboConnection>();
  #inFlight = 0;

  /** Listens nowhere yet. No heartbeats are sent unless `heartbeatMs` says so. */
  constructor(services: Services, options: ConnectionOptions = {}) {
    this.#services = services;
    this.#options = options;
    this.#server = createServer((socket) => this.#accept(socket));
  }

  /** Starts to listen and gives the port, a free one for 0. Rejects where it cannot be had. */
  listen(port: number = 0, host: string = "127.0.0.1"): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(port, host, () => {
        this.#server.off("error", reject);
        resolve((this.#server.address() as AddressInfo).port);
      });
    });
  }

  /** How many connections are open. */
  get connections(): number {
    return this.#connections.size;
  }

  /** Sends each client a heartbeat; `counts.heartbeatAnswers` grows with each answer. */
  heartbeat(): void {
    for (const connection of this.#connections) connection.sendHeartbeat();
  }

  /** Tells each client to send no new calls; twice, as Dubbo Java does. */
  broadcastReadonly(): void {
    for (const connection of this.#connections) {
      connection.sendReadonly();
      connection.sendReadonly();
    }
  }

  /** Ends all connections now; with `reset` the clients see a reset. */
  destroyConnections(reset: boolean = false): void {
    for (const connection of this.#connections) connection.destroy("destroyed", reset);
  }

  /** Takes no new connections, and ends those it has, calls in flight or not. */
  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      this.destroyConnections();
    });
  }

  /** As a provider goes: READONLY, then up to `graceMs` for the calls in flight, then `close`. */
  async shutdown(graceMs: number): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.broadcastReadonly();
    const end = Date.now() + graceMs;
    while (this.#inFlight > 0 && Date.now() < end) {
      await new Promise((resolve) => setTimeout(resolve, SHUTDOWN_POLL_MS));
    }
    for (const connection of this.#connections) connection.end("shut down");
    await closed;
  }

  #accept(socket: Socket): void {
    this.counts.connections++;
    const connection: DubboConnection = new DubboConnection(
      socket,
      {
        request: (frame) => void this.#serve(connection, frame),
        heartbeat: (answer) => {
          if (answer) this.counts.heartbeatAnswers++;
          else this.counts.heartbeats++;
        },
        closed: () => this.#connections.delete(connection),
      },
      this.#options,
    );
    this.#connections.add(connection);
  }

  async #serve(connection: DubboConnection, frame: Frame): Promise<void> {
    if (frame.twoway) this.counts.twoway++;
    else this.counts.oneway++;
    this.#inFlight++;
    const answer = await this.#answer(connection, frame);
    this.#inFlight--;
    if (frame.twoway) connection.send(answer);
  }

  async #answer(connection: DubboConnection, frame: Frame): Promise<Buffer> {
    let invocation: Invocation;
    try {
      invocation = decodeRequest(frame);
    } catch (error) {
      return badRequest(frame, messageOf(error));
    }
    const { method, descriptor, args, attachments, serviceVersion } = invocation;
    const found = findHandler(this.#services, invocation);
    if (found === undefined) {
      // Dubbo Java's own words.
      return badRequest(frame, `RpcInvocation [methodName=${method}, parameterTypes=null]`);
    }
    const call: IncomingCall = {
      interface: found.interface,
      method: method ?? "",
      descriptor: descriptor ?? "",
      args,
      attachments,
      serviceVersion,
      oneway: !frame.twoway,
      responseAttachments: {},
      connection,
    };
    try {
      return encodeValue(frame.id, await found.handler(call), call.responseAttachments);
    } catch (error) {
      if (!(error instanceof DubboStatusError)) return encodeException(frame.id, error);
      return encodeFailure(frame.id, error.status, error.detail);
    }
  }
}

function badRequest(frame: Frame, why: string): Buffer {
  return encodeFailure(frame.id, Status.BAD_REQUEST, `Fail to decode request due to: ${why}`);
}
