// Mutated bodies read by the parsing folders alone, at the edge of memory: a byte read too many traps
// there, and would pass unseen in the filter, where other bytes lie behind.

import { Probe, type Head, type Read } from "../module/probe.ts";
import { HESSIAN2, take } from "../module/routing/frames.ts";
import { isCall } from "./corpus.ts";

const HEADER = 16;
/** Longer bodies are left out, in bytes. */
const ROOM = 64 * 1024;
/** A response's and an event's flag bits. */
const NO_CALL = 0x20;

/** The parsers read what is not there, or something else than stands there. */
export class WrongRead extends Error {
  override name = "WrongRead";
}

let probe: Probe | undefined;

function show(body: Uint8Array): string {
  return Buffer.from(body).toString("hex");
}

/** Runs `look` on the probe; a trap is an error that shows the body, and the end of the probe. */
function reading<T>(body: Uint8Array, look: (probe: Probe) => T): T {
  probe ??= new Probe(ROOM);
  try {
    probe.place(body);
    return look(probe);
  } catch (error) {
    probe = undefined;
    throw new WrongRead(`${String(error)} for the body ${show(body)}`, { cause: error });
  }
}

function sameHead(a: Head, b: Head): boolean {
  return (Object.keys(a) as (keyof Head)[]).every((part) => a[part] === b[part]);
}

function isAscii(text: string | null): boolean {
  return text === null || /^[\x00-\x7f]*$/.test(text);
}

/** The same names, to the tests' own reader. */
function holdNames(frame: Uint8Array, { head }: Read): void {
  if (head === null || (frame[2]! & 0x1f) !== HESSIAN2) return;
  const all = Object.values(head) as (string | null)[];
  if (!all.every(isAscii)) return;
  let names: (string | null)[];
  try {
    ({ names } = take(frame));
  } catch {
    return;
  }
  for (const [i, name] of names.entries()) {
    // Of a generic call the method is read that it really calls.
    if (name?.startsWith("$invoke") || (name ?? "") === (all[i] ?? "")) continue;
    const what = `${JSON.stringify(all[i])} read, there stands ${JSON.stringify(name)}`;
    throw new WrongRead(`${what} in ${show(frame)}`);
  }
}

/** Reads the body of a frame, and a part of it `cut` bytes long. Throws `WrongRead`. */
export function holdAtEdge(frame: Uint8Array, cut: number): void {
  const body = frame.subarray(HEADER);
  if (frame.length <= HEADER || body.length > ROOM) return;
  const serialization = frame[2]! & 0x1f;
  if (!isCall(frame)) {
    reading(body, (at) =>
      (frame[2]! & NO_CALL) !== 0 ? at.eventKind() : at.resultKind(serialization),
    );
    return;
  }
  const whole = reading(body, (at) => at.invocation(serialization));
  if (typeof whole.result === "number" && whole.result > body.length) {
    throw new WrongRead(`read to ${whole.result} of ${body.length}: ${show(body)}`);
  }
  holdNames(frame, whole);
  const part = reading(body.subarray(0, cut % body.length), (at) => at.invocation(serialization));
  if (part.head !== null && (whole.head === null || !sameHead(part.head, whole.head))) {
    throw new WrongRead(`another head in ${cut % body.length} bytes of ${show(body)}`);
  }
}
