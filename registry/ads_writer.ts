// Tells Envoys over gRPC who serves what (aggregated discovery service, incremental), as it changes.

import { Server, ServerCredentials, type ServerDuplexStream } from "@grpc/grpc-js";
import { createHash } from "node:crypto";
import { aggregatedDiscoveryService } from "./ads_protos.ts";
import {
  DeltaStream,
  type DeltaRequest,
  type DeltaResponse,
  type Snapshot,
  type Versioned,
} from "./delta_stream.ts";
import type { Directory } from "./directory.ts";
import { envoyResources, type EnvoyOptions, type Resource } from "./envoy_resources.ts";
import type { Instance } from "./instance.ts";
import { refresh } from "./refresh.ts";

/** Where to serve, and what. */
export interface AdsOptions extends EnvoyOptions {
  /** host:port to listen on. */
  address: string;
  log: (line: string) => void;
}

/** How the writer is doing, for /metrics. */
export interface AdsState {
  streams: number;
  responses: number;
  resources: number;
  refusals: number;
}

/** Instances of a great many services in one message. */
const MESSAGE_BYTES = 64 * 1024 * 1024;

type Stream = ServerDuplexStream<DeltaRequest, DeltaResponse>;

/** The server; it tells nothing before `start`. */
export class AdsWriter {
  readonly state: AdsState = { streams: 0, responses: 0, resources: 0, refusals: 0 };
  readonly #directory: Directory;
  readonly #options: AdsOptions;
  readonly #server = new Server({ "grpc.max_send_message_length": MESSAGE_BYTES });
  readonly #streams = new Set<DeltaStream>();
  #snapshot: Snapshot = new Map();
  #end: (() => void) | undefined;

  constructor(directory: Directory, options: AdsOptions) {
    this.#directory = directory;
    this.#options = options;
  }

  /** Listens. Call it when the directory is full: an Envoy that starts waits for its first answer. */
  async start(): Promise<void> {
    this.#end = refresh(
      this.#directory,
      (services, now) => this.#update(services, now),
      this.#options.log,
    );
    this.#server.addService(aggregatedDiscoveryService(), {
      DeltaAggregatedResources: (stream: Stream) => this.#serve(stream),
    });
    const credentials = ServerCredentials.createInsecure();
    await new Promise<void>((resolve, reject) => {
      this.#server.bindAsync(this.#options.address, credentials, (error) => {
        if (error) reject(error);
        else resolve();
      });
    });
  }

  /** Ends all streams; Envoys keep what they have. */
  close(): void {
    this.#end?.();
    this.#server.forceShutdown();
  }

  #update(services: Map<string, Instance[]>, now: number): void {
    this.#snapshot = versioned(envoyResources(services, this.#options, now));
    for (const stream of this.#streams) stream.update(this.#snapshot);
  }

  #serve(call: Stream): void {
    const stream = new DeltaStream(this.#snapshot, (response) => {
      this.state.responses++;
      this.state.resources += response.resources.length;
      call.write(response);
    });
    this.#streams.add(stream);
    this.state.streams++;
    const end = () => {
      if (this.#streams.delete(stream)) this.state.streams--;
    };
    call.on("data", (request: DeltaRequest) => {
      const refusal = stream.take(request);
      if (refusal === undefined) return;
      this.state.refusals++;
      this.#options.log(`Envoy refuses ${request.type_url}: ${refusal}`);
    });
    call.on("end", () => {
      end();
      call.end();
    });
    call.on("error", end);
    call.on("cancelled", end);
  }
}

function versioned(all: ReturnType<typeof envoyResources>): Snapshot {
  return new Map(
    [...all].map(([type, resources]) => [
      type,
      new Map([...resources].map(([name, resource]) => [name, version(resource)])),
    ]),
  );
}

// Many are the very ones of before.
const versions = new WeakMap<Resource, Versioned>();

function version(resource: Resource): Versioned {
  let one = versions.get(resource);
  if (one === undefined) {
    const hash = createHash("sha256").update(JSON.stringify(resource)).digest("hex");
    one = { version: hash.slice(0, 16), resource };
    versions.set(resource, one);
  }
  return one;
}
