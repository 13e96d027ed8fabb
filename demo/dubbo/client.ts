// A Dubbo consumer: calls to any interface, in parallel over one connection that is dialled when
// needed and again after it was lost.

import { EventEmitter } from "node:events";
import { connect, type Socket } from "node:net";
import type { Answer } from "./client_connection.ts";
import { ClientConnection } from "./client_connection.ts";
import type { ConnectionOptions } from "./connection.ts";
import { DubboConnectionError } from "./errors.ts";
import type { Attachments, Invocation } from "./message.ts";
import { NO_SERVICE_VERSION } from "./protocol.ts";

/** Where to call, and with which limits. */
export interface ClientOptions extends ConnectionOptions {
  host?: string;
  port: number;
  /** Time in ms for a call that brings none of its own, dialling included; 3000 unless given. */
  timeoutMs?: number;
  /** Time for dialling in ms; 3000 unless given. */
  connectTimeoutMs?: number;
  /** Our name, sent as attachment `remote.application`; "demo" unless given. */
  application?: string;
}

/** One call. */
export interface Call {
  /** Full name of the interface. */
  interface: string;
  method: string;
  /** JVM type descriptors of the parameters in a row; "" for none. */
  descriptor: string;
  /** As many as the descriptor names; `pojo` makes those that are instances of a Java class. */
  args: unknown[];
  /** What goes into the request as its path; the interface unless given. */
  path?: string;
  /** "0.0.0", Dubbo Java's word for none, unless given. */
  serviceVersion?: string;
  /** Added to (and winning over) path, remote.application, interface, version and timeout. */
  attachments?: Attachments;
  /** Time for this call in ms. */
  timeoutMs?: number;
}

const DEFAULT_TIMEOUT_MS = 3000;
const DEFAULT_HEARTBEAT_MS = 30_000;

/**
 * Calls over one connection. Emits `connected`, `closed` (reason), `readonly` and `heartbeat`
 * (true where it answers one of ours). After READONLY new calls dial anew, and the old connection
 * ends with its last answer.
 */
export class DubboClient extends EventEmitter<{
  connected: [];
  closed: [reason: string];
  readonly: [];
  heartbeat: [answer: boolean];
}> {
  readonly #options: ClientOptions;
  readonly #connections = new Set<ClientConnection>();
  #current: ClientConnection | undefined;
  #dialling: Promise<ClientConnection> | undefined;
  #socket: Socket | undefined;
  #closed = false;

  /** Dials nothing yet. Heartbeats go out after 30 s of silence unless `heartbeatMs` says else. */
  constructor(options: ClientOptions) {
    super();
    this.#options = { heartbeatMs: DEFAULT_HEARTBEAT_MS, ...options };
  }

  /** What the method returned; for the errors see `invoke`. */
  async call(call: Call): Promise<unknown> {
    return (await this.invoke(call)).value;
  }

  /**
   * Makes a twoway call. Rejects with DubboException where the method threw, DubboStatusError where
   * the status is not OK, DubboTimeoutError, DubboConnectionError (no connection, or lost before
   * the answer) or DubboFormatError (an answer that cannot be read).
   */
  async invoke(call: Call): Promise<Answer> {
    const timeoutMs = this.#timeoutMs(call);
    const started = Date.now();
    const connection = await this.#connected(timeoutMs);
    const left = Math.max(1, timeoutMs - (Date.now() - started));
    return connection.ask(this.#invocation(call), timeoutMs, left);
  }

  /** Makes a oneway call; resolved once it is on its way. Rejects with DubboConnectionError. */
  async oneway(call: Call): Promise<void> {
    const connection = await this.#connected(this.#timeoutMs(call));
    connection.tell(this.#invocation(call));
  }

  /** Sends a heartbeat over the connection, dialling it if need be. */
  async heartbeat(): Promise<void> {
    (await this.#connected(DEFAULT_TIMEOUT_MS)).sendHeartbeat();
  }

  /** Ends the connection; pending calls are rejected at once, and so are all later ones. */
  close(): void {
    this.#closed = true;
    this.#socket?.destroy(new Error("the client was closed"));
    for (const connection of this.#connections) connection.destroy("the client was closed");
  }

  #timeoutMs(call: Call): number {
    return call.timeoutMs ?? this.#options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
  }

  #invocation(call: Call): Omit<Invocation, "dubboVersion"> {
    const path = call.path ?? call.interface;
    const serviceVersion = call.serviceVersion ?? NO_SERVICE_VERSION;
    const attachments = {
      path,
      "remote.application": this.#options.application ?? "demo",
      interface: call.interface,
      version: serviceVersion,
      timeout: String(this.#timeoutMs(call)),
      ...call.attachments,
    };
    const { method, descriptor, args } = call;
    return { path, serviceVersion, method, descriptor, args, attachments };
  }

  async #connected(timeoutMs: number): Promise<ClientConnection> {
    if (this.#closed) throw new DubboConnectionError("the client was closed");
    if (this.#current?.open) return this.#current;
    // Calls that come while dialling share the one connection.
    this.#dialling ??= this.#dial().finally(() => (this.#dialling = undefined));
    return within(this.#dialling, timeoutMs, `no connection to ${this.#target} in ${timeoutMs} ms`);
  }

  get #target(): string {
    return `${this.#options.host ?? "127.0.0.1"}:${this.#options.port}`;
  }

  async #dial(): Promise<ClientConnection> {
    const { host = "127.0.0.1", port, connectTimeoutMs = DEFAULT_TIMEOUT_MS } = this.#options;
    const socket = connect({ host, port });
    this.#socket = socket;
    try {
      const late = `no connection to ${this.#target} in ${connectTimeoutMs} ms`;
      await within(connectedSocket(socket), connectTimeoutMs, late);
    } catch (error) {
      socket.destroy();
      throw error;
    } finally {
      this.#socket = undefined;
    }
    const connection: ClientConnection = new ClientConnection(
      socket,
      {
        heartbeat: (answer) => this.emit("heartbeat", answer),
        readonly: () => {
          connection.retire();
          this.emit("readonly");
        },
        closed: (reason) => {
          this.#connections.delete(connection);
          this.emit("closed", reason);
        },
      },
      this.#options,
    );
    this.#connections.add(connection);
    this.#current = connection;
    this.emit("connected");
    return connection;
  }
}

function connectedSocket(socket: Socket): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once("connect", resolve);
    // Stays for good: an error after the deadline has nobody else to hear it.
    socket.on("error", (error) => reject(new DubboConnectionError(error.message)));
  });
}

async function within<T>(promise: Promise<T>, ms: number, message: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new DubboConnectionError(message)), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
