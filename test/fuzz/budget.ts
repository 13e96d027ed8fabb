// What work and memory a stream may cost: bounds that grow with its length and nothing else. They lie some
// times above what was measured over millions of cases; what is not linear leaves them far behind.

import type { Vm } from "../emulator/emulator.ts";
import { TELEMETRY_MEMORY } from "./telemetry.ts";

/** The input of a case, or of a part of it. */
export interface Spent {
  /** Callbacks with bytes, and new bytes in them. */
  reads: number;
  bytes: number;
  /** Most fetches that these reads can need; see `fetchesFor`. */
  fetches: number;
  /** Connections, plugins and ticks. */
  connections: number;
  plugins: number;
  ticks: number;
  /** Configurations that tell calls, and collectors' answers to them. */
  tellers: number;
  answers: number;
  /** Policies, of all plugins. */
  policies: number;
}

/** The input was answered with too much work or memory. */
export class OverBudget extends Error {
  override name = "OverBudget";
}

/** Smallest window in bytes in which the module fetches, see assembly/connection/framing.ts. */
const FETCH_WINDOW = 512;

/**
 * The most fetches that a read of `size` bytes can need: each brings a window or all that is left, and all
 * of it may be needed once more to be held.
 */
export function fetchesFor(size: number): number {
  return Math.ceil(size / FETCH_WINDOW) + 2;
}

const WORK_PER_READ = 300;
const WORK_PER_BYTE = 60;
/** First uses of names, blocks and series, and what does not depend on the stream. */
const WORK_AT_ONCE = 10_000;

/** The most work that a connection's reads may be, see metering.ts. */
export function workFor(reads: number, bytes: number): number {
  return WORK_AT_ONCE + WORK_PER_READ * reads + WORK_PER_BYTE * bytes;
}

const MEMORY_AT_ONCE = 2 * 1024 * 1024;
const MEMORY_PER_BYTE = 24;

/** The most memory in bytes that a VM may have after a case. */
export function memoryFor({ bytes, tellers }: Spent): number {
  return MEMORY_AT_ONCE + MEMORY_PER_BYTE * bytes + TELEMETRY_MEMORY * tellers;
}

/** Throws `OverBudget` where the module called the host more often than its input can need. */
export function holdHostCalls(vm: Vm, spent: Spent, series: number): void {
  const { reads, bytes, fetches, connections, plugins, ticks, tellers, answers, policies } = spent;
  const frames = Math.floor(bytes / 16);
  const flushes = ticks + connections + plugins * 3;
  const asksOfTicks = ticks * (1 + (tellers > 0 ? 1 : 0) + (policies > 0 ? 1 : 0));
  const most: Record<string, number> = {
    proxy_get_buffer_bytes: fetches + plugins,
    // Each delayed call's bytes are put back by themselves.
    proxy_set_buffer_bytes: 3 * reads + (policies > 0 ? 2 : 1) * frames,
    // A rate limit asks for the time at each call; a tick does for connections that wait, for records, and for
    // what is delayed.
    proxy_get_current_time_nanoseconds:
      reads + 2 * connections + plugins + answers + 1 + asksOfTicks + (policies > 0 ? frames : 0),
    // Names of either side and those that got none of their own may look the same.
    proxy_define_metric: 3 * series * plugins,
    proxy_record_metric: frames,
    proxy_increment_metric: Math.min(flushes * series * plugins, 6 * frames + 8 * flushes),
    proxy_get_shared_data: 3 * frames + 4 * plugins,
    proxy_set_shared_data: 2 * frames + 4 * plugins,
    // The client's address and certificate, for each call that is told or may be.
    proxy_get_property: 2 * connections + 40 * plugins + (tellers > 0 ? 4 * frames : 0),
    // Spans and log records at each tick and at the end.
    proxy_http_call: tellers > 0 ? 2 * (ticks + plugins) : 0,
    proxy_get_header_map_value: 2 * answers,
    proxy_set_property: 4 * frames,
    proxy_call_foreign_function: connections,
    proxy_close_stream: connections,
    proxy_continue_stream: connections + (policies > 0 ? 2 * frames : 0),
    proxy_set_effective_context: 2 * connections + (policies > 0 ? 2 * frames : 0),
    proxy_set_tick_period_milliseconds: plugins,
    // At its start, and of calls refused under each policy, and under none, at every other tick from its first on.
    proxy_log:
      2 * plugins + (Math.floor(ticks / 2) + plugins) * (1 + policies) + (tellers > 0 ? frames : 0),
  };
  for (const [name, calls] of Object.entries(vm.hostCalls)) {
    const allowed = most[name] ?? 0;
    if (calls > allowed) {
      throw new OverBudget(`${calls} calls of ${name}, at most ${allowed} for ${bytes} bytes`);
    }
  }
}
