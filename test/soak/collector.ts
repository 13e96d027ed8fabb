// A collector of spans and records with moods: for some seconds it takes what it gets, then it answers garbage,
// is too busy, says nothing at all, or cuts the connection.

import { once } from "node:events";
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

const MOOD_MS = 4000;
const MOODS: readonly ((answer: ServerResponse) => void)[] = [
  (answer) => answer.writeHead(200).end(),
  (answer) => answer.writeHead(200, { "x-noise": "x".repeat(4000) }).end("\x00garbage".repeat(500)),
  (answer) => answer.writeHead(503, { "retry-after": "never" }).end(),
  () => {},
  (answer) => answer.destroy(),
];

/** It, listening on 127.0.0.1. */
export class MoodyCollector {
  readonly port: number;
  /** Requests that came. */
  requests = 0;
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
    this.port = (server.address() as AddressInfo).port;
    const began = Date.now();
    server.on("request", (incoming, answer) => {
      this.requests++;
      incoming.resume();
      const mood = Math.floor((Date.now() - began) / MOOD_MS) % MOODS.length;
      incoming.on("end", () => MOODS[mood]!(answer));
    });
  }

  /** Starts one on a free port. */
  static async start(): Promise<MoodyCollector> {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    return new MoodyCollector(server);
  }

  stop(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}
