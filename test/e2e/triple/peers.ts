// Peers of the tests of Triple: a gRPC server with methods of every kind, and a client that makes
// calls and gives them up. Messages are bytes as they are.

import {
  Client,
  credentials,
  Metadata,
  Server,
  ServerCredentials,
  status as Status,
  type MethodDefinition,
  type ServerDuplexStream,
  type ServerReadableStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type ServiceError,
  type sendUnaryData,
} from "@grpc/grpc-js";

/** Full name of the service. */
export const STREAMS = "com.k8s.Test.Streams";

const same = (bytes: Buffer): Buffer => bytes;

function method(name: string, requestStream: boolean, responseStream: boolean) {
  return {
    path: `/${STREAMS}/${name}`,
    requestStream,
    responseStream,
    requestSerialize: same,
    requestDeserialize: same,
    responseSerialize: same,
    responseDeserialize: same,
  } satisfies MethodDefinition<Buffer, Buffer>;
}

const METHODS = {
  Unary: method("Unary", false, false),
  Upload: method("Upload", true, false),
  Download: method("Download", false, true),
  Chat: method("Chat", true, true),
};

/** What a call's first message asks for: "fail 5", "hang", "half" (one answer and no end), or nothing. */
function wish(bytes: Buffer | undefined): { verb: string; code: number } {
  const [verb = "", code = "0"] = (bytes ?? Buffer.alloc(0)).toString().split(" ");
  return { verb, code: Number(code) };
}

/** A gRPC server on a free port of 127.0.0.1. */
export class StreamServer {
  /** Metadata of all calls, in order. */
  readonly received: Record<string, string>[] = [];
  port = 0;
  readonly #server = new Server();
  readonly #name: string;

  private constructor(name: string) {
    this.#name = name;
    this.#server.addService(METHODS, {
      Unary: (call: ServerUnaryCall<Buffer, Buffer>, reply: sendUnaryData<Buffer>) => {
        this.#note(call.metadata);
        const { verb, code } = wish(call.request);
        if (verb === "hang") return;
        if (verb === "fail") reply({ code, details: "as asked" });
        else reply(null, Buffer.from(this.#name));
      },
      Upload: (call: ServerReadableStream<Buffer, Buffer>, reply: sendUnaryData<Buffer>) => {
        this.#note(call.metadata);
        call.resume();
        call.on("end", () => reply(null, Buffer.from(this.#name)));
      },
      Download: (call: ServerWritableStream<Buffer, Buffer>) => {
        this.#note(call.metadata);
        const { verb, code } = wish(call.request);
        call.write(Buffer.from(this.#name));
        if (verb === "half") return;
        call.write(Buffer.from(this.#name));
        if (verb === "fail") call.emit("error", { code, details: "as asked" });
        else call.end();
      },
      Chat: (call: ServerDuplexStream<Buffer, Buffer>) => {
        this.#note(call.metadata);
        call.on("data", (bytes: Buffer) => call.write(bytes));
        call.on("end", () => call.end());
        call.on("error", () => {});
      },
    });
  }

  /** Starts one whose answers say this name. */
  static async listen(name: string): Promise<StreamServer> {
    const made = new StreamServer(name);
    const insecure = ServerCredentials.createInsecure();
    made.port = await new Promise((resolve, reject) => {
      made.#server.bindAsync("127.0.0.1:0", insecure, (error, port) =>
        error === null ? resolve(port) : reject(error),
      );
    });
    return made;
  }

  /** Ends all calls in the middle. */
  kill(): void {
    this.#server.forceShutdown();
  }

  #note(metadata: Metadata): void {
    const all = Object.entries(metadata.getMap()).map(([key, value]) => [key, String(value)]);
    this.received.push(Object.fromEntries(all));
  }
}

/** What became of a call: its status, and the texts that came. */
export interface Ended {
  code: Status;
  answers: string[];
}

export interface CallOptions {
  /** Texts to send; one for Unary and Download. */
  send?: string[];
  metadata?: Record<string, string>;
  deadlineMs?: number;
  /** Cancel after so many answers. */
  cancelAfter?: number;
}

/** A client of `StreamServer` by way of a port. */
export class StreamClient {
  readonly #client: Client;

  constructor(port: number) {
    this.#client = new Client(`127.0.0.1:${port}`, credentials.createInsecure(), {
      "grpc.enable_http_proxy": 0,
      "grpc.service_config_disable_resolution": 1,
      "grpc.enable_retries": 0,
    });
  }

  /** Makes a call of the method; resolved however it ends. `onAnswer` is told of each answer. */
  call(
    name: keyof typeof METHODS,
    options: CallOptions = {},
    onAnswer: () => void = () => {},
  ): Promise<Ended> {
    const { send = ["x"], metadata = {}, deadlineMs = 20_000, cancelAfter } = options;
    const headers = new Metadata();
    for (const [key, value] of Object.entries(metadata)) headers.set(key, value);
    const { path } = METHODS[name];
    // Every kind of call is made as a bidirectional stream: on the wire there is no difference.
    const call = this.#client.makeBidiStreamRequest(path, same, same, headers, {
      deadline: Date.now() + deadlineMs,
    });
    const answers: string[] = [];
    return new Promise((resolve) => {
      call.on("data", (bytes: Buffer) => {
        answers.push(bytes.toString());
        onAnswer();
        if (answers.length === cancelAfter) call.cancel();
      });
      call.on("error", ({ code }: ServiceError) => resolve({ code, answers }));
      call.on("status", ({ code }: { code: Status }) => resolve({ code, answers }));
      for (const text of send) call.write(Buffer.from(text));
      // A call that is cancelled before there is a connection was none.
      const cancel = (): void => void setTimeout(() => call.cancel(), 200);
      if (cancelAfter === 0) this.#client.waitForReady(Date.now() + deadlineMs, cancel);
      call.end();
    });
  }

  close(): void {
    this.#client.close();
  }
}
