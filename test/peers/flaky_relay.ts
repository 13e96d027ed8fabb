// A TCP relay before a Dubbo provider that breaks every so many calls' connection, each time in
// another way. The caller sees a provider that died in mid-call; the provider sees its client leave.

import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import { FrameSplitter } from "../../demo/dubbo/frame.ts";

/** How a connection breaks, in turn: before the answer, and within it. */
const WAYS = ["fin", "rst", "half"] as const;

const HALF = 20;

/** A relay; `FlakyRelay.start` makes them. */
export class FlakyRelay {
  /** How many calls it broke so far. */
  broken = 0;
  #calls = 0;
  readonly #every: number;
  readonly #port: number;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(port: number, every: number) {
    this.#port = port;
    this.#every = every;
    this.#server = createServer((socket) => this.#relay(socket));
  }

  /** Relays from `port` to `providerPort` and breaks every `every`th twoway call's connection. */
  static async start(port: number, providerPort: number, every: number): Promise<FlakyRelay> {
    const relay = new FlakyRelay(providerPort, every);
    relay.#server.listen(port, "127.0.0.1");
    await once(relay.#server, "listening");
    return relay;
  }

  /** Ends all connections. */
  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  // dubbo_proxy has one call at a time on a connection, so what breaks is that call's.
  #relay(near: Socket): void {
    const far = connect(this.#port, "127.0.0.1");
    for (const socket of [near, far]) {
      this.#sockets.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => {
        this.#sockets.delete(socket);
        near.destroySoon();
        far.destroySoon();
      });
    }
    let breaksInAnswer = false;
    const requests = new FrameSplitter((frame) => {
      if (!frame.request || frame.event || !frame.twoway) return;
      if (++this.#calls % this.#every !== 0) return;
      const way = WAYS[this.broken++ % WAYS.length];
      if (way === "fin") near.destroySoon();
      else if (way === "rst") near.resetAndDestroy();
      else breaksInAnswer = true;
    });
    near.on("data", (chunk: Buffer) => {
      requests.push(chunk);
      if (!near.destroyed && near.writable) far.write(chunk);
    });
    far.on("data", (chunk: Buffer) => {
      if (near.destroyed || !near.writable) return;
      if (!breaksInAnswer) return void near.write(chunk);
      near.write(chunk.subarray(0, HALF));
      near.destroySoon();
    });
  }
}
