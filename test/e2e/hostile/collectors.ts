// Collectors in a storm: one takes what it is sent and keeps what is wrong with it, one never answers, one
// answers with noise, and where the fourth should be nobody listens.

import { once } from "node:events";
import { createServer as createHttpServer, type Server as HttpServer } from "node:http";
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { addCluster, type Json } from "../../../harness/envoy_config.ts";
import { freePort } from "../../../harness/ports.ts";
import { Random } from "../../fuzz/random.ts";
import { holdRecord } from "../../fuzz/telemetry.ts";
import { readLogs, readTraces } from "../../frames/otlp.ts";

/** Envoy's names of their clusters. */
export const TAKES = "collector-takes";
export const SLOW = "collector-slow";
export const NOISY = "collector-noisy";
export const DEAD = "collector-dead";

/** What may wait for each of them, in bytes, per plugin and kind of record: the least there is. */
const QUEUE_BYTES = 65536;

/** A `telemetry` that tells every call to one of them. */
export function tellsAll(cluster: string, propagate: boolean): object {
  const otlp = { cluster, interval_ms: 100, timeout_ms: 2000, max_queue_bytes: QUEUE_BYTES };
  return { otlp, spans: { sample: { percentage: 100 }, propagate }, log: {} };
}

/** All four. */
export class Collectors {
  /** Records that were taken. */
  spans = 0;
  logs = 0;
  /** Classes of exceptions, and whatever else spans say of failures. */
  readonly errors = new Set<unknown>();
  /** What was wrong with a record, in words. */
  readonly wrong: string[] = [];
  readonly #taking: HttpServer;
  readonly #others: Server[];
  readonly #sockets = new Set<Socket>();
  readonly #random = new Random(1);

  private constructor() {
    this.#taking = createHttpServer((incoming, answer) => {
      const chunks: Buffer[] = [];
      incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
      incoming.on("end", () => {
        this.#take(incoming.url ?? "", Buffer.concat(chunks));
        answer.writeHead(200, { "content-type": "application/x-protobuf" }).end();
      });
    });
    const silent = (socket: Socket): void => void socket.resume();
    const noisy = (socket: Socket): void => void socket.on("data", () => this.#babble(socket));
    this.#others = [silent, noisy].map((treat) =>
      createServer((socket) => {
        this.#sockets.add(socket);
        socket.on("error", () => {});
        socket.on("close", () => this.#sockets.delete(socket));
        treat(socket);
      }),
    );
  }

  static async listen(): Promise<Collectors> {
    const collectors = new Collectors();
    for (const server of [collectors.#taking, ...collectors.#others]) {
      server.listen(0, "127.0.0.1");
      await once(server, "listening");
    }
    return collectors;
  }

  /** Adds their clusters. */
  async clusters(): Promise<(config: Json) => void> {
    const dead = await freePort();
    const [slow, noisy] = this.#others.map(portOf);
    return (config) => {
      addCluster(config, TAKES, portOf(this.#taking));
      addCluster(config, SLOW, slow!);
      addCluster(config, NOISY, noisy!);
      addCluster(config, DEAD, dead);
    };
  }

  /** Listens no more and ends all connections. */
  async close(): Promise<void> {
    this.#taking.closeAllConnections();
    for (const socket of this.#sockets) socket.destroy();
    const servers = [this.#taking, ...this.#others];
    await Promise.all(servers.map((server) => new Promise((end) => server.close(end))));
  }

  #take(path: string, body: Uint8Array): void {
    try {
      const isTraces = path === "/v1/traces";
      const { records } = isTraces ? readTraces(body) : readLogs(body);
      for (const record of records) {
        holdRecord(record);
        this.errors.add(record.attributes["error.type"]);
      }
      if (isTraces) this.spans += records.length;
      else this.logs += records.length;
    } catch (error) {
      this.wrong.push(String(error));
    }
  }

  #babble(socket: Socket): void {
    const noise = Uint8Array.from({ length: 500 }, () => this.#random.below(256));
    const status = this.#random.pick(["200", "503", "999", "-1", ""]);
    if (this.#random.oneIn(2)) socket.write(`HTTP/1.1 ${status} OK\r\nretry-after: -7e9\r\n\r\n`);
    socket.end(noise);
  }
}

function portOf(server: Server | HttpServer): number {
  return (server.address() as AddressInfo).port;
}
