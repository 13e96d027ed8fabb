// Writes the data of a module of ours anew as one block, a byte for each character of a text. assembly/unpack.ts
// says how the block is made up, and writes it out when the module starts.

/** Sections of a module. */
const CUSTOM = 0;
const MEMORY = 5;
const DATA = 11;
const DATA_COUNT = 12;
const PAGE = 65536;
/** Instructions that a segment's address is made up of. */
const I32_CONST = 0x41;
const END = 0x0b;
/** One of the compiler's objects: header, words in it, and what a string is. */
const HEADER = 20;
const CLASS = 12;
const SIZE = 16;
const SIZE_WORD = 4;
const ALIGNMENT = 16;
const STRING = 2;
/** Kinds of records. */
const BYTES = 0;
const OBJECT = 1;
const TEXT = 2;
/** Plain bytes, and bytes that stood before: what their first byte counts from, and up to. */
const MOST_PLAIN = 128;
const REPEATED = 128;
const LEAST_REPEATED = 4;
const MOST_REPEATED = LEAST_REPEATED + 127;

/** Reads numbers of seven bits a byte, and bytes. */
class Reader {
  constructor(bytes, at = 0) {
    this.bytes = bytes;
    this.at = at;
  }

  number(isSigned = false) {
    let value = 0;
    let weight = 1;
    let byte;
    do {
      byte = this.bytes[this.at++];
      value += (byte & 0x7f) * weight;
      weight *= 128;
    } while (byte >= 0x80);
    return isSigned && byte & 0x40 ? value - weight : value;
  }

  take(count) {
    this.at += count;
    return this.bytes.subarray(this.at - count, this.at);
  }
}

/** `value` in seven bits a byte; as a signed number its last byte is below 64. */
function number(value, isSigned = false) {
  const bytes = [];
  for (; value >= (isSigned ? 0x40 : 0x80); value = Math.floor(value / 128)) {
    bytes.push((value & 0x7f) | 0x80);
  }
  return Buffer.from([...bytes, value]);
}

/** Sections by number, in their order, but those that say something to tools alone. */
function sectionsOf(module) {
  const sections = new Map();
  const reader = new Reader(module, 8);
  while (reader.at < module.length) {
    const [id] = reader.take(1);
    const bytes = reader.take(reader.number());
    if (id !== CUSTOM) sections.set(id, bytes);
  }
  return sections;
}

/** Address and bytes of each segment, by address. */
function segmentsOf(data) {
  const reader = new Reader(data);
  return Array.from({ length: reader.number() }, () => {
    const [kind, instruction] = reader.take(2);
    const start = reader.number(true);
    const [end] = reader.take(1);
    if (kind !== 0 || instruction !== I32_CONST || end !== END) {
      throw new Error("pack: a segment whose address is not a number");
    }
    return { start, bytes: reader.take(reader.number()) };
  }).sort((a, b) => a.start - b.start);
}

/** The object whose block begins at `start`, or undefined where there is none. */
function objectAt(memory, start) {
  if (start % ALIGNMENT !== ALIGNMENT - SIZE_WORD) return undefined;
  const word = (offset) => memory.readUInt32LE(start + offset);
  const size = word(SIZE);
  const next = start + ((size + HEADER + ALIGNMENT - 1) & ~(ALIGNMENT - 1));
  const isOne = word(0) === next - start - SIZE_WORD && word(4) === 0 && word(8) === 0;
  if (!isOne || word(CLASS) > 255 || next > memory.length) return undefined;
  const end = start + HEADER + size;
  if (memory.subarray(end, next).some((byte) => byte !== 0)) return undefined;
  const bytes = memory.subarray(start + HEADER, end);
  const isText = word(CLASS) === STRING && bytes.every((byte, i) => i % 2 === 0 || byte === 0);
  if (!isText) return { next, record: [OBJECT, size, Buffer.from([word(CLASS)]), bytes] };
  return { next, record: [TEXT, size / 2, bytes.filter((_, i) => i % 2 === 0)] };
}

/** The records that write `segments` out. */
function recordsOf(segments) {
  const last = segments.at(-1);
  const memory = Buffer.alloc(last.start + last.bytes.length + HEADER + ALIGNMENT);
  for (const { start, bytes } of segments) memory.set(bytes, start);
  const records = [];
  let end = 0;
  for (const { start, bytes } of segments) {
    // The rest of an object that is written already.
    if (start < end) continue;
    const object = objectAt(memory, start);
    const [kind, count, ...rest] = object?.record ?? [BYTES, bytes.length, bytes];
    records.push(number(start - end), number((count << 2) | kind), ...rest);
    end = object?.next ?? start + bytes.length;
  }
  return { records: Buffer.concat(records), end };
}

/** `bytes` with what stood before told by where it stood: from each place on as much as there is. */
function shortened(bytes) {
  const parts = [];
  let from = 0;
  const tellUpTo = (to) => {
    for (; from < to; from += Math.min(to - from, MOST_PLAIN)) {
      const plain = bytes.subarray(from, Math.min(to, from + MOST_PLAIN));
      parts.push(Buffer.from([plain.length - 1]), plain);
    }
  };
  let at = 1;
  while (at < bytes.length) {
    let length = LEAST_REPEATED - 1;
    let place = -1;
    while (length < MOST_REPEATED && at + length < bytes.length) {
      const found = bytes.lastIndexOf(bytes.subarray(at, at + length + 1), at - 1);
      if (found < 0) break;
      place = found;
      length++;
    }
    if (place < 0) {
      at++;
      continue;
    }
    tellUpTo(at);
    parts.push(Buffer.from([REPEATED + length - LEAST_REPEATED]), number(at - place));
    at += length;
    from = at;
  }
  tellUpTo(bytes.length);
  return Buffer.concat(parts);
}

/** The module with its data packed; as it is where that has been done. */
export function pack(module) {
  const sections = sectionsOf(module);
  const segments = segmentsOf(sections.get(DATA));
  const memoryEnd = new Reader(sections.get(MEMORY), 2).number() * PAGE;
  const last = segments.at(-1);
  if (last.start + last.bytes.length === memoryEnd) return module;
  const { records, end } = recordsOf(segments);
  const packed = shortened(records);
  const sizes = Buffer.alloc(2 * SIZE_WORD);
  sizes.writeUInt32LE(packed.length);
  sizes.writeUInt32LE(records.length, SIZE_WORD);
  const block = Buffer.concat([packed, sizes]);
  const start = memoryEnd - block.length;
  if (start - records.length < end)
    throw new Error("pack: no room in the first memory, see --initialMemory of asc");
  const address = [I32_CONST, ...number(start, true), END];
  const segment = Buffer.concat([Buffer.from([1, 0, ...address]), number(block.length), block]);
  sections.set(DATA, segment);
  if (sections.has(DATA_COUNT)) sections.set(DATA_COUNT, number(1));
  const parts = [module.subarray(0, 8)];
  for (const [id, bytes] of sections) parts.push(Buffer.from([id]), number(bytes.length), bytes);
  return Buffer.concat(parts);
}
