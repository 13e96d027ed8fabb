// The host functions `env.proxy_*_header_map_*`: Envoy's answers, strict where Envoy is lenient.

import { Status } from "./abi.ts";
import type { Vm } from "./emulator.ts";
import { HostError } from "./errors.ts";
import type { HeaderMap } from "./http_stream.ts";

type HostFunction = (...args: never[]) => number;

/** The map of this type, or an error where Envoy answers BadArgument: it is not open. */
function openMap(vm: Vm, type: number): HeaderMap {
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
