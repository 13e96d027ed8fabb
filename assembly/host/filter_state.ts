/**
 * Filter state of the connection, which access logs and the filters behind ours read.
 */
import {
  proxy_call_foreign_function,
  proxy_set_property,
} from "@solo-io/proxy-runtime/assembly/imports";
import { Output } from "../wire/output";
import { Span } from "../wire/span";
import { asciiOf } from "./ascii";
import { firstAnswer, secondAnswer } from "./memory";
import { OK } from "./result";

const FIELD_1: u32 = 0x0a;
const FIELD_2: u32 = 0x12;

/** Makes the filter state `wasm.<name>`, which an access log prints, have `value`. */
export function setFilterState(name: string, value: Span): void {
  proxy_set_property(asciiOf(name), name.length, value.start, value.length);
}

/**
 * Tells `tcp_proxy` the connection's cluster, before it has chosen one.
 *
 * The foreign function `set_envoy_filter_state` takes the protobuf `{1: path, 2: value, 3: span}`
 * (Envoy source/extensions/common/wasm/foreign.cc, SetEnvoyFilterStateArguments).
 *
 * @param out where the message is put together
 * @returns whether Envoy took it
 */
export function setTcpProxyCluster(cluster: Span, out: Output): bool {
  const path = "envoy.tcp_proxy.cluster";
  out.clear();
  out.writeU8(FIELD_1);
  out.writeU8(path.length);
  out.write(asciiOf(path), path.length);
  out.writeU8(FIELD_2);
  writeLength(out, cluster.length);
  out.write(cluster.start, cluster.length);
  const name = "set_envoy_filter_state";
  const key = asciiOf(name);
  const answer = firstAnswer();
  const size = secondAnswer();
  return proxy_call_foreign_function(key, name.length, out.start, out.length, answer, size) == OK;
}

/** Appends a length below 16384 as protobuf's varint. */
function writeLength(out: Output, length: u32): void {
  if (length < 0x80) return out.writeU8(length);
  out.writeU8((length & 0x7f) | 0x80);
  out.writeU8(length >> 7);
}
