// Dubbo frames for tests.
//   0  2  magic da bb
//   2  1  80 request, 40 twoway, 20 event, low five bits: serialization id
//   3  1  status of a response, 0 in a request
//   4  8  request id
//   12 4  body length
//   16    body
// Bodies are written in hessian2 or fastjson2; other serializations come from fixtures.

import { fastjson2, type Fastjson2Value } from "./fastjson2.ts";
import { hessian2, type Hessian2Value } from "./hessian2.ts";
import { concat } from "../emulator/hex.ts";

export { fixture, fixtureIndex, type FixtureFrame } from "./fixtures.ts";
export { concat, hex, hexOf } from "../emulator/hex.ts";

/** Bits of the flag byte. */
export const Flag = { request: 0x80, twoway: 0x40, event: 0x20 } as const;

/** Serialization ids by name, as Dubbo numbers them. */
export const SERIALIZATION_IDS: Record<string, number> = {
  hessian2: 2,
  java: 3,
  compactedjava: 4,
  fastjson: 6,
  nativejava: 7,
  kryo: 8,
  fst: 9,
  "native-hessian": 10,
  avro: 11,
  protostuff: 12,
  gson: 16,
  "protobuf-json": 21,
  protobuf: 22,
  fastjson2: 23,
  kryo2: 25,
  msgpack: 27,
};

/** A value in a body; bytes stand for themselves, already encoded. */
export type Value = Hessian2Value & Fastjson2Value;

export interface Header {
  flag: number;
  id?: bigint | number;
  status?: number;
  /** Body length in bytes, which need not be true. */
  length?: number;
}

/** Sixteen bytes. */
export function header({ flag, id = 1, status = 0, length = 0 }: Header): Uint8Array {
  const bytes = Uint8Array.of(0xda, 0xbb, flag, status, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
  const view = new DataView(bytes.buffer);
  view.setBigInt64(4, BigInt.asIntN(64, BigInt(id)));
  view.setUint32(12, length);
  return bytes;
}

/** A whole frame; its length is the body's unless the header says another. */
export function frame(head: Header, body: Uint8Array): Uint8Array {
  return concat([header({ length: body.length, ...head }), body]);
}

/** A serialization by name, or by number for one that nobody knows. */
export type Serialization = string | number;

function idOf(serialization: Serialization): number {
  const id = typeof serialization === "number" ? serialization : SERIALIZATION_IDS[serialization];
  if (id === undefined || id < 0 || id > 31) throw new Error(`serialization ${serialization}`);
  return id;
}

/** Hessian2 for all that is not fastjson2: tests that send such bodies do not want them read. */
function write(serialization: Serialization, values: readonly Value[]): Uint8Array {
  const encode = idOf(serialization) === SERIALIZATION_IDS.fastjson2 ? fastjson2 : hessian2;
  return concat([new Uint8Array(0), ...values.map((value) => encode(value))]);
}

export interface Request {
  id?: bigint | number;
  twoway?: boolean;
  serialization?: Serialization;
  dubboVersion?: Value;
  path?: Value;
  /** The service's version. */
  version?: Value;
  method?: Value;
  /** Descriptor of the parameter types. */
  desc?: Value;
  /** Left out: a text for each String in `desc`, null for each other type. */
  args?: readonly Value[];
  /** Left out: what Dubbo Java sends, with the path as interface. Null is written as null. */
  attachments?: Record<string, Value> | null;
  /** Added to the attachments. */
  extraAttachments?: Record<string, Value>;
  /** Instead of everything above from `dubboVersion` on. */
  body?: Uint8Array;
}

/** JVM type descriptors in a row, one by one: `ILjava/lang/String;[[B` is three. */
export function parameterTypes(desc: string): string[] {
  return desc.match(/\[*(?:L[^;]*;|[^[L])/g) ?? [];
}

function defaultArguments(desc: Value): Value[] {
  if (typeof desc !== "string") return [];
  return parameterTypes(desc).map((type) => (type === "Ljava/lang/String;" ? "A0" : null));
}

/** A request. By default two-way, hessian2, `GetUser(String)` of a user service. */
export function request(options: Request = {}): Uint8Array {
  const { id = 1, twoway = true, serialization = "hessian2" } = options;
  const { dubboVersion = "2.0.2", path = "com.k8s.User.UserProvider", version = "0.0.0" } = options;
  const { method = "GetUser", desc = "Ljava/lang/String;" } = options;
  const args = options.args ?? defaultArguments(desc);
  const base =
    options.attachments === undefined
      ? { path, interface: path, version, timeout: "3000" }
      : options.attachments;
  const attachments = base === null ? null : { ...base, ...options.extraAttachments };
  const body =
    options.body ??
    write(serialization, [dubboVersion, path, version, method, desc, ...args, attachments]);
  const flag = Flag.request | (twoway ? Flag.twoway : 0) | idOf(serialization);
  return frame({ flag, id }, body);
}

/** First value of a body with status 20. */
export const ResponseKind = {
  exception: 0,
  value: 1,
  null: 2,
  exceptionWithAttachments: 3,
  valueWithAttachments: 4,
  nullWithAttachments: 5,
} as const;

export interface Response {
  id?: bigint | number;
  status?: number;
  serialization?: Serialization;
  /** See `ResponseKind`; only with status 20. */
  kind?: number;
  /** The value or exception. */
  value?: Value;
  attachments?: Record<string, Value>;
  /** The text of another status than 20. */
  message?: Value;
  /** Bytes within the body after what belongs there, as dubbo-go sends one. */
  trailing?: Uint8Array;
  /** Instead of everything above from `kind` on. */
  body?: Uint8Array;
}

function responseValues(options: Response, status: number): Value[] {
  const { kind = ResponseKind.value, value = "A0", attachments = { dubbo: "2.0.2" } } = options;
  if (status !== 20) return [options.message ?? "failed"];
  const fastjson2Kind = options.serialization === "fastjson2" ? Uint8Array.of(0xbd, kind) : kind;
  const values: Value[] = [fastjson2Kind];
  if (kind % 3 !== ResponseKind.null) values.push(value);
  if (kind >= ResponseKind.exceptionWithAttachments) values.push(attachments);
  return values;
}

/** A response. By default status 20 with a text and no attachments. */
export function response(options: Response = {}): Uint8Array {
  const { id = 1, status = 20, serialization = "hessian2", trailing } = options;
  const body = options.body ?? write(serialization, responseValues(options, status));
  const whole = trailing === undefined ? body : concat([body, trailing]);
  return frame({ flag: idOf(serialization), id, status }, whole);
}

export interface Event {
  id?: bigint | number;
  serialization?: Serialization;
  body?: Uint8Array;
  twoway?: boolean;
}

/** A heartbeat that asks for an answer; its body is null. */
export function heartbeat(options: Event = {}): Uint8Array {
  const { id = 1, serialization = "hessian2", twoway = true } = options;
  const flag = Flag.request | (twoway ? Flag.twoway : 0) | Flag.event | idOf(serialization);
  return frame({ flag, id }, options.body ?? write(serialization, [null]));
}

/** The answer to a heartbeat. */
export function heartbeatResponse(options: Event = {}): Uint8Array {
  const { id = 1, serialization = "hessian2" } = options;
  const body = options.body ?? write(serialization, [null]);
  return frame({ flag: Flag.event | idOf(serialization), id, status: 20 }, body);
}

/** A provider says that it is going away: the text R, which asks for no answer. */
export function readonly(options: Event = {}): Uint8Array {
  const { serialization = "hessian2" } = options;
  return heartbeat({ twoway: false, body: write(serialization, ["R"]), ...options });
}
