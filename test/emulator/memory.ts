// The module's linear memory as the host functions use it: every access is checked against its size.

import { HostError } from "./errors.ts";

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Checked access to a module's memory. Pointers may come in as signed 32-bit numbers. */
export class GuestMemory {
  readonly memory: WebAssembly.Memory;
  #bytes: Uint8Array;
  #view: DataView;

  constructor(memory: WebAssembly.Memory) {
    this.memory = memory;
    this.#bytes = new Uint8Array(memory.buffer);
    this.#view = new DataView(memory.buffer);
  }

  /** A view of `size` bytes at `pointer`; valid until the module grows its memory. */
  bytes(pointer: number, size: number, what: string): Uint8Array {
    const start = this.#check(pointer, size >>> 0, what);
    return this.#bytes.subarray(start, start + (size >>> 0));
  }

  /** A copy of `size` bytes at `pointer`. */
  copy(pointer: number, size: number, what: string): Uint8Array {
    return this.bytes(pointer, size, what).slice();
  }

  /** Text of `size` bytes at `pointer`; it must be UTF-8. */
  text(pointer: number, size: number, what: string): string {
    const bytes = this.bytes(pointer, size, what);
    try {
      return utf8.decode(bytes);
    } catch {
      throw new HostError(`${what} is not UTF-8: ${Buffer.from(bytes).toString("latin1")}`);
    }
  }

  /** Any bytes as the key of a map: one character for each. */
  key(pointer: number, size: number, what: string): string {
    return Buffer.from(this.bytes(pointer, size, what)).toString("latin1");
  }

  /** Copies `bytes` to `pointer`. */
  write(pointer: number, bytes: Uint8Array, what: string): void {
    const at = this.#check(pointer, bytes.length, what);
    this.#bytes.set(bytes, at);
  }

  writeU32(pointer: number, value: number, what: string): void {
    const at = this.#check(pointer, 4, what);
    this.#view.setUint32(at, value, true);
  }

  writeU64(pointer: number, value: bigint, what: string): void {
    const at = this.#check(pointer, 8, what);
    this.#view.setBigUint64(at, value, true);
  }

  #check(pointer: number, size: number, what: string): number {
    // Growing detaches the old buffer, which shows as a view of no length.
    if (this.#bytes.length === 0) {
      this.#bytes = new Uint8Array(this.memory.buffer);
      this.#view = new DataView(this.memory.buffer);
    }
    const start = pointer >>> 0;
    if (start === 0 && size > 0) throw new HostError(`${what}: a null pointer`);
    if (start + size > this.#bytes.length) {
      throw new HostError(
        `${what}: ${size} bytes at ${start} lie outside memory of ${this.#bytes.length} bytes`,
      );
    }
    return start;
  }
}
