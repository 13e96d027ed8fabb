// A reader of Hessian 2 for the tests of routing, apart from the module's and from hessian.js: it says
// where each value of a body lies and what strings spell, as a Java peer would read them.
//
//   body ::= string{5} argument{n} attachments rest
//   attachments ::= 'H' (key value)* 'Z' | 'M' type (key value)* 'Z' | 'N' | nothing

const CODE = { map: 0x48, typedMap: 0x4d, end: 0x5a, null: 0x4e } as const;

/** Bytes of each value of fixed size, by code; see the grammar in the Hessian 2.0 specification. */
function fixedSize(code: number): number | undefined {
  if (code >= 0x80 && code <= 0xbf) return 1;
  if (code >= 0xc0 && code <= 0xcf) return 2;
  if (code >= 0xd0 && code <= 0xd7) return 3;
  if (code >= 0xd8 && code <= 0xef) return 1;
  if (code >= 0xf0) return 2;
  if (code >= 0x38 && code <= 0x3f) return 3;
  const sizes: Record<number, number> = {
    ...{ 0x49: 5, 0x59: 5, 0x4c: 9, 0x44: 9, 0x5b: 1, 0x5c: 1, 0x5d: 2, 0x5e: 3, 0x5f: 5 },
    ...{ 0x4a: 9, 0x4b: 5, 0x54: 1, 0x46: 1, 0x4e: 1 },
  };
  return sizes[code];
}

/** Walks values; throws where the bytes are no Hessian 2. */
export class HessianReader {
  readonly bytes: Uint8Array;
  at: number;
  /** Number of fields of each class that was defined. */
  readonly #classes: number[] = [];

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
    const { code } = this;
    return code < 0x20 || (code >= 0x30 && code <= 0x33) || code === 0x52 || code === 0x53;
  }

  get isInt(): boolean {
    const { code } = this;
    return code === 0x49 || (code >= 0x80 && code <= 0xd7);
  }

  /** A string, or null. */
  string(): string | null {
    if (this.code === CODE.null) {
      this.at++;
      return null;
    }
    let text = "";
    for (let isLast = false; !isLast;) {
      if (!this.isString) throw new Error(`no string at ${this.at}`);
      const code = this.#take();
      let units = code;
      if (code >= 0x30 && code <= 0x33) units = ((code & 3) << 8) | this.#take();
      else if (code >= 0x52) units = (this.#take() << 8) | this.#take();
      isLast = code !== 0x52;
      for (; units > 0; units--) text += this.#unit();
    }
    return text;
  }

  int(): number {
    const code = this.#take();
    if (code >= 0x80 && code <= 0xbf) return code - 0x90;
    if (code >= 0xc0 && code <= 0xcf) return ((code - 0xc8) << 8) | this.#take();
    if (code >= 0xd0 && code <= 0xd7) {
      return ((code - 0xd4) << 16) | (this.#take() << 8) | this.#take();
    }
    if (code !== 0x49) throw new Error(`no int at ${this.at - 1}`);
    return (this.#take() << 24) | (this.#take() << 16) | (this.#take() << 8) | this.#take();
  }

  /** Passes a value. */
  skip(): void {
    const { code } = this;
    if (this.isString) return void this.string();
    const size = fixedSize(code);
    if (size !== undefined) return this.#pass(size);
    this.at++;
    if (code >= 0x20 && code <= 0x2f) return this.#pass(code - 0x20);
    if (code >= 0x34 && code <= 0x37) return this.#pass(((code & 3) << 8) | this.#take());
    if (code >= 0x60 && code <= 0x6f) return this.#fields(code - 0x60);
    if (code >= 0x70 && code <= 0x77) {
      this.#type();
      return this.#values(code - 0x70);
    }
    if (code >= 0x78 && code <= 0x7f) return this.#values(code - 0x78);
    switch (code) {
      case 0x41:
        this.#pass((this.#take() << 8) | this.#take());
        return this.skip();
      case 0x42:
        return this.#pass((this.#take() << 8) | this.#take());
      case 0x43: {
        this.string();
        const fields = this.int();
        for (let i = 0; i < fields; i++) this.string();
        this.#classes.push(fields);
        return this.skip();
      }
      case 0x4f:
        return this.#fields(this.int());
      case 0x51:
        return void this.int();
      case 0x4d:
      case 0x55:
        this.#type();
        return this.#untilEnd();
      case 0x48:
      case 0x57:
        return this.#untilEnd();
      case 0x56:
        this.#type();
        return this.#values(this.int());
      case 0x58:
        return this.#values(this.int());
      default:
        throw new Error(`no value begins with ${code.toString(16)}`);
    }
  }

  /** Enters a map; answers whether there is one. */
  enterMap(): boolean {
    if (this.at === this.bytes.length) return false;
    const code = this.#take();
    if (code === CODE.null) return false;
    if (code === CODE.typedMap) this.#type();
    else if (code !== CODE.map) throw new Error(`no map at ${this.at - 1}`);
    return true;
  }

  /** Whether the map that was entered ends here; then it is left. */
  leaveMap(): boolean {
    if (this.code !== CODE.end) return false;
    this.at++;
    return true;
  }

  #untilEnd(): void {
    while (this.code !== CODE.end) this.skip();
    this.at++;
  }

  #values(count: number): void {
    for (let i = 0; i < count; i++) this.skip();
  }

  #fields(number: number): void {
    const fields = this.#classes[number];
    if (fields === undefined) throw new Error(`no class ${number}`);
    this.#values(fields);
  }

  #type(): void {
    if (this.isString) this.string();
    else this.int();
  }

  /** One character, as Hessian's Java decoder reads it: by the lead byte alone. */
  #unit(): string {
    const lead = this.#take();
    if (lead < 0x80) return String.fromCharCode(lead);
    const next = (): number => this.#take() & 0x3f;
    if ((lead & 0xe0) === 0xc0) return String.fromCharCode(((lead & 0x1f) << 6) | next());
    if ((lead & 0xf0) === 0xe0) {
      return String.fromCharCode(((lead & 0x0f) << 12) | (next() << 6) | next());
    }
    if ((lead & 0xf8) !== 0xf0) throw new Error(`no character at ${this.at - 1}`);
    const point = ((lead & 7) << 18) | (next() << 12) | (next() << 6) | next();
    return point > 0x10ffff ? "\ufffd" : String.fromCodePoint(point);
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
