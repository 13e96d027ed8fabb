// The frames of a load: a captured request and its answer, written anew with other names and lengths.
//
// What is sent differs from the captured frames in path, method, interface, argument and id only; the
// strings at the head and the attachments are those of dubbo-go. Everything is encoded once, before
// anything is measured; afterwards only the ids are changed, in place.

import { readFileSync } from "node:fs";
import { FrameSplitter, type Frame } from "../demo/dubbo/frame.ts";
import {
  decodeRequest,
  decodeResponse,
  encodeRequest,
  encodeValue,
  type Invocation,
} from "../demo/dubbo/message.ts";
import { fromRoot } from "../harness/repository.ts";
import type { Shape } from "./shapes.ts";

/** Frames in a row that are sent again and again. */
export interface FrameRing {
  bytes: Buffer;
  /** Where each frame begins, and at the end where the last one ends. */
  offsets: Uint32Array;
  count: number;
}

/** Where in a frame its id stands: eight bytes. */
export const ID_OFFSET = 4;

const REQUEST = "dubbo-go-3.3.2/user-001-c2s-request-GetUser.bin";
const RESPONSE = "dubbo-go-3.3.2/user-002-s2c-response-reply.bin";
/** So many frames at least, so that the ring's end seldom cuts what is written at once in two. */
const FEWEST_FRAMES = 256;
/** Hessian's length of a string grows with it: the length that fits is found in so many steps. */
const STEPS = 8;

/**
 * All frames of a shape: every interface and method comes, and lengths come in the shape's shares.
 * The same for the same shape. Throws where a length cannot be made.
 */
export function requestRing(shape: Shape): FrameRing {
  const captured = decodeRequest(frameOf(REQUEST));
  const names = shape.interfaces * shape.methods;
  const lengths = lengthsOf(shape);
  const fewest = Math.max(names, FEWEST_FRAMES, 4 * shape.inFlight);
  // A whole number of times all lengths, so that their shares are right.
  const count = Math.ceil(fewest / lengths.length) * lengths.length;
  const frames: Buffer[] = [];
  const made = new Map<string, Buffer>();
  for (let i = 0; i < count; i++) {
    const name = i % names;
    const length = lengths[i % lengths.length]!;
    const key = `${name} ${length}`;
    const frame = made.get(key) ?? requestFrame(captured, shape, name, length);
    made.set(key, frame);
    frames.push(frame);
  }
  const offsets = new Uint32Array(count + 1);
  frames.forEach((frame, i) => (offsets[i + 1] = offsets[i]! + frame.length));
  return { bytes: Buffer.concat(frames), offsets, count };
}

/** The answer to every request: a string and the attachments of the captured answer. */
export function responseFrame(): Buffer {
  const reply = decodeResponse(frameOf(RESPONSE));
  if (reply.type !== "value") throw new Error(`${RESPONSE} is no value`);
  return encodeValue(0n, "user-7", reply.attachments);
}

function requestFrame(captured: Invocation, shape: Shape, name: number, length: number): Buffer {
  // One interface keeps its captured name.
  const single = shape.interfaces * shape.methods === 1;
  const path = single ? captured.path : interfaceName(Math.floor(name / shape.methods));
  const method = single ? captured.method : `Get${digits(name % shape.methods)}`;
  const attachments = { ...captured.attachments, path, interface: path };
  let padding = 0;
  for (let step = 0; step < STEPS; step++) {
    const args = ["x".repeat(padding)];
    const frame = encodeRequest(0n, { ...captured, path, method, args, attachments }, true);
    if (frame.length === length) return frame;
    padding += length - frame.length;
    if (padding < 0) break;
  }
  throw new Error(`no request of ${length} bytes for ${path}`);
}

/** Name of interface number `index`; all are equally long. */
function interfaceName(index: number): string {
  return `com.k8s.User.Provider${digits(index)}`;
}

function digits(number: number): string {
  return String(number).padStart(5, "0");
}

/** A hundred lengths in the shape's shares, spread as evenly as whole numbers allow. */
function lengthsOf(shape: Shape): number[] {
  const [first] = shape.mix;
  if (shape.mix.length === 1 && first !== undefined) return [first.bytes];
  const slots: { at: number; bytes: number }[] = [];
  for (const { percent, bytes } of shape.mix) {
    for (let i = 0; i < percent; i++) slots.push({ at: (i + 0.5) / percent, bytes });
  }
  return slots.sort((a, b) => a.at - b.at).map(({ bytes }) => bytes);
}

function frameOf(file: string): Frame {
  let found: Frame | undefined;
  new FrameSplitter((frame) => (found = frame)).push(
    readFileSync(fromRoot("test/fixtures/frames", file)),
  );
  if (found === undefined) throw new Error(`${file} is no whole frame`);
  return found;
}
