// Foreign functions: what Envoy offers modules beyond the proxy-wasm ABI, by name.
// Only `set_envoy_filter_state` is emulated; tests may add others.

import { Status } from "./abi.ts";
import type { Connection } from "./connection.ts";

/** What a foreign function answers: a status, and bytes for the module where it gives any. */
export interface ForeignResult {
  status: number;
  bytes?: Uint8Array;
}

/** `connection` is null when a root context calls. */
export type ForeignFunction = (
  argument: Uint8Array,
  connection: Connection | null,
) => ForeignResult;

/** Filter state objects that Envoy can make from bytes, as far as this project sets them. */
const FACTORIES = new Set(["envoy.tcp_proxy.cluster"]);

interface FilterStateArguments {
  path: string;
  value: string;
  /** 0 filter chain, 1 downstream request, 2 downstream connection. */
  span: number;
}

/** Reads the protobuf `{1: string path, 2: bytes value, 3: enum span}`; null if it is none. */
function decodeFilterState(bytes: Uint8Array): FilterStateArguments | null {
  const decoded: FilterStateArguments = { path: "", value: "", span: 0 };
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let scale = 1; at < bytes.length; scale *= 128) {
      const byte = bytes[at++]!;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
    return NaN;
  };
  while (at < bytes.length) {
    const tag = varint();
    const number = varint();
    if (Number.isNaN(tag) || Number.isNaN(number)) return null;
    if (tag === 0x18) {
      decoded.span = number;
      continue;
    }
    if ((tag !== 0x0a && tag !== 0x12) || at + number > bytes.length) return null;
    const text = Buffer.from(bytes.subarray(at, at + number)).toString("utf8");
    if (tag === 0x0a) decoded.path = text;
    else decoded.value = text;
    at += number;
  }
  return decoded;
}

function setEnvoyFilterState(argument: Uint8Array, connection: Connection | null): ForeignResult {
  const decoded = decodeFilterState(argument);
  if (decoded === null) return { status: Status.BadArgument };
  if (connection === null || !FACTORIES.has(decoded.path)) return { status: Status.NotFound };
  connection.filterState.set(decoded.path, decoded.value);
  return { status: Status.Ok };
}

/** The foreign functions of an Envoy without further extensions. */
export const FOREIGN_FUNCTIONS: Record<string, ForeignFunction> = {
  set_envoy_filter_state: setEnvoyFilterState,
};
