// Frames into hostile frames: by their structure (values replaced, nested, spelt anew; attachments put
// in; lengths kept right, so that the change is looked at), by their header, and blindly.

import { concat } from "../frames/frames.ts";
import { FASTJSON2, HESSIAN2 } from "../module/routing/frames.ts";
import { HEADER, type Part } from "./anatomy.ts";
import type { Seed } from "./corpus.ts";
import type { Random } from "./random.ts";
import { indirect, nested, oddValue, spelling } from "./values.ts";
import * as words from "./vocabulary.ts";

/** Lengths that are not the body's. */
const ODD_LENGTHS: readonly number[] = [
  ...[0, 1, 2, 15, 16, 17, 255, 256, 511, 512, 513, 2047, 2048, 32767, 32768, 65536],
  ...[1048576, 8388608, 8388609, 0x7fffffff, 0x80000000, 0xfffffff0, 0xffffffff],
];

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

/** The frame with `part` replaced, and with lengths that say so. */
function replace(frame: Uint8Array, part: Part, by: Uint8Array): Uint8Array {
  const changed = concat([frame.subarray(0, part.start), by, frame.subarray(part.end)]);
  const view = viewOf(changed);
  const more = by.length - (part.end - part.start);
  view.setUint32(12, view.getUint32(12) + more);
  if (part.lengthAt >= 0) view.setUint32(part.lengthAt, view.getUint32(part.lengthAt) + more);
  return changed;
}

function bytesOf(frame: Uint8Array, part: Part): Uint8Array {
  return frame.subarray(part.start, part.end);
}

/** Changes one value; `other` is a frame that values may come from. */
function mutateValue(random: Random, seed: Seed, other: Seed): Uint8Array {
  const { bytes, anatomy } = seed;
  const { serialization, values } = anatomy;
  const part = random.pick(values);
  const value = bytesOf(bytes, part);
  switch (random.below(8)) {
    case 0:
      return replace(bytes, part, new Uint8Array(0));
    case 1:
      return replace(bytes, part, concat([value, value]));
    case 2:
    case 3:
      return replace(bytes, part, nested(random, serialization, value));
    case 4: {
      const from = other.anatomy;
      if (from.serialization === serialization && from.values.length > 0) {
        return replace(bytes, part, bytesOf(other.bytes, random.pick(from.values)));
      }
      return replace(bytes, part, oddValue(random, serialization));
    }
    case 5: {
      const word = random.pick(random.pick([words.KEYS, words.INTERFACES, words.METHODS]));
      return replace(bytes, part, spelling(random, serialization, word));
    }
    default:
      return replace(bytes, part, oddValue(random, serialization));
  }
}

/** Puts an attachment in, mostly under a key that somebody asks for; see `takesAttachments`. */
export function addAttachment(random: Random, { bytes, anatomy }: Seed): Uint8Array {
  const { serialization, entries } = anatomy;
  const word = random.oneIn(5) ? random.pick(["group", "interface"]) : random.pick(words.KEYS);
  const spelt = random.oneIn(5) ? indirect : spelling;
  const key = random.oneIn(12)
    ? oddValue(random, serialization)
    : spelt(random, serialization, word);
  const value = random.oneIn(2)
    ? spelling(random, serialization, random.pick(words.VALUES))
    : oddValue(random, serialization);
  return replace(bytes, random.pick(entries), concat([key, value]));
}

/** Puts a key and its value in at any place among the attachments; see `takesAttachments`. */
export function putAttachment(random: Random, seed: Seed, entry: Uint8Array): Uint8Array {
  return replace(seed.bytes, random.pick(seed.anatomy.entries), entry);
}

/** Changes the header of `bytes` in place. */
function mutateHeader(random: Random, bytes: Uint8Array): void {
  if (bytes.length < HEADER) return;
  const view = viewOf(bytes);
  switch (random.below(8)) {
    case 0:
      bytes[2]! ^= 1 << random.between(5, 7);
      return;
    case 1:
      bytes[2] = (bytes[2]! & 0xe0) | random.below(32);
      return;
    case 2:
      bytes[2] = (bytes[2]! & 0xe0) | random.pick([HESSIAN2, FASTJSON2, 3, 4, 6]);
      return;
    case 3:
      bytes[3] = random.below(256);
      return;
    case 4:
      if (random.oneIn(6)) bytes[random.below(2)]! ^= 1 << random.below(8);
      return;
    case 5:
      view.setUint32(12, random.oneIn(2) ? random.below(200) : random.pick(ODD_LENGTHS));
      return;
    case 6:
      view.setUint32(12, view.getUint32(12) + random.between(-3, 3));
      return;
    default:
      view.setBigUint64(4, (BigInt(random.word()) << 32n) | BigInt(random.word()));
  }
}

/** Changes bytes without looking: flips, other bytes, a piece lost, doubled or moved. */
function mutateBlindly(random: Random, bytes: Uint8Array): Uint8Array {
  const from = random.oneIn(6) ? 0 : HEADER;
  if (bytes.length <= from) return bytes;
  const at = random.between(from, bytes.length - 1);
  switch (random.below(5)) {
    case 0:
      return bytes.subarray(0, random.below(bytes.length + 1));
    case 1: {
      const to = Math.min(bytes.length, at + random.between(1, 8));
      const part = { start: at, end: to, lengthAt: -1 };
      if (from !== HEADER) return concat([bytes.subarray(0, at), bytes.subarray(to)]);
      const by = random.oneIn(2)
        ? new Uint8Array(0)
        : concat([bytesOf(bytes, part), bytes.subarray(at, to)]);
      return replace(bytes, part, by);
    }
    case 2:
      bytes[at] = random.below(256);
      return bytes;
    case 3:
      for (let i = random.between(1, 6); i > 0; i--) {
        bytes[random.between(from, bytes.length - 1)] = random.below(256);
      }
      return bytes;
    default:
      bytes[at]! ^= 1 << random.below(8);
      return bytes;
  }
}

/** Whether an attachment can be put into a frame. */
export function takesAttachments({ anatomy }: Seed): boolean {
  return anatomy.entries.length > 0;
}

/** A frame made from `seed`; not longer than some times the longest value of `values.ts`. */
export function mutate(random: Random, seed: Seed, other: Seed): Uint8Array {
  let bytes: Uint8Array = seed.bytes.slice();
  const { values } = seed.anatomy;
  if (takesAttachments(seed) && random.oneIn(3)) bytes = addAttachment(random, seed);
  else if (values.length > 0 && !random.oneIn(4)) bytes = mutateValue(random, seed, other);
  else bytes = mutateBlindly(random, bytes);
  if (random.oneIn(5)) bytes = mutateBlindly(random, bytes);
  if (random.oneIn(6)) mutateHeader(random, bytes);
  return bytes;
}
