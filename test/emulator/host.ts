// The host functions `env.proxy_*` that the module imports: Envoy's answers, and an error where
// Envoy would refuse, misbehave, or where this project allows the module no such call.
// Nothing here copies or looks at more bytes than the call is about.

import { BufferType, Status } from "./abi.ts";
import type { Connection } from "./connection.ts";
import type { Vm } from "./emulator.ts";
import { HostError } from "./errors.ts";
import { concat } from "./hex.ts";
import { headerFunctions } from "./host_http.ts";

type HostFunction = (...args: never[]) => number;

const DATA_CALLBACK: Record<number, string> = {
  [BufferType.NetworkDownstreamData]: "proxy_on_downstream_data",
  [BufferType.NetworkUpstreamData]: "proxy_on_upstream_data",
};

const BODY_CALLBACK: Record<number, string> = {
  [BufferType.HttpRequestBody]: "proxy_on_request_body",
  [BufferType.HttpResponseBody]: "proxy_on_response_body",
};

/** The connection whose buffer of this type is open to the running callback. */
function openBuffer(vm: Vm, type: number): Connection {
  const { connection } = vm.caller;
  // Envoy forgets a client's bytes when they go on, and not before.
  const isClients = type === BufferType.NetworkDownstreamData;
  if (isClients && connection?.stopped && vm.callback === "proxy_on_tick") return connection;
  if (connection === null || vm.callback !== DATA_CALLBACK[type] || vm.caller !== vm.running) {
    throw new HostError(`buffer ${type} is not open in ${vm.callback}`);
  }
  return connection;
}

/** The bytes of a buffer, or an error where Envoy has none of that type now. */
function bufferBytes(vm: Vm, type: number): Uint8Array {
  if (type === BufferType.VmConfiguration) return vm.configuration;
  if (type === BufferType.PluginConfiguration) {
    if (vm.callback === "proxy_on_configure") return vm.caller.plugin.configuration;
    throw new HostError(`the plugin's configuration is not open in ${vm.callback}`);
  }
  const body = BODY_CALLBACK[type];
  if (body !== undefined) {
    const { stream } = vm.caller;
    if (stream !== null && vm.callback === body && vm.caller === vm.running) return stream.body;
  }
  const connection = openBuffer(vm, type);
  return type === BufferType.NetworkDownstreamData
    ? connection.fromDownstream.buffer
    : connection.fromUpstream.buffer;
}

function logFunctions(vm: Vm): Record<string, HostFunction> {
  return {
    proxy_log(level: number, pointer: number, size: number) {
      if (level >>> 0 > 5) throw new HostError(`proxy_log with the unknown level ${level}`);
      vm.log(level, vm.memory.text(pointer, size, "proxy_log's message"));
      return Status.Ok;
    },
    proxy_get_current_time_nanoseconds(pointer: number) {
      vm.memory.writeU64(pointer, vm.clock.now, "proxy_get_current_time_nanoseconds");
      return Status.Ok;
    },
    proxy_set_tick_period_milliseconds(period: number) {
      vm.caller.plugin.tickMilliseconds = period >>> 0;
      return Status.Ok;
    },
    proxy_done() {
      const { plugin } = vm.caller;
      if (!plugin.awaitsDone) throw new HostError("proxy_done, which nothing waits for");
      vm.afterCall(() => plugin.delete());
      return Status.Ok;
    },
    proxy_set_effective_context(id: number) {
      vm.setCaller(id >>> 0);
      return Status.Ok;
    },
  };
}

/** `proxy_stream_type_t`: an HTTP request, and the client's side of a network connection. */
const REQUEST = 0;
const DOWNSTREAM = 2;

function streamFunctions(vm: Vm): Record<string, HostFunction> {
  return {
    proxy_close_stream(stream: number) {
      const { connection } = vm.caller;
      if (stream !== DOWNSTREAM || connection === null) {
        throw new HostError(`proxy_close_stream(${stream}) in ${vm.callback}`);
      }
      connection.closeFromInside();
      return Status.Ok;
    },
    proxy_continue_stream(type: number) {
      const { connection, stream } = vm.caller;
      const stopped = type === DOWNSTREAM ? connection : type === REQUEST ? stream : null;
      if (stopped === null) {
        throw new HostError(`proxy_continue_stream(${type}) in ${vm.callback}`);
      }
      stopped.goOn();
      return Status.Ok;
    },
  };
}

function bufferFunctions(vm: Vm): Record<string, HostFunction> {
  return {
    proxy_get_buffer_bytes(
      type: number,
      start: number,
      length: number,
      pointerPointer: number,
      sizePointer: number,
    ) {
      const buffer = bufferBytes(vm, type);
      const from = start >>> 0;
      const to = Math.min(from + (length >>> 0), buffer.length);
      // Envoy clamps silently, and gives a null pointer where nothing is left.
      const bytes = buffer.subarray(Math.min(from, buffer.length), to);
      vm.give(bytes, pointerPointer, sizePointer, "proxy_get_buffer_bytes");
      return Status.Ok;
    },
    proxy_set_buffer_bytes(
      type: number,
      start: number,
      length: number,
      pointer: number,
      size: number,
    ) {
      const connection = openBuffer(vm, type);
      const downstream = type === BufferType.NetworkDownstreamData;
      const direction = downstream ? connection.fromDownstream : connection.fromUpstream;
      const { buffer } = direction;
      const bytes = vm.memory.copy(pointer, size, "proxy_set_buffer_bytes");
      if (start === 0) {
        if (length >>> 0 > buffer.length) {
          throw new HostError(`proxy_set_buffer_bytes drops ${length >>> 0} of ${buffer.length}`);
        }
        direction.buffer = concat([bytes, buffer.subarray(length >>> 0)]);
      } else if (start >>> 0 >= buffer.length) {
        direction.buffer = concat([buffer, bytes]);
      } else {
        return Status.BadArgument;
      }
      return Status.Ok;
    },
  };
}

function metricFunctions(vm: Vm): Record<string, HostFunction> {
  return {
    proxy_define_metric(type: number, pointer: number, size: number, idPointer: number) {
      const name = vm.memory.text(pointer, size, "a metric's name");
      vm.memory.writeU32(idPointer, vm.metricTable.define(type, name), "proxy_define_metric");
      return Status.Ok;
    },
    proxy_increment_metric(id: number, offset: bigint) {
      vm.metricTable.increment(id >>> 0, Number(offset));
      return Status.Ok;
    },
    proxy_record_metric(id: number, value: bigint) {
      vm.metricTable.record(id >>> 0, Number(value));
      return Status.Ok;
    },
    proxy_get_metric(id: number, pointer: number) {
      const value = vm.metricTable.value(id >>> 0);
      if (value === undefined) return Status.BadArgument;
      vm.memory.writeU64(pointer, BigInt(value), "proxy_get_metric");
      return Status.Ok;
    },
  };
}

function propertyFunctions(vm: Vm): Record<string, HostFunction> {
  return {
    proxy_get_property(
      pointer: number,
      size: number,
      valuePointerPointer: number,
      valueSizePointer: number,
    ) {
      const value = vm.caller.properties.get(vm.memory.text(pointer, size, "a property's path"));
      if (value === undefined) return Status.NotFound;
      vm.give(value, valuePointerPointer, valueSizePointer, "proxy_get_property");
      return Status.Ok;
    },
    proxy_set_property(pointer: number, size: number, valuePointer: number, valueSize: number) {
      const path = vm.memory.text(pointer, size, "a property's path");
      const value = vm.memory.copy(valuePointer, valueSize, "a property's value");
      const owner = vm.caller.connection ?? vm.caller.stream;
      if (owner === null) return Status.NotFound;
      owner.properties.set(path, value);
      owner.filterState.set(`wasm.${path}`, Buffer.from(value).toString("utf8"));
      return Status.Ok;
    },
    proxy_get_shared_data(
      pointer: number,
      size: number,
      valuePointerPointer: number,
      valueSizePointer: number,
      casPointer: number,
    ) {
      const value = vm.sharedData.get(vm.memory.key(pointer, size, "a shared key"));
      if (value === undefined) return Status.NotFound;
      vm.give(value.bytes, valuePointerPointer, valueSizePointer, "proxy_get_shared_data");
      vm.memory.writeU32(casPointer, value.cas, "proxy_get_shared_data");
      return Status.Ok;
    },
    proxy_set_shared_data(
      pointer: number,
      size: number,
      valuePointer: number,
      valueSize: number,
      cas: number,
    ) {
      const key = vm.memory.key(pointer, size, "a shared key");
      const value = vm.memory.copy(valuePointer, valueSize, "a shared value");
      return vm.sharedData.set(key, value, cas >>> 0);
    },
    proxy_call_foreign_function(
      pointer: number,
      size: number,
      argumentPointer: number,
      argumentSize: number,
      resultPointerPointer: number,
      resultSizePointer: number,
    ) {
      const name = vm.memory.text(pointer, size, "a foreign function's name");
      const argument = vm.memory.copy(argumentPointer, argumentSize, `the argument of ${name}`);
      const foreign = vm.foreignFunctions[name];
      if (foreign === undefined) return Status.NotFound;
      const result = foreign(argument, vm.caller.connection);
      // A caller without interest in the result passes null.
      if (resultPointerPointer !== 0) {
        const bytes = result.bytes ?? new Uint8Array(0);
        vm.give(bytes, resultPointerPointer, resultSizePointer, name);
      }
      return result.status;
    },
  };
}

/** All host functions of one VM, by name. */
export function hostFunctions(vm: Vm): Record<string, HostFunction> {
  return {
    ...logFunctions(vm),
    ...bufferFunctions(vm),
    ...streamFunctions(vm),
    ...metricFunctions(vm),
    ...propertyFunctions(vm),
    ...headerFunctions(vm),
  };
}
