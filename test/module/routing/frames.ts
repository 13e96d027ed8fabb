// Request frames taken apart into the bytes of their parts, for the tests of routing.

import { concat, hexOf } from "../../frames/frames.ts";
import { HessianReader } from "./hessian.ts";
import { JsonbReader } from "./jsonb.ts";

const HEADER = 16;
export const HESSIAN2 = 2;
export const FASTJSON2 = 23;

/** One attachment as it stands in a frame. */
export interface Entry {
  /** What the key spells; null where it is no string. */
  key: string | null;
  /** The value if it is a string. */
  text: string | null;
  /** Key and value. */
  bytes: Uint8Array;
}

/** A request in parts; `header`, `head`, `args` and `rest` are bytes as they stand in the frame. */
export interface Taken {
  /** Without the body's length. */
  header: Uint8Array;
  head: Uint8Array;
  names: (string | null)[];
  args: Uint8Array;
  entries: Entry[];
  rest: Uint8Array;
}

/** How many values a descriptor announces. */
function count(descriptor: string | null): number {
  const types = (descriptor ?? "").match(/\[*(?:L[^;]+;|[ZBCSIJFD])/g) ?? [];
  if (types.join("") !== (descriptor ?? "")) throw new Error(`descriptor ${descriptor}`);
  return types.length;
}

/** Whole frames, one after the other; throws where the bytes are none. */
export function splitFrames(bytes: Uint8Array): Uint8Array[] {
  const frames: Uint8Array[] = [];
  for (let at = 0; at < bytes.length;) {
    if (bytes[at] !== 0xda || bytes[at + 1] !== 0xbb) throw new Error(`no magic at ${at}`);
    const end = at + HEADER + Buffer.from(bytes.buffer, bytes.byteOffset + at).readUInt32BE(12);
    if (end > bytes.length) throw new Error(`a frame that does not end: ${end - bytes.length}`);
    frames.push(bytes.subarray(at, end));
    at = end;
  }
  return frames;
}

/** Takes a request apart. Throws where a peer could not read it either. */
export function take(frame: Uint8Array): Taken {
  const [whole, ...more] = splitFrames(frame);
  if (whole === undefined || more.length > 0) throw new Error("not one frame");
  const body = whole.subarray(HEADER);
  const header = whole.subarray(0, 12);
  const serialization = whole[2]! & 0x1f;
  if (serialization === HESSIAN2) return { header, ...takeHessian(body) };
  if (serialization === FASTJSON2) return { header, ...takeFastjson2(body) };
  throw new Error(`serialization ${serialization}`);
}

/** The entries of a map, if one is here; leaves the reader behind it. */
function takeEntries(reader: HessianReader | JsonbReader): Entry[] {
  const entries: Entry[] = [];
  if (!reader.enterMap()) return entries;
  while (!reader.leaveMap()) {
    const start = reader.at;
    const key = reader.isString ? reader.string() : (reader.skip(), null);
    const valueAt = reader.at;
    const text = reader.isString ? reader.string() : null;
    reader.at = valueAt;
    reader.skip();
    entries.push({ key, text, bytes: reader.bytes.subarray(start, reader.at) });
  }
  return entries;
}

function takeHessian(body: Uint8Array): Omit<Taken, "header"> {
  const reader = new HessianReader(body);
  const names = Array.from({ length: 4 }, () => reader.string());
  // dubbox has a number here: -1 and a descriptor, or how many arguments there are and none.
  const number = reader.isInt ? reader.int() : undefined;
  const isCounted = number !== undefined && number !== -1;
  names.push(isCounted ? "" : reader.string());
  const headEnd = reader.at;
  for (let left = isCounted ? number : count(names[4]!); left > 0; left--) reader.skip();
  const argsEnd = reader.at;
  const entries = takeEntries(reader);
  return {
    head: body.subarray(0, headEnd),
    names,
    args: body.subarray(headEnd, argsEnd),
    entries,
    rest: body.subarray(reader.at),
  };
}

function takeFastjson2(body: Uint8Array): Omit<Taken, "header"> {
  let at = 0;
  const field = (): Uint8Array => {
    const length = Buffer.from(body.buffer, body.byteOffset + at, 4).readUInt32BE(0);
    at += 4 + length;
    if (at > body.length) throw new Error("a field that does not end");
    return body.subarray(at - length, at);
  };
  const names = Array.from({ length: 5 }, () => new JsonbReader(field()).string());
  const headEnd = at;
  for (let left = count(names[4]!); left > 0; left--) field();
  const argsEnd = at;
  const entries = at < body.length ? takeEntries(new JsonbReader(field())) : [];
  return {
    head: body.subarray(0, headEnd),
    names,
    args: body.subarray(headEnd, argsEnd),
    entries,
    rest: body.subarray(at),
  };
}

/** The string attachments by key, as a map that keeps the last of each. */
export function texts(frame: Uint8Array): Record<string, string | null> {
  return Object.fromEntries(take(frame).entries.map(({ key, text }) => [key ?? "(none)", text]));
}

/** Bytes as text that tests can compare and show. */
export function shown(...parts: Uint8Array[]): string {
  return hexOf(concat([new Uint8Array(0), ...parts]));
}
