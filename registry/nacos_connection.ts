// One connection to a Nacos server, over the gRPC protocol of its version 2: requests, what the server
// pushes, and a new connection when one is lost.
//
//   → ServerCheckRequest                 is it a Nacos, and is it ready
//   → stream: ConnectionSetupRequest     from now on this connection is a client
//   → HealthCheckRequest                 until the server knows it; then each few seconds
//   ⇄ requests; ← stream: pushes, each of which is acknowledged
//
// A server ties what a client subscribed to, and registered, to the connection. So with each new connection
// all is said again.

import { Client, credentials, type ClientDuplexStream } from "@grpc/grpc-js";
import { setTimeout as sleep } from "node:timers/promises";
import { fieldsOf, nacosMethods, payloadOf, type Fields, type Payload } from "./nacos_payload.ts";

/** What a server gives a client of; it tells them apart. */
export type NacosModule = "naming" | "config";

/** Where to connect. */
export interface ConnectionOptions {
  /** host:port as HTTP listens; tried in turn. */
  servers: string[];
  namespace: string;
  module: NacosModule;
  /** Called whenever there is a new connection. */
  connected: () => void;
  /** Called for each push. */
  pushed: (type: string, fields: Fields) => void;
  log: (line: string) => void;
}

/** How it is doing. */
export interface ConnectionState {
  connected: boolean;
  connections: number;
}

type Stream = ClientDuplexStream<Payload, Payload>;

/** A failure that the server tells, with Nacos' number for it. */
export class NacosError extends Error {
  readonly code: number;

  constructor(message: string, code: number) {
    super(message);
    this.code = code;
  }
}

/** Of the server's gRPC above that of its HTTP. */
const PORT_OFFSET = 1000;
const SUCCESS = 200;
const ANSWER_MS = 5000;
/** As Nacos' own client does it; a server gives a silent client up after 20 seconds. */
const HEALTH_CHECK_MS = 5000;
/** How long a server may take to know a client after its setup, and how often it is asked. */
const SETUP_MS = 3000;
const SETUP_POLL_MS = 20;
const RETRY_MS = 100;
const LONGEST_RETRY_MS = 2000;
const MESSAGE_BYTES = 64 * 1024 * 1024;
/** The protocol's version, for a server that asks. */
const CLIENT_VERSION = "dubbo-registry:v2.0.0";

/** It connects at its construction, and again until `close`. */
export class NacosConnection {
  readonly state: ConnectionState = { connected: false, connections: 0 };
  readonly #options: ConnectionOptions;
  readonly #methods = nacosMethods();
  readonly #closed = new AbortController();
  #client: Client | undefined;
  #requests = 0;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    void this.#run();
  }

  /**
   * Asks the server.
   *
   * @param type of the request, e.g. "ServiceListRequest"
   * @returns the response's fields; rejects with a NacosError where the server refuses
   */
  request(type: string, fields: Fields): Promise<Fields> {
    if (!this.state.connected) return Promise.reject(new Error("there is no connection"));
    return this.#request(this.#client!, type, fields);
  }

  /** Ends it. */
  close(): void {
    this.#closed.abort();
    this.#client?.close();
  }

  async #run(): Promise<void> {
    const { servers, module, log } = this.#options;
    const { signal } = this.#closed;
    let wait = RETRY_MS;
    for (let i = 0; !signal.aborted; i++) {
      const server = servers[i % servers.length]!;
      const before = this.state.connections;
      try {
        await this.#session(server);
      } catch (error) {
        const isNews = this.state.connections > before || i === 0;
        const why = (error as Error).message;
        if (isNews && !signal.aborted) {
          log(`nacos ${server} ${module}: disconnected, what was known stays: ${why}`);
        }
      }
      if (this.state.connections > before) wait = RETRY_MS;
      await sleep(wait, undefined, { signal }).catch(() => {});
      wait = Math.min(2 * wait, LONGEST_RETRY_MS);
    }
  }

  // Rejects with why it has ended.
  async #session(server: string): Promise<never> {
    const { module, namespace, connected, log } = this.#options;
    const client = new Client(grpcAddress(server), credentials.createInsecure(), {
      // A server knows a client by its TCP connection; grpc-js would let two clients share one.
      "grpc.use_local_subchannel_pool": 1,
      "grpc.max_receive_message_length": MESSAGE_BYTES,
    });
    this.#client = client;
    let stream: Stream | undefined;
    try {
      await this.#request(client, "ServerCheckRequest", {});
      const opened = this.#open(client);
      stream = opened;
      const lost = new Promise<never>((_, reject) => {
        opened.on("error", reject);
        opened.on("end", () => reject(new Error("the server has ended the stream")));
        opened.on("data", (payload: Payload) => {
          try {
            this.#take(opened, payload);
          } catch (error) {
            reject(error as Error);
          }
        });
      });
      // It may be lost before anybody waits for that.
      lost.catch(() => {});
      const labels = { source: "sdk", module };
      const setup = { clientVersion: CLIENT_VERSION, tenant: namespace, labels, abilities: {} };
      opened.write(payloadOf("ConnectionSetupRequest", this.#withHeaders(setup)));
      await Promise.race([lost, this.#known(client)]);
      this.state.connected = true;
      this.state.connections++;
      log(`nacos ${server} ${module}: connected`);
      connected();
      return await Promise.race([lost, this.#beat(client)]);
    } finally {
      this.state.connected = false;
      // A client that is closed goes on with its streams.
      stream?.cancel();
      client.close();
    }
  }

  #open(client: Client): Stream {
    const { path, requestSerialize, responseDeserialize } = this.#methods.stream;
    return client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
  }

  async #known(client: Client): Promise<void> {
    const deadline = Date.now() + SETUP_MS;
    for (;;) {
      try {
        await this.#request(client, "HealthCheckRequest", {});
        return;
      } catch (error) {
        if (!(error instanceof NacosError) || Date.now() > deadline) throw error;
      }
      await sleep(SETUP_POLL_MS);
    }
  }

  async #beat(client: Client): Promise<never> {
    for (;;) {
      await sleep(HEALTH_CHECK_MS, undefined, { signal: this.#closed.signal });
      await this.#request(client, "HealthCheckRequest", {});
    }
  }

  #take(stream: Stream, payload: Payload): void {
    const { type, fields } = fieldsOf(payload);
    const { requestId } = fields;
    const response = { requestId, resultCode: SUCCESS, errorCode: 0, message: "" };
    // What is not known is acknowledged too: a server takes a client that is silent for dead.
    stream.write(payloadOf(type.replace(/Request$/, "Response"), response));
    if (type === "ConnectResetRequest") throw new Error("the server asks for another connection");
    this.#options.pushed(type, fields);
  }

  #request(client: Client, type: string, fields: Fields): Promise<Fields> {
    const { path, requestSerialize, responseDeserialize } = this.#methods.request;
    const payload = payloadOf(type, this.#withHeaders(fields));
    const options = { deadline: Date.now() + ANSWER_MS };
    return new Promise((resolve, reject) => {
      client.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        payload,
        options,
        (error, answer) => {
          if (error) return reject(error);
          try {
            const response = fieldsOf(answer!).fields;
            if (response.resultCode === SUCCESS) return resolve(response);
            const { message, errorCode } = response;
            reject(new NacosError(`${type}: ${message}`, Number(errorCode)));
          } catch (failure) {
            reject(failure as Error);
          }
        },
      );
    });
  }

  #withHeaders(fields: Fields): Fields {
    const requestId = String(++this.#requests);
    return { headers: {}, requestId, module: this.#options.module, ...fields };
  }
}

function grpcAddress(server: string): string {
  const colon = server.lastIndexOf(":");
  return `${server.slice(0, colon)}:${Number(server.slice(colon + 1)) + PORT_OFFSET}`;
}
