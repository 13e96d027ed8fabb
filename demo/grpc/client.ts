// A gRPC client: unary calls of any service over one HTTP/2 connection, which @grpc/grpc-js dials
// when needed and again after it was lost. In clear text, as a sidecar wants it.

import { Client, credentials, Metadata, type MethodDefinition } from "@grpc/grpc-js";

/** Where to call, and with which limit. */
export interface GrpcClientOptions {
  /** "host:port"; every address that the host has is tried. */
  address: string;
  /** Time for each call in ms, dialling included; 3000 unless given. */
  timeoutMs?: number;
}

const DEFAULT_TIMEOUT_MS = 3000;
// The library waits up to two minutes before it dials a server again that was away.
const MAX_BACKOFF_MS = 1000;

/** Makes unary calls. */
export class GrpcClient {
  readonly #client: Client;
  readonly #timeoutMs: number;

  /** Dials nothing yet. */
  constructor({ address, timeoutMs = DEFAULT_TIMEOUT_MS }: GrpcClientOptions) {
    this.#timeoutMs = timeoutMs;
    this.#client = new Client(address, credentials.createInsecure(), {
      "grpc.initial_reconnect_backoff_ms": MAX_BACKOFF_MS / 10,
      "grpc.max_reconnect_backoff_ms": MAX_BACKOFF_MS,
      // $http_proxy is for the way out into the world.
      "grpc.enable_http_proxy": 0,
      // No TXT records are looked up: the mesh has the configuration.
      "grpc.service_config_disable_resolution": 1,
    });
  }

  /**
   * The answer to a unary call, whose `metadata` goes along as request headers; values are printable
   * ASCII. Rejects with @grpc/grpc-js' ServiceError, whose `code` is the gRPC status: that of the
   * server, UNAVAILABLE without a connection, DEADLINE_EXCEEDED without an answer in time.
   */
  call<Request, Answer>(
    method: MethodDefinition<Request, Answer>,
    request: Request,
    metadata: Record<string, string> = {},
  ): Promise<Answer> {
    const headers = new Metadata();
    for (const [name, value] of Object.entries(metadata)) headers.set(name, value);
    const { path, requestSerialize, responseDeserialize } = method;
    return new Promise((resolve, reject) => {
      this.#client.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        request,
        headers,
        { deadline: Date.now() + this.#timeoutMs },
        (error, answer) => (error === null ? resolve(answer as Answer) : reject(error)),
      );
    });
  }

  /** Takes no more calls; those that are pending are waited for. */
  close(): void {
    this.#client.close();
  }
}
