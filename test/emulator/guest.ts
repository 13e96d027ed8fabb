// Small modules for the emulator's own tests: AssemblyScript callbacks given as function bodies,
// compiled at test time. Not for testing the filter.

import { main } from "assemblyscript/asc";
import type { Connection } from "./connection.ts";
import { Vm } from "./emulator.ts";

/** Bodies of the callbacks; what is left out does nothing and answers Continue or true. */
export interface GuestBodies {
  /** Declarations at module level. */
  top?: string;
  malloc?: string;
  create?: string;
  vmStart?: string;
  configure?: string;
  tick?: string;
  newConnection?: string;
  downstream?: string;
  upstream?: string;
  downstreamClose?: string;
  upstreamClose?: string;
  done?: string;
  requestHeaders?: string;
  requestBody?: string;
  requestTrailers?: string;
  responseHeaders?: string;
  responseBody?: string;
  responseTrailers?: string;
  log?: string;
  delete?: string;
}

const HOST_FUNCTIONS: [name: string, parameters: string][] = [
  ["proxy_log", "level: u32, message: usize, size: u32"],
  ["proxy_set_tick_period_milliseconds", "period: u32"],
  ["proxy_get_current_time_nanoseconds", "time: usize"],
  ["proxy_get_property", "path: usize, size: u32, value: usize, valueSize: usize"],
  ["proxy_set_property", "path: usize, size: u32, value: usize, valueSize: u32"],
  ["proxy_get_buffer_bytes", "type: u32, start: u32, length: u32, data: usize, size: usize"],
  ["proxy_set_buffer_bytes", "type: u32, start: u32, length: u32, data: usize, size: u32"],
  ["proxy_define_metric", "type: u32, name: usize, size: u32, id: usize"],
  ["proxy_increment_metric", "id: u32, offset: i64"],
  ["proxy_record_metric", "id: u32, value: u64"],
  ["proxy_get_metric", "id: u32, value: usize"],
  ["proxy_done", ""],
  ["proxy_set_effective_context", "id: u32"],
  ["proxy_get_shared_data", "key: usize, size: u32, data: usize, dataSize: usize, cas: usize"],
  ["proxy_set_shared_data", "key: usize, size: u32, data: usize, dataSize: u32, cas: u32"],
  [
    "proxy_call_foreign_function",
    "name: usize, size: u32, data: usize, dataSize: u32, results: usize, resultsSize: usize",
  ],
  ["proxy_close_stream", "stream: u32"],
  ["proxy_clear_route_cache", ""],
  ["proxy_get_header_map_value", "map: u32, key: usize, size: u32, value: usize, valueSize: usize"],
  ["proxy_get_header_map_pairs", "map: u32, pairs: usize, size: usize"],
  [
    "proxy_replace_header_map_value",
    "map: u32, key: usize, size: u32, value: usize, valueSize: u32",
  ],
  ["proxy_remove_header_map_value", "map: u32, key: usize, size: u32"],
];

/** `A`, `B`, `C`: eight bytes each for results; `SCRATCH`: where malloc puts the host's bytes. */
const PRELUDE = `
const A: usize = memory.data(8, 8);
const B: usize = memory.data(8, 8);
const C: usize = memory.data(8, 8);
const SCRATCH: usize = memory.data(65536, 8);
const TEXT: usize = memory.data(4096, 8);
let textSize: u32 = 0;
/** Puts a text, one byte a character, into memory; its size is in textSize. */
function text(value: string): usize {
  textSize = value.length;
  for (let i = 0; i < value.length; i++) store<u8>(TEXT + i, value.charCodeAt(i) as u8);
  return TEXT;
}
function log(level: u32, value: string): void { const at = text(value); proxy_log(level, at, textSize); }
function define(type: u32, name: string): u32 {
  const at = text(name);
  proxy_define_metric(type, at, textSize, A);
  return load<u32>(A);
}
function get(type: u32, start: u32, length: u32): u32 {
  return proxy_get_buffer_bytes(type, start, length, A, B);
}
function set(type: u32, start: u32, length: u32, value: string): u32 {
  const at = text(value);
  return proxy_set_buffer_bytes(type, start, length, at, textSize);
}
`;

function source(bodies: GuestBodies): string {
  const host = HOST_FUNCTIONS.map(
    ([name, parameters]) =>
      `// @ts-ignore: decorator\n@external("env", "${name}")\ndeclare function ${name}(${parameters}): u32;`,
  );
  const action = (body: string | undefined): string => `{ ${body ?? ""}; return 0; }`;
  const answer = (body: string | undefined): string => `{ ${body ?? ""}; return 1; }`;
  return `${host.join("\n")}
${PRELUDE}
${bodies.top ?? ""}
export function proxy_abi_version_0_2_1(): void {}
export function malloc(size: u32): usize { ${bodies.malloc ?? ""}; return SCRATCH; }
export function proxy_on_context_create(ctx: u32, root: u32): void { ${bodies.create ?? ""} }
export function proxy_on_vm_start(root: u32, size: u32): u32 ${answer(bodies.vmStart)}
export function proxy_on_configure(root: u32, size: u32): u32 ${answer(bodies.configure)}
export function proxy_on_tick(root: u32): void { ${bodies.tick ?? ""} }
export function proxy_on_new_connection(ctx: u32): u32 ${action(bodies.newConnection)}
export function proxy_on_downstream_data(ctx: u32, size: u32, end: u32): u32 ${action(bodies.downstream)}
export function proxy_on_upstream_data(ctx: u32, size: u32, end: u32): u32 ${action(bodies.upstream)}
export function proxy_on_downstream_connection_close(ctx: u32, peer: u32): void { ${bodies.downstreamClose ?? ""} }
export function proxy_on_upstream_connection_close(ctx: u32, peer: u32): void { ${bodies.upstreamClose ?? ""} }
export function proxy_on_request_headers(ctx: u32, count: u32, end: u32): u32 ${action(bodies.requestHeaders)}
export function proxy_on_request_body(ctx: u32, size: u32, end: u32): u32 ${action(bodies.requestBody)}
export function proxy_on_request_trailers(ctx: u32, count: u32): u32 ${action(bodies.requestTrailers)}
export function proxy_on_response_headers(ctx: u32, count: u32, end: u32): u32 ${action(bodies.responseHeaders)}
export function proxy_on_response_body(ctx: u32, size: u32, end: u32): u32 ${action(bodies.responseBody)}
export function proxy_on_response_trailers(ctx: u32, count: u32): u32 ${action(bodies.responseTrailers)}
export function proxy_on_done(ctx: u32): u32 ${answer(bodies.done)}
export function proxy_on_log(ctx: u32): void { ${bodies.log ?? ""} }
export function proxy_on_delete(ctx: u32): void { ${bodies.delete ?? ""} }
`;
}

/** A module with these callbacks. */
export async function guest(bodies: GuestBodies): Promise<Uint8Array> {
  let binary: Uint8Array | undefined;
  const { error, stderr } = await main(
    ["guest.ts", "--outFile", "guest.wasm", "--runtime", "stub", "--use", "abort="],
    {
      readFile: (name) => (name === "guest.ts" ? source(bodies) : null),
      writeFile: (_name, contents) => {
        if (typeof contents !== "string") binary = contents;
      },
      listFiles: () => [],
    },
  );
  if (error !== null || binary === undefined) throw new Error(`${error}\n${stderr.toString()}`);
  return binary;
}

/** A VM of such a module, and a connection under its one plugin. */
export async function connectGuest(
  bodies: GuestBodies,
): Promise<{ vm: Vm; connection: Connection }> {
  const vm = Vm.load(await guest(bodies));
  return { vm, connection: vm.plugin().connect() };
}

/** What has been logged, in order. */
export const messages = (vm: Vm): string[] => vm.logs.map((line) => line.message);
