// One connection of the load generator: keeps so many calls in flight, until it is told to rest.

import { connect, type Socket } from "node:net";
import { Flag, Status } from "../demo/dubbo/protocol.ts";
import { FrameScanner } from "./frame_scanner.ts";
import { ID_OFFSET, type FrameRing } from "./frames.ts";
import type { Latencies } from "./latency.ts";

/** What all connections of a load have in common. */
export interface Load {
  readonly port: number;
  readonly inFlight: number;
  readonly callsPerConnection: number;
  /** Whether to send new calls. */
  running: boolean;
  /** Sums over all connections. */
  calls: number;
  answers: number;
  requestBytes: number;
  responseBytes: number;
  connections: number;
  readonly latencies: () => Latencies;
  /** A connection has nothing in flight any more. */
  readonly onRest: () => void;
  readonly onFailure: (why: string) => void;
}

/** Starts of calls are kept by the low bits of their number; more are never in flight at once. */
const STARTS = 4096;
/** What is read at once at most; one buffer for all connections, since reading is never interrupted. */
const received = Buffer.alloc(256 * 1024);
let lastConnection = 0;

/** A place for one connection after the other; each has the frames for itself. */
export class ClientConnection {
  readonly #load: Load;
  readonly #ring: FrameRing;
  readonly #starts = new Float64Array(STARTS);
  #socket: Socket | undefined;
  #number = 0;
  /** Calls of this connection, and answers to them. */
  #calls = 0;
  #answers = 0;
  /** Calls to send once the kernel has taken what was written. */
  #owed = 0;
  #next = 0;
  #now = 0;

  constructor(load: Load, ring: FrameRing) {
    this.#load = load;
    this.#ring = { ...ring, bytes: Buffer.from(ring.bytes) };
  }

  get resting(): boolean {
    return this.#calls === this.#answers && this.#owed === 0;
  }

  /** Connects if need be, and sends the first calls. */
  start(): void {
    if (this.#socket === undefined) this.#open();
    else if (this.#socket.readyState === "open") this.#fill();
  }

  /** Ends the connection; what comes afterwards is not heard. */
  close(): void {
    this.#socket?.removeAllListeners("close").end();
    this.#socket = undefined;
  }

  #open(): void {
    const load = this.#load;
    const scanner = new FrameScanner((bytes, start) => this.#answer(bytes, start));
    const callback = (length: number): boolean => {
      this.#now = performance.now();
      load.responseBytes += length;
      scanner.push(received, length);
      this.#fill();
      if (this.resting) this.#rest();
      return true;
    };
    this.#number = ++lastConnection;
    this.#calls = this.#answers = 0;
    load.connections++;
    const onread = { buffer: received, callback };
    const socket = connect({ port: load.port, host: "127.0.0.1", noDelay: true, onread });
    socket.once("connect", () => this.#fill());
    socket.on("error", (error) => load.onFailure(String(error)));
    socket.once("close", () => load.onFailure("a connection was closed from the other side"));
    this.#socket = socket;
  }

  /** Sends what is missing to the number of calls in flight. */
  #fill(): void {
    const { running, inFlight, callsPerConnection } = this.#load;
    if (!running) return;
    let count = inFlight - (this.#calls - this.#answers) - this.#owed;
    if (callsPerConnection > 0) {
      count = Math.min(count, callsPerConnection - this.#calls - this.#owed);
    }
    if (count > 0) this.#send(count);
  }

  #rest(): void {
    const { callsPerConnection, running } = this.#load;
    if (callsPerConnection > 0 && this.#calls === callsPerConnection) {
      this.close();
      if (running) this.#open();
    }
    if (!running) this.#load.onRest();
  }

  #send(count: number): void {
    const load = this.#load;
    const socket = this.#socket!;
    const { bytes, offsets, count: frames } = this.#ring;
    this.#now = performance.now();
    let left = count;
    // Frames that the kernel has not taken yet must not get new ids.
    while (left > 0 && socket.writableLength === 0) {
      const first = this.#next;
      const last = Math.min(frames, first + left);
      for (let i = first; i < last; i++) {
        const id = offsets[i]! + ID_OFFSET;
        bytes.writeUInt32BE(this.#number, id);
        bytes.writeUInt32BE(this.#calls, id + 4);
        this.#starts[this.#calls++ % STARTS] = this.#now;
      }
      const chunk = bytes.subarray(offsets[first], offsets[last]);
      this.#next = last === frames ? 0 : last;
      left -= last - first;
      load.calls += last - first;
      load.requestBytes += chunk.length;
      socket.write(chunk, this.#onWritten);
    }
    this.#owed += left;
  }

  readonly #onWritten = (): void => {
    if (this.#owed === 0 || this.#socket === undefined || this.#socket.writableLength > 0) return;
    const owed = this.#owed;
    this.#owed = 0;
    this.#send(owed);
  };

  #answer(bytes: Buffer, start: number): void {
    const connection = bytes.readUInt32BE(start + ID_OFFSET);
    const call = bytes.readUInt32BE(start + ID_OFFSET + 4);
    const isAnswer = (bytes[start + 2]! & (Flag.REQUEST | Flag.EVENT)) === 0;
    const isOk = bytes[start + 3] === Status.OK;
    if (!isAnswer || !isOk || connection !== this.#number || call >= this.#calls) {
      this.#load.onFailure(`not an answer: ${bytes.toString("hex", start, start + 16)}`);
      return;
    }
    this.#answers++;
    this.#load.answers++;
    this.#load.latencies().record((this.#now - this.#starts[call % STARTS]!) * 1000);
  }
}
