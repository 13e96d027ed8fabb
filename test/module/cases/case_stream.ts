// A `stream` block of a case document to the steps of a replay. The grammar is told in
// test/cases/README.md; a form (`request`, `fixture` …) is one row of FORMS.

import { Arguments, CaseError, integer, text, tokens, value } from "./case_tokens.ts";
import * as frames from "../../frames/frames.ts";

export type Side = "downstream" | "upstream";

/** One thing that happens to a connection. */
export type Step =
  | { kind: "bytes"; side: Side; bytes: Uint8Array }
  | { kind: "fin"; side: Side }
  | { kind: "close"; by: "local" | "remote" }
  | { kind: "wait"; nanoseconds: bigint }
  | { kind: "end" | "tick" | "connection" };

const bytesOf = (token: string): Uint8Array => {
  const bytes = value(token);
  if (!(bytes instanceof Uint8Array)) throw new Error(`not bytes (0x…): ${token}`);
  return bytes;
};

const id = (token: string): bigint => BigInt(token);

const serialization = (token: string): frames.Serialization =>
  /^\d+$/.test(token) ? Number(token) : token;

/** What `name=…` gave, without the keys that were not there. */
function given<T extends object>(options: T): T {
  const entries = Object.entries(options).filter(([, option]) => option !== undefined);
  return Object.fromEntries(entries) as T;
}

function request(a: Arguments): Uint8Array {
  const attachments = a.get("attachments", (token) => {
    if (token === "null") return null;
    if (token === "none") return {};
    throw new Error(`attachments=${token}: null or none`);
  });
  const oneway = a.flag("oneway");
  if (!oneway) a.flag("twoway");
  return frames.request(
    given({
      twoway: !oneway,
      id: a.get("id", id),
      serialization: a.get("serialization", serialization),
      dubboVersion: a.get("dubboVersion", value),
      path: a.get("path", value),
      version: a.get("version", value),
      method: a.get("method", value),
      desc: a.get("desc", value),
      args: a.all("arg", value),
      attachments,
      extraAttachments: a.record("attachment", value),
      body: a.get("body", bytesOf),
    }),
  );
}

function response(a: Arguments): Uint8Array {
  return frames.response(
    given({
      id: a.get("id", id),
      status: a.get("status", integer),
      serialization: a.get("serialization", serialization),
      kind: a.get("kind", integer),
      value: a.get("value", value),
      attachments: a.record("attachment", value),
      message: a.get("message", value),
      trailing: a.get("trailing", bytesOf),
      body: a.get("body", bytesOf),
    }),
  );
}

const event = (a: Arguments): frames.Event =>
  given({
    id: a.get("id", id),
    serialization: a.get("serialization", serialization),
    body: a.get("body", bytesOf),
  });

function frame(a: Arguments): Uint8Array {
  const head = given({
    flag: a.get("flag", integer) ?? NaN,
    id: a.get("id", id),
    status: a.get("status", integer),
    length: a.get("length", integer),
  });
  if (Number.isNaN(head.flag)) throw new Error("flag= is missing");
  return frames.frame(head, a.get("body", bytesOf) ?? new Uint8Array(0));
}

const FORMS: Record<string, (a: Arguments) => Uint8Array> = {
  request,
  response,
  frame,
  heartbeat: (a) => frames.heartbeat(event(a)),
  "heartbeat-response": (a) => frames.heartbeatResponse(event(a)),
  readonly: (a) => frames.readonly(event(a)),
  fixture: (a) => frames.fixture(a.word("the fixture's name")),
  text: (a) => new TextEncoder().encode(text(a.word("the text"))),
  fill: (a) => new Uint8Array(integer(a.word("the count"))).fill(integer(a.word("the byte"))),
};

/** The bytes that a line stands for: hexadecimal pairs, or a form with what it takes. */
export function parseBytes(line: string): Uint8Array {
  const words = tokens(line);
  if (words.length === 0) throw new Error("no bytes");
  if (words.every((word) => /^([0-9a-fA-F]{2})+$/.test(word))) return frames.hex(words.join(""));
  const form = FORMS[words[0]!];
  if (form === undefined) throw new Error(`neither bytes nor a form: ${words[0]}`);
  const rest = new Arguments(words.slice(1));
  const skip = rest.get("skip", integer) ?? 0;
  const first = rest.get("first", integer);
  const whole = form(rest);
  rest.finish();
  const end = first === undefined ? whole.length : skip + first;
  if (end > whole.length) throw new Error(`only ${whole.length} bytes, not ${end}`);
  return whole.subarray(skip, end);
}

const UNITS: Record<string, bigint> = { ns: 1n, us: 1_000n, ms: 1_000_000n, s: 1_000_000_000n };

function parseWait(rest: string): bigint {
  const match = /^(-?\d+)(ns|us|ms|s)$/.exec(rest);
  if (match === null) throw new Error(`not a time such as 5ms: ${rest}`);
  return BigInt(match[1]!) * UNITS[match[2]!]!;
}

function oneOf<T extends string>(rest: string, ...choices: T[]): T {
  const found = choices.find((choice) => choice === rest);
  if (found === undefined) throw new Error(`${rest || "nothing"}: one of ${choices.join(", ")}`);
  return found;
}

function parseStep(key: string, rest: string): Step {
  const word = tokens(rest).join(" ");
  switch (key) {
    case "downstream":
    case "upstream":
      return { kind: "bytes", side: key, bytes: parseBytes(rest) };
    case "fin":
      return { kind: "fin", side: oneOf(word, "downstream", "upstream") };
    case "close":
      return { kind: "close", by: oneOf(word, "local", "remote") };
    case "wait":
      return { kind: "wait", nanoseconds: parseWait(word) };
    case "end":
    case "tick":
    case "connection":
      oneOf(word, "");
      return { kind: key };
    default:
      throw new Error(`unknown step: ${key}`);
  }
}

/** A fenced block: its lines, and where the first of them is in the file. */
export interface Block {
  lines: string[];
  /** Number of the first line. */
  line: number;
}

/** Runs `parse` on each line that is neither empty nor a comment; errors tell file and line. */
export function eachLine(
  file: string,
  block: Block,
  parse: (key: string, rest: string, line: string) => void,
): void {
  block.lines.forEach((line, i) => {
    if (/^\s*(#|$)/.test(line)) return;
    const match = /^([a-z][a-zA-Z0-9 -]*):(?:\s+(.*))?$/.exec(line.trim());
    try {
      parse(match?.[1] ?? "", match?.[2] ?? "", line.trim());
    } catch (error) {
      throw new CaseError(file, block.line + i, (error as Error).message);
    }
  });
}

/** The steps of a `stream` block. */
export function parseStream(file: string, block: Block): Step[] {
  const steps: Step[] = [];
  eachLine(file, block, (key, rest, line) => {
    if (key === "") throw new Error(`no step: ${line}`);
    steps.push(parseStep(key, rest));
  });
  return steps;
}

/** The bytes that an `out` block expects to leave towards each side; undefined: as they came. */
export function parseOut(file: string, block: Block): Partial<Record<Side, Uint8Array>> {
  const out: Partial<Record<Side, Uint8Array>> = {};
  eachLine(file, block, (key, rest, line) => {
    const match = /^to (downstream|upstream)$/.exec(key);
    if (match === null) throw new Error(`neither "to upstream:" nor "to downstream:": ${line}`);
    const side = match[1] as Side;
    const bytes = tokens(rest).join(" ") === "nothing" ? new Uint8Array(0) : parseBytes(rest);
    out[side] = frames.concat([...(out[side] === undefined ? [] : [out[side]]), bytes]);
  });
  return out;
}
