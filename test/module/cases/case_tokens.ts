// The words of a line in a case document:
//   word   name=value   name="text"   name="x"*300   name=0xcafe   name=null   # comment

import { hex } from "../../emulator/hex.ts";
import type { Value } from "../../frames/frames.ts";

/** A fault in a case document; the message begins with file and line. */
export class CaseError extends Error {
  override name = "CaseError";

  constructor(file: string, line: number, message: string) {
    super(`${file}:${line}: ${message}`);
  }
}

const TOKEN = /\s*(?:#.*$|((?:[^\s"#]|"(?:[^"\\]|\\.)*")+))/y;

/** Splits a line at white space, but not within quotes; a `#` begins a comment. */
export function tokens(line: string): string[] {
  const found: string[] = [];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < line.trimEnd().length) {
    const at = TOKEN.lastIndex;
    const match = TOKEN.exec(line);
    if (match === null) throw new Error(`a quote that does not end: ${line.slice(at).trim()}`);
    if (match[1] === undefined) break;
    found.push(match[1]);
  }
  return found;
}

/** Text in quotes with JSON's escapes, or several times over: `"x"*300`. */
export function text(token: string): string {
  const match = /^("(?:[^"\\]|\\.)*")(?:\*(\d+))?$/.exec(token);
  if (match === null) throw new Error(`not a text in quotes: ${token}`);
  const once = JSON.parse(match[1]!) as string;
  return match[2] === undefined ? once : once.repeat(Number(match[2]));
}

/** A value of a body: a text, `null`, `true`, `false`, a whole number, or raw bytes as `0x…`. */
export function value(token: string): Value {
  if (token === "null") return null;
  if (token === "true" || token === "false") return token === "true";
  if (/^0x([0-9a-fA-F]{2})*$/.test(token)) return hex(token.slice(2));
  if (/^-?\d+$/.test(token)) return Number(token);
  return text(token);
}

/** The words of a form after its name: each must be taken, or `finish` complains. */
export class Arguments {
  readonly #words: string[] = [];
  readonly #named: [name: string, value: string][] = [];

  constructor(all: readonly string[]) {
    for (const token of all) {
      const equals = token.search(/[="]/);
      if (equals > 0 && token[equals] === "=") {
        this.#named.push([token.slice(0, equals), token.slice(equals + 1)]);
      } else {
        this.#words.push(token);
      }
    }
  }

  /** Takes a bare word if it is there. */
  flag(word: string): boolean {
    const at = this.#words.indexOf(word);
    if (at >= 0) this.#words.splice(at, 1);
    return at >= 0;
  }

  /** Takes the first bare word. */
  word(what: string): string {
    const word = this.#words.shift();
    if (word === undefined) throw new Error(`${what} is missing`);
    return word;
  }

  /** Takes `name=…`, read by `read`; undefined if it is not there. */
  get<T>(name: string, read: (token: string) => T): T | undefined {
    const at = this.#named.findIndex(([key]) => key === name);
    return at < 0 ? undefined : read(this.#named.splice(at, 1)[0]![1]);
  }

  /** Takes all `name=…`, in order; undefined if there is none. */
  all<T>(name: string, read: (token: string) => T): T[] | undefined {
    const found: T[] = [];
    for (;;) {
      const next = this.get(name, (token) => [read(token)] as const);
      if (next === undefined) return found.length === 0 ? undefined : found;
      found.push(next[0]);
    }
  }

  /** Takes all `prefix.key=…` as an object; undefined if there is none. */
  record<T>(prefix: string, read: (token: string) => T): Record<string, T> | undefined {
    const keys = this.#named.map(([key]) => key).filter((key) => key.startsWith(`${prefix}.`));
    if (keys.length === 0) return undefined;
    return Object.fromEntries(
      keys.map((key) => [key.slice(prefix.length + 1), this.get(key, read)!]),
    );
  }

  finish(): void {
    const left = [...this.#words, ...this.#named.map(([name]) => `${name}=`)];
    if (left.length > 0) throw new Error(`not understood: ${left.join(" ")}`);
  }
}

/** A whole number in decimal or `0x…`. */
export function integer(token: string): number {
  if (!/^(0x[0-9a-fA-F]+|-?\d+)$/.test(token)) throw new Error(`not a whole number: ${token}`);
  return Number(token);
}
