// Tells Envoys over gRPC who serves what (aggregated discovery service, incremental), as it changes.

import { Server, ServerCredentials, type ServerDuplexStream } from "@grpc/grpc-js";
import { createHash } from "node:crypto";
import { aggregatedDiscoveryService } from "./ads_protos.ts";
import {
  DeltaStream,
  type DeltaRequest,
  type DeltaResponse,
  type Snapshot,
} from "./delta_stream.ts";
import type { Directory } from "./directory.ts";
import { envoyResources } from "./envoy_resources.ts";
import { warmsUpAt } from "./instance.ts";

/** Where to serve, and what. */
export interface AdsOptions {
  /** host:port to listen on. */
  address: string;
  /** The name under which dubbo_proxy asks for its routes. */
  routeConfig: string;
  log: (line: string) => void;
}

/** How the writer is doing, for /metrics. */
export interface AdsState {
  streams: number;
  responses: number;
  resources: number;
  refusals: number;
}

/** While something warms up its weight is looked at so often; it is sent only when it is another. */
const WARM_UP_MS = 1000;
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
  #timer: NodeJS.Timeout | undefined;

  constructor(directory: Directory, options: AdsOptions) {
    this.#directory = directory;
    this.#options = options;
  }

  /** Listens. Call it when the directory is full: an Envoy that starts waits for its first answer. */
  async start(): Promise<void> {
    this.#update();
    this.#directory.onChange(() => this.#update());
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
    clearTimeout(this.#timer);
    this.#server.forceShutdown();
  }

  #update(): void {
    const now = Date.now();
    const services = this.#directory.services();
    this.#snapshot = versioned(envoyResources(services, this.#options.routeConfig, now));
    for (const stream of this.#streams) stream.update(this.#snapshot);
    clearTimeout(this.#timer);
    const warmsUp = [...services.values()].some((all) => all.some((one) => warmsUpAt(one, now)));
    if (warmsUp) this.#timer = setTimeout(() => this.#update(), WARM_UP_MS);
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
      new Map(
        [...resources].map(([name, resource]) => {
          const hash = createHash("sha256").update(JSON.stringify(resource)).digest("hex");
          return [name, { version: hash.slice(0, 16), resource }];
        }),
      ),
    ]),
  );
}
