// Where each value of a frame lies, nested ones too, so that mutations can change a body by its structure.
//
//   hessian2    values follow each other
//   fastjson2   field ::= length(4) value: a value that changes its size changes its field's length
//
// The readers are the tests' own. Of other serializations nothing is known.

import { FASTJSON2, HESSIAN2, take } from "../module/routing/frames.ts";
import { HessianReader } from "../module/routing/hessian.ts";
import { JsonbReader } from "../module/routing/jsonb.ts";

export const HEADER = 16;

/** A value: from `start` to `end` in its frame. */
export interface Part {
  start: number;
  end: number;
  /** Where the length of the field lies that holds the value; -1 where there are no fields. */
  lengthAt: number;
}

export interface Anatomy {
  serialization: number;
  values: Part[];
  /** Places where an attachment could be put in. */
  entries: Part[];
}

class HessianParts extends HessianReader {
  readonly parts: Part[] = [];

  override skip(): void {
    const start = this.at;
    super.skip();
    this.parts.push({ start, end: this.at, lengthAt: -1 });
  }
}

class JsonbParts extends JsonbReader {
  readonly parts: Part[] = [];
  #lengthAt = -1;

  field(end: number): void {
    this.#lengthAt = this.at;
    this.at += 4;
    while (this.at < end) this.skip();
  }

  override skip(): void {
    const start = this.at;
    super.skip();
    this.parts.push({ start, end: this.at, lengthAt: this.#lengthAt });
  }
}

function hessianValues(frame: Uint8Array): Part[] {
  const reader = new HessianParts(frame, HEADER);
  try {
    while (reader.at < frame.length) reader.skip();
  } catch {
    // Not all that a frame of another kind holds is a value; what was found is found.
  }
  return reader.parts;
}

function jsonbValues(frame: Uint8Array): Part[] {
  const reader = new JsonbParts(frame, HEADER);
  const view = new DataView(frame.buffer, frame.byteOffset, frame.length);
  try {
    while (reader.at < frame.length) reader.field(reader.at + 4 + view.getUint32(reader.at));
  } catch {
    // As above.
  }
  return reader.parts;
}

/** Where an entry begins, or the map ends, among the attachments of a request. */
function entriesOf(frame: Uint8Array, values: readonly Part[]): Part[] {
  let entries: Uint8Array[];
  try {
    entries = take(frame).entries.map(({ bytes }) => bytes);
  } catch {
    return [];
  }
  return entries.flatMap((bytes) => {
    const start = bytes.byteOffset - frame.byteOffset;
    const lengthAt = values.find((value) => value.start >= start)?.lengthAt ?? -1;
    return [
      { start, end: start, lengthAt },
      { start: start + bytes.length, end: start + bytes.length, lengthAt },
    ];
  });
}

/** The values of a whole, good frame. */
export function dissect(frame: Uint8Array): Anatomy {
  const flag = frame[2]!;
  const serialization = flag & 0x1f;
  let values: Part[] = [];
  if (serialization === HESSIAN2) values = hessianValues(frame);
  if (serialization === FASTJSON2) values = jsonbValues(frame);
  const isCall = (flag & 0xa0) === 0x80;
  return { serialization, values, entries: isCall ? entriesOf(frame, values) : [] };
}
