// The parsing folders alone (build/probe.wasm), with each input placed so that its last byte is the
// last of linear memory: reading one byte too many traps. Exports are described in assembly/probe.ts.

import { readFileSync } from "node:fs";

const MODULE = new URL("../../build/probe.wasm", import.meta.url);
const PAGE = 65536;

/** What a parser answers in place of an address (assembly/wire/position.ts). */
export const Position = { incomplete: 0, malformed: 1, unsupported: 2 } as const;
const LAST_FAILURE = 7;

/** What a result's kind is where there is none (assembly/serialization/bodies.ts). */
export const NO_KIND = -1;

/** `probeEventKind`'s answers (assembly/dubbo/tables.ts). */
export const EVENT_KINDS = ["heartbeat", "readonly", "writeable", "other"] as const;

interface ProbeExports {
  memory: WebAssembly.Memory;
  newInvocation(attachments: number): number;
  probeInvocation(invocation: number, serialization: number, p: number, end: number): number;
  spanOf(invocation: number, part: number): number;
  readState(invocation: number): number;
  probeResultKind(serialization: number, p: number, end: number): number;
  probeEventKind(p: number, length: number): number;
  probeHessian2Skip(p: number, end: number, count: number): number;
  probeJsonbSkip(p: number, end: number, count: number): number;
  probeFrames(p: number, length: number, chunk: number, maxBody: number): number;
}

/** An invocation as it was read; null for a null on the wire, or an attachment that is not there. */
export interface Head {
  dubboVersion: string | null;
  path: string | null;
  version: string | null;
  method: string | null;
  desc: string | null;
}

/** What came of reading a request's body. */
export interface Read {
  /** The offset behind what was read, or a failure's name. */
  result: number | keyof typeof Position;
  head: Head | null;
  /** Null where the attachments were not read to their end. */
  attachments: { group: string | null; interface: string | null } | null;
}

/** The probe module, compiled once. */
export const probeModule = new WebAssembly.Module(new Uint8Array(readFileSync(MODULE)));

/** One instance with room for inputs of up to `room` bytes at its edge. */
export class Probe {
  readonly #exports: ProbeExports;
  readonly #withAttachments: number;
  readonly #withoutAttachments: number;
  #bytes: Uint8Array;
  #view: DataView;
  #start = 0;
  readonly #end: number;

  constructor(room: number) {
    const instance = new WebAssembly.Instance(probeModule, {});
    this.#exports = instance.exports as unknown as ProbeExports;
    // Spans of attachments belong to the invocation made last.
    this.#withoutAttachments = this.#exports.newInvocation(0);
    this.#withAttachments = this.#exports.newInvocation(1);
    const { memory } = this.#exports;
    memory.grow(Math.ceil(room / PAGE));
    this.#end = memory.buffer.byteLength;
    this.#bytes = new Uint8Array(memory.buffer);
    this.#view = new DataView(memory.buffer);
  }

  /** Places `bytes` at the edge of memory; all other methods speak of them. */
  place(bytes: Uint8Array): void {
    if (this.#exports.memory.buffer.byteLength !== this.#end) throw new Error("the edge has moved");
    this.#start = this.#end - bytes.length;
    this.#bytes.set(bytes, this.#start);
  }

  /** Reads the placed bytes from `offset` on as a request's body. */
  invocation(serialization: number, { offset = 0, attachments = true } = {}): Read {
    const which = attachments ? this.#withAttachments : this.#withoutAttachments;
    const from = this.#start + offset;
    const result = this.#exports.probeInvocation(which, serialization, from, this.#end);
    const state = this.#exports.readState(which);
    return {
      result: this.#position(result),
      head: (state & 1) === 0 ? null : this.#head(which),
      attachments:
        (state & 2) === 0 ? null : { group: this.#text(which, 5), interface: this.#text(which, 6) },
    };
  }

  /** The kind of the placed bytes as a result's body. */
  resultKind(serialization: number): number {
    return this.#exports.probeResultKind(serialization, this.#start, this.#end);
  }

  /** The kind of the placed bytes as an event's body. */
  eventKind(): (typeof EVENT_KINDS)[number] | undefined {
    return EVENT_KINDS[this.#exports.probeEventKind(this.#start, this.#end - this.#start)];
  }

  /** Passes `count` Hessian 2 values from `offset` on; answers the offset behind them. */
  skipHessian2(count: number, offset = 0): Read["result"] {
    return this.#position(this.#exports.probeHessian2Skip(this.#start + offset, this.#end, count));
  }

  /** Passes `count` JSONB values from `offset` on, up to `end`; answers the offset behind them. */
  skipJsonb(count: number, offset = 0, end = this.#end - this.#start): Read["result"] {
    const from = this.#start + offset;
    return this.#position(this.#exports.probeJsonbSkip(from, this.#start + end, count));
  }

  /** The number of whole frames in the placed bytes, or a negative number (assembly/probe.ts). */
  frames(chunk: number, maxBody: number): number {
    const length = this.#end - this.#start;
    return this.#exports.probeFrames(this.#start, length, chunk, maxBody);
  }

  #position(position: number): Read["result"] {
    const at = position >>> 0;
    if (at > LAST_FAILURE) return at - this.#start;
    const name = Object.entries(Position).find(([, value]) => value === at)?.[0];
    if (name === undefined) throw new Error(`the position ${at} is neither address nor failure`);
    return name as keyof typeof Position;
  }

  #head(invocation: number): Head {
    const [dubboVersion, path, version, method, desc] = [0, 1, 2, 3, 4].map((part) =>
      this.#text(invocation, part),
    ) as [string | null, string | null, string | null, string | null, string | null];
    return { dubboVersion, path, version, method, desc };
  }

  /** A span's bytes, as one character each; it must lie inside of memory. */
  #text(invocation: number, part: number): string | null {
    const span = this.#exports.spanOf(invocation, part);
    const start = this.#view.getUint32(span, true);
    const length = this.#view.getUint32(span + 4, true);
    if (start === 0) return null;
    if (start + length > this.#end) throw new Error(`part ${part} reaches behind memory`);
    return Buffer.from(this.#bytes.subarray(start, start + length)).toString("latin1");
  }
}

/** The fields of a fastjson2 body as offsets of their values, and where each ends. */
export function fieldsOf(body: Uint8Array): [from: number, to: number][] {
  const view = new DataView(body.buffer, body.byteOffset, body.length);
  const fields: [number, number][] = [];
  for (let at = 0; at < body.length;) {
    const to = at + 4 + view.getUint32(at);
    fields.push([at + 4, to]);
    at = to;
  }
  return fields;
}

/** Numbers from 0 to below `below`, the same for the same seed (mulberry32). */
export function randomNumbers(seed: number): (below: number) => number {
  return (below) => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}
