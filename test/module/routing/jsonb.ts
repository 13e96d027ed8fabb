// A reader of fastjson2's JSONB for the tests of routing, apart from the module's: it says where each
// value lies and what strings spell, as fastjson2 would read them. Source: JSONB.Constants and
// JSONReaderJSONB of fastjson2 2.0.

const END = 0xa5;
const OBJECT = 0xa6;
const NULL = 0xaf;

/** Bytes behind the code of each value of fixed size. */
function fixedSize(code: number): number | undefined {
  if (code >= 0xf0 || code <= 0x2f) return 0;
  if (code <= 0x3f) return 1;
  if (code <= 0x47) return 2;
  if (code >= 0x49 && code <= 0x78) return code - 0x49;
  if (code >= 0xd8) return 0;
  if (code >= 0xc8) return 1;
  if (code >= 0xc0) return 2;
  const sizes: Record<number, number> = {
    ...{ 0x48: 4, 0xaf: 0, 0xb0: 0, 0xb1: 0, 0xb2: 0, 0xb3: 0, 0xb5: 8, 0xb7: 4 },
    ...{ 0xbc: 2, 0xbd: 1, 0xbe: 8, 0xbf: 4, 0xa9: 4, 0xab: 8, 0xac: 4, 0xad: 4 },
  };
  return sizes[code];
}

/** Walks values; throws where the bytes are no JSONB. */
export class JsonbReader {
  readonly bytes: Uint8Array;
  at: number;

  constructor(bytes: Uint8Array, at = 0) {
    this.bytes = bytes;
    this.at = at;
  }

  get code(): number {
    const code = this.bytes[this.at];
    if (code === undefined) throw new Error(`nothing at ${this.at}`);
    return code;
  }

  get isString(): boolean {
    return this.code >= 0x49 && this.code <= 0x7e;
  }

  /** A string, or null. */
  string(): string | null {
    const code = this.#take();
    if (code === NULL) return null;
    if (code < 0x49 || code > 0x7e) throw new Error(`no string at ${this.at - 1}`);
    const length = code <= 0x78 ? code - 0x49 : this.#int();
    const text = this.bytes.subarray(this.at, this.at + length);
    this.#pass(length);
    if (code === 0x7a) return Buffer.from(text).toString("utf8");
    if (code === 0x7c) return Buffer.from(text).toString("utf16le");
    if (code === 0x7b && text[0] === 0xff && text[1] === 0xfe) {
      return Buffer.from(text.subarray(2)).toString("utf16le");
    }
    if (code === 0x7b && text[0] === 0xfe && text[1] === 0xff) return utf16be(text.subarray(2));
    if (code === 0x7b || code === 0x7d) return utf16be(text);
    return Buffer.from(text).toString("latin1");
  }

  /** Passes a value; an entry of an object is two of them. */
  skip(): void {
    const code = this.#take();
    const size = fixedSize(code);
    if (size !== undefined) return this.#pass(size);
    if ((code >= 0x79 && code <= 0x7e) || code === 0x91 || code === 0xbb) {
      return this.#pass(this.#int());
    }
    if (code >= 0x94 && code <= 0xa3) return this.#values(code - 0x94);
    switch (code) {
      case 0xa4:
        return this.#values(this.#int());
      case OBJECT:
        while (this.code !== END) this.skip();
        this.at++;
        return;
      case 0x7f:
        return this.#numbered();
      case 0x92:
        this.#numbered();
        return this.skip();
      case 0xb9:
      case 0xae:
        return this.#values(2);
      case 0xa7:
        this.#pass(3);
        return this.skip();
      case 0xa8:
        this.#pass(7);
        return this.skip();
      case 0xaa:
        this.#pass(7);
        return this.#values(2);
      case 0x90:
      case 0x93:
      case 0xb4:
      case 0xb6:
      case 0xb8:
      case 0xba:
        return this.skip();
      default:
        throw new Error(`no value begins with ${code.toString(16)}`);
    }
  }

  /** Enters an object; answers whether there is one. */
  enterMap(): boolean {
    const code = this.#take();
    if (code !== OBJECT && code !== NULL) throw new Error(`no object at ${this.at - 1}`);
    return code === OBJECT;
  }

  /** Whether the object that was entered ends here; then it is left. */
  leaveMap(): boolean {
    if (this.code !== END) return false;
    this.at++;
    return true;
  }

  #numbered(): void {
    if (this.code === 0x7f) this.at++;
    else if (this.isString) this.string();
    this.#int();
  }

  #values(count: number): void {
    for (let i = 0; i < count; i++) this.skip();
  }

  #int(): number {
    const code = this.#take();
    if (code >= 0xf0) return code - 0x100;
    if (code <= 0x2f) return code;
    if (code <= 0x3f) return ((code - 0x38) << 8) + this.#take();
    if (code <= 0x47) return ((code - 0x44) << 16) + (this.#take() << 8) + this.#take();
    if (code !== 0x48) throw new Error(`no int at ${this.at - 1}`);
    return (this.#take() << 24) | (this.#take() << 16) | (this.#take() << 8) | this.#take();
  }

  #take(): number {
    const { code } = this;
    this.at++;
    return code;
  }

  #pass(count: number): void {
    this.at += count;
    if (count < 0 || this.at > this.bytes.length) throw new Error("a value that does not end");
  }
}

function utf16be(bytes: Uint8Array): string {
  return Buffer.from(bytes.subarray(0, bytes.length & ~1))
    .swap16()
    .toString("utf16le");
}
