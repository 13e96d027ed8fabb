// The captured frames under test/fixtures/frames and what index.json says of them. The two
// capturing programs wrote different keys; here both become one type.

import { readFileSync } from "node:fs";

const FOLDER = new URL("../fixtures/frames/", import.meta.url);

export type FrameKind =
  | "request"
  | "oneway-request"
  | "response"
  | "heartbeat-request"
  | "heartbeat-response"
  | "event-request";

/** One captured frame as the peer's own codec decoded it. */
export interface FixtureFrame {
  file: string;
  peer: string;
  /** What the test consumer did; empty for frames of dubbo-go. */
  scenario: string;
  kind: FrameKind;
  /** Who sent it: `downstream` is the consumer, `upstream` the provider. */
  direction: "downstream" | "upstream";
  id: bigint;
  flag: number;
  serializationId: number;
  /** Length of the body in bytes; the file is 16 longer. */
  bodyBytes: number;
  // Requests:
  dubboVersion?: string;
  path?: string;
  version?: string;
  method?: string;
  desc?: string;
  // Responses:
  status?: number;
  responseType?: number;
  /** The class of the exception in it. */
  exception?: string;
  // Both, where the serialization was decoded:
  attachments?: Record<string, unknown>;
  /** Where the head's strings end, as offsets in the body. */
  stringEndsInBody?: number[];
  /** Bytes after the end of the body's values. */
  trailingBytes?: Uint8Array;
}

type Entry = Record<string, unknown>;

function optional<T>(entry: Entry, ...keys: string[]): T | undefined {
  return keys.map((key) => entry[key]).find((value) => value !== undefined) as T | undefined;
}

function required<T>(entry: Entry, ...keys: string[]): T {
  const value = optional<T>(entry, ...keys);
  if (value === undefined) throw new Error(`${entry.file}: none of ${keys} in index.json`);
  return value;
}

function normalise(entry: Entry): FixtureFrame {
  const flag = Number(required<string>(entry, "flag", "flags"));
  const kind = required<string>(entry, "kind");
  const trailing = optional<string>(entry, "trailingBytesHex");
  return {
    file: required(entry, "file"),
    peer: required(entry, "peer"),
    scenario: optional(entry, "scenario") ?? "",
    kind: (kind === "oneway" ? "oneway-request" : kind) as FrameKind,
    direction: required(entry, "dir") === "c2s" ? "downstream" : "upstream",
    id: BigInt(required<string>(entry, "id", "requestId")),
    flag,
    serializationId: flag & 0x1f,
    bodyBytes: required(entry, "body_bytes", "bodyLen"),
    dubboVersion: optional(entry, "dubbo_version", "dubboVersion"),
    path: optional(entry, "path"),
    version: optional(entry, "version"),
    method: optional(entry, "method"),
    desc: optional(entry, "desc", "argTypes"),
    status: optional(entry, "status"),
    responseType: optional(entry, "response_type", "responseType"),
    exception: optional(entry, "exception"),
    attachments: optional(entry, "attachments"),
    stringEndsInBody: optional(entry, "string_ends_in_body"),
    trailingBytes:
      trailing === undefined ? undefined : Uint8Array.from(Buffer.from(trailing, "hex")),
  };
}

let index: FixtureFrame[] | undefined;

/** All captured frames. */
export function fixtureIndex(): readonly FixtureFrame[] {
  if (index === undefined) {
    const text = readFileSync(new URL("index.json", FOLDER), "utf8");
    // Ids do not fit into a JavaScript number: read them as text.
    const exact = text.replace(/"(id|requestId)":\s*(-?\d+)/g, '"$1": "$2"');
    index = (JSON.parse(exact) as Entry[]).map(normalise);
  }
  return index;
}

/** The bytes of a captured frame, by its file name. */
export function fixture(name: string): Uint8Array {
  return new Uint8Array(readFileSync(new URL(name, FOLDER)));
}
