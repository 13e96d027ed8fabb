// Providers that fail in one way each, for the probe and the end-to-end tests of the guard.

import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import { startProcess, type ManagedProcess } from "../../harness/processes.ts";
import { accepts } from "../../harness/readiness.ts";
import { fromRoot } from "../../harness/repository.ts";
import { response } from "../frames/frames.ts";

/** What a provider does to a call. */
export type Fault = keyof typeof FAULTS;

/** Every fault, and how a table calls it. */
export const FAULTS = {
  fin: "closes after the request (FIN)",
  rst: "resets after the request (RST)",
  kill: "is killed in mid-call (kill -9)",
  half: "closes in the middle of its answer (FIN)",
  "half-rst": "resets in the middle of its answer (RST)",
  accept: "accepts and closes (FIN)",
  "accept-rst": "accepts and resets (RST)",
  refuse: "refuses the connection",
  unreachable: "is not reached in time",
} as const;

const READY_MS = 15_000;
/** So much of an answer comes, well within its body. */
const HALF = 60;
/** Long enough that the half answer is read by itself, before the end. */
const HALF_MS = 20;
/** Fills the queue of a frozen listener, after which the kernel drops who asks. */
const FILLERS = 4;

/** A provider that fails; `FaultyProvider.start` makes them. */
export class FaultyProvider {
  readonly #fault: Fault;
  readonly #port: number;
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;
  #child: ManagedProcess | undefined;

  private constructor(fault: Fault, port: number) {
    this.#fault = fault;
    this.#port = port;
  }

  /** Makes a provider with this fault, ready for calls on the port. */
  static async start(fault: Fault, port: number): Promise<FaultyProvider> {
    const provider = new FaultyProvider(fault, port);
    await provider.#listen();
    return provider;
  }

  /** Makes it ready for another call; one that was killed has to be started again. */
  async ready(): Promise<void> {
    if (this.#fault !== "kill" || this.#child?.end === undefined) return;
    await this.#startChild();
  }

  /** Resolved once it has done to the call that is under way what it is for. */
  async fails(): Promise<void> {
    if (this.#fault !== "kill") return;
    const child = this.#child!;
    await child.waitUntil("reading", READY_MS, () => child.log.includes("read"));
    child.kill("SIGKILL");
    await child.ended;
  }

  /** Ends it. */
  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    // A frozen process does not hear SIGTERM.
    this.#child?.kill("SIGKILL");
    await this.#child?.ended;
    const server = this.#server;
    if (server !== undefined) await new Promise((resolve) => server.close(resolve));
  }

  async #listen(): Promise<void> {
    if (this.#fault === "refuse") return;
    if (this.#fault === "kill") return this.#startChild();
    if (this.#fault === "unreachable") return this.#freeze();
    this.#server = createServer({ allowHalfOpen: true }, (socket) => this.#serve(socket));
    this.#server.listen(this.#port, "127.0.0.1");
    await once(this.#server, "listening");
  }

  #serve(socket: Socket): void {
    this.#keep(socket);
    if (this.#fault === "accept") return socket.destroySoon();
    if (this.#fault === "accept-rst") return void socket.resetAndDestroy();
    socket.once("data", () => {
      if (this.#fault === "fin") return socket.destroySoon();
      if (this.#fault === "rst") return void socket.resetAndDestroy();
      socket.write(response({ value: "x".repeat(2 * HALF) }).subarray(0, HALF));
      setTimeout(() => {
        if (this.#fault === "half") socket.destroySoon();
        else socket.resetAndDestroy();
      }, HALF_MS);
    });
  }

  async #startChild(): Promise<void> {
    const script = fromRoot("test/guard/silent_provider.ts");
    const args = ["--import", "tsx", script, String(this.#port), "1"];
    const child = startProcess({ name: "silent provider", command: process.execPath, args });
    this.#child = child;
    await child.waitUntil("listening", READY_MS, () => child.log.includes("listens"));
  }

  async #freeze(): Promise<void> {
    await this.#startChild();
    this.#child!.kill("SIGSTOP");
    for (let i = 0; i < FILLERS; i++) this.#keep(connect(this.#port, "127.0.0.1"));
    const child = this.#child!;
    await child.waitUntil("out of reach", READY_MS, async () => !(await accepts(this.#port)));
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on("error", () => {});
  }
}
