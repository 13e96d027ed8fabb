// Providers that mean harm: each connection that comes in is treated in the next of many ways.

import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { Random } from "../../fuzz/random.ts";
import { concat, frame, readonly, request, response } from "../../frames/frames.ts";
import { hessianString } from "../../frames/hessian2.ts";
import { FORGING_NAMES, mutated } from "./clients.ts";

const HUGE_BODY = new Uint8Array(8 * 1024 * 1024).fill(0x91);

type Treatment = (socket: Socket, random: Random) => Promise<void> | void;

const noise = (random: Random, length: number): Uint8Array =>
  Uint8Array.from({ length }, () => random.below(256));

/** What is done once the first bytes of the client are there. */
const TREATMENTS: Record<string, Treatment> = {
  garbage: (socket, random) => void socket.end(noise(random, 5000)),
  "an absurd length": (socket, random) =>
    void socket.write(frame({ flag: 0x02, status: 20, length: 0xffffffff }, noise(random, 5000))),
  "a part of an answer, then a FIN": (socket) => void socket.end(response().subarray(0, 18)),
  "a part of an answer, then a reset": async (socket) => {
    socket.write(response().subarray(0, 17));
    await sleep(20);
    socket.resetAndDestroy();
  },
  "answers that nobody asked for, and each twice": (socket) => {
    const answers = Array.from({ length: 20 }, (_, id) => response({ id }));
    socket.write(concat([...answers, ...answers]));
  },
  "answers with every status": (socket) => {
    const answers = Array.from({ length: 256 }, (_, status) => response({ id: 1, status }));
    socket.write(concat(answers));
  },
  "a FIN at once": (socket) => void socket.end(),
  "a reset at once": (socket) => void socket.resetAndDestroy(),
  "a byte a time": async (socket) => {
    for (const byte of response({ id: 1 })) {
      if (socket.destroyed) return;
      socket.write(Uint8Array.of(byte));
      await sleep(20);
    }
  },
  "calls back with forging names": (socket) => {
    const calls = FORGING_NAMES.map((name, id) => request({ id, path: name, method: name }));
    socket.write(concat([readonly(), ...calls, response({ id: 1 })]));
  },
  "exceptions of forging classes": (socket, random) => {
    const forged = (): string => random.pick([...FORGING_NAMES, "x".repeat(5000)]);
    const thrown = ["a.b.PlainException", forged(), forged()].map((name) =>
      concat([Uint8Array.of(0x90, 0x43), hessianString(name), Uint8Array.of(0x90, 0x60)]),
    );
    socket.end(concat(thrown.map((body, index) => response({ id: index + 1, body }))));
  },
  "an answer of 8 MiB": (socket) => {
    socket.end(frame({ flag: 0x02, status: 20, id: 1 }, HUGE_BODY));
  },
  "mutated answers": (socket, random) => void socket.end(mutated(random, "upstream", 60)),
  silence: () => {},
};

/** A listening port with these providers behind it. */
export class HostileProvider {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** Connections that came in. */
  connections = 0;

  private constructor() {
    this.#server = createServer({ allowHalfOpen: true }, (socket) => this.#treat(socket));
  }

  static async listen(port: number): Promise<HostileProvider> {
    const provider = new HostileProvider();
    provider.#server.listen(port, "127.0.0.1");
    await once(provider.#server, "listening");
    return provider;
  }

  #treat(socket: Socket): void {
    const all = Object.values(TREATMENTS);
    const number = this.connections++;
    const treat = all[number % all.length]!;
    this.#sockets.add(socket);
    socket.on("close", () => this.#sockets.delete(socket));
    socket.on("error", () => {});
    // As a client that closes does not wait, neither does this end.
    socket.on("end", () => socket.end());
    socket.once("data", () => void treat(socket, Random.of(1, number)));
    socket.resume();
  }

  /** Listens no more and ends all connections. */
  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

/** How many different ways there are. */
export const TREATMENT_COUNT = Object.keys(TREATMENTS).length;
