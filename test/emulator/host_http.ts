// The host functions `env.proxy_*_header_map_*`: Envoy's answers, strict where Envoy is lenient.

import { Status } from "./abi.ts";
import type { Vm } from "./emulator.ts";
import { HostError } from "./errors.ts";
import type { HeaderMap, Headers } from "./http_stream.ts";

type HostFunction = (...args: never[]) => number;

/** Headers of the answer to a request of the module's own. */
const CALL_RESPONSE_HEADERS = 6;
/** Where a request may be made: the host cancels those of other contexts with them. */
const ROOT_CALLBACKS = ["proxy_on_tick", "proxy_on_done"];

/** The map of this type, or an error where Envoy answers BadArgument: it is not open. */
function openMap(vm: Vm, type: number): HeaderMap {
  if (type === CALL_RESPONSE_HEADERS) {
    const { answerHeaders } = vm.caller.plugin;
    if (answerHeaders === undefined || vm.callback !== "proxy_on_http_call_response") {
      throw new HostError(`no answer is open in ${vm.callback}`);
    }
    return answerHeaders;
  }
  const map = vm.caller.stream?.maps[type];
  if (map === undefined || map.callback !== vm.callback || vm.caller !== vm.running) {
    throw new HostError(`header map ${type} is not open in ${vm.callback}`);
  }
  return map;
}

/** `count { key length, value length }* { key NUL value NUL }*`, numbers of four bytes. */
function serialised(map: HeaderMap): Uint8Array {
  const parts = map.headers.map((pair) => pair.map((text) => Buffer.from(text, "latin1")));
  const head = Buffer.alloc(4 + 8 * parts.length);
  head.writeUInt32LE(parts.length, 0);
  parts.forEach(([name, value], index) => {
    head.writeUInt32LE(name!.length, 4 + 8 * index);
    head.writeUInt32LE(value!.length, 8 + 8 * index);
  });
  const nul = Buffer.alloc(1);
  return Buffer.concat([head, ...parts.flatMap(([name, value]) => [name!, nul, value!, nul])]);
}

/** The other way round. */
function deserialised(bytes: Uint8Array): Headers {
  const view = Buffer.from(bytes);
  const count = view.readUInt32LE(0);
  let at = 4 + 8 * count;
  const next = (index: number): string => {
    const length = view.readUInt32LE(4 + 4 * index);
    const text = view.toString("utf8", at, at + length);
    at += length + 1;
    return text;
  };
  return Array.from({ length: count }, (_, i) => [next(2 * i), next(2 * i + 1)]);
}

/** The host functions about headers of one VM, by name. */
export function headerFunctions(vm: Vm): Record<string, HostFunction> {
  const latin1 = (pointer: number, size: number, what: string): string =>
    Buffer.from(vm.memory.copy(pointer, size, what)).toString("latin1");
  return {
    proxy_get_header_map_value(
      type: number,
      pointer: number,
      size: number,
      valuePointerPointer: number,
      valueSizePointer: number,
    ) {
      const value = openMap(vm, type).get(vm.memory.text(pointer, size, "a header's name"));
      if (value === undefined) return Status.NotFound;
      const bytes = Buffer.from(value, "latin1");
      vm.give(bytes, valuePointerPointer, valueSizePointer, "proxy_get_header_map_value");
      return Status.Ok;
    },
    proxy_get_header_map_pairs(type: number, pointerPointer: number, sizePointer: number) {
      const bytes = serialised(openMap(vm, type));
      vm.give(bytes, pointerPointer, sizePointer, "proxy_get_header_map_pairs");
      return Status.Ok;
    },
    proxy_replace_header_map_value(
      type: number,
      pointer: number,
      size: number,
      valuePointer: number,
      valueSize: number,
    ) {
      const name = vm.memory.text(pointer, size, "a header's name");
      openMap(vm, type).replace(name, latin1(valuePointer, valueSize, `the value of ${name}`));
      return Status.Ok;
    },
    proxy_http_call(
      cluster: number,
      clusterSize: number,
      headers: number,
      headersSize: number,
      body: number,
      bodySize: number,
      _trailers: number,
      _trailersSize: number,
      timeout: number,
      tokenPointer: number,
    ) {
      const { plugin } = vm.caller;
      if (vm.caller !== plugin || !ROOT_CALLBACKS.includes(vm.callback)) {
        throw new HostError(`a request of a context's own in ${vm.callback}`);
      }
      const name = vm.memory.text(cluster, clusterSize, "a cluster's name");
      if (!plugin.clusters.has(name)) return Status.BadArgument;
      const pairs = deserialised(vm.memory.copy(headers, headersSize, "headers"));
      const sent = vm.memory.copy(body, bodySize, "a body");
      const token = plugin.sent.push({ cluster: name, headers: pairs, body: sent, timeout });
      vm.memory.writeU32(tokenPointer, token, "a token");
      return Status.Ok;
    },
    proxy_send_local_response(
      code: number,
      details: number,
      detailsSize: number,
      body: number,
      bodySize: number,
      _headers: number,
      _headersSize: number,
      grpcStatus: number,
    ) {
      const stream = vm.caller.stream;
      if (stream === null || vm.callback !== "proxy_on_request_headers") {
        throw new HostError(`a local response in ${vm.callback}`);
      }
      vm.memory.text(details, detailsSize, "the details");
      stream.localResponse = { code, grpcStatus, text: latin1(body, bodySize, "the text") };
      return Status.Ok;
    },
    proxy_remove_header_map_value(type: number, pointer: number, size: number) {
      openMap(vm, type).remove(vm.memory.text(pointer, size, "a header's name"));
      return Status.Ok;
    },
  };
}
