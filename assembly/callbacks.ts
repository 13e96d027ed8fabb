/**
 * Which of Envoy's callbacks come, and a line in its log where those that must come do not: to Envoy a
 * capability list that leaves one out is no error. Each is said once per VM, so once per worker.
 */
import { now } from "./host/clock";
import { log, LogLevel } from "./host/log";

/** Callbacks that have come: bits of `seen`. */
export const enum Callback {
  DOWNSTREAM_DATA = 1,
  UPSTREAM_DATA = 2,
  RESPONSE_HEADERS = 4,
  /** `proxy_on_done` or `proxy_on_delete`. */
  DONE = 8,
  TICK = 16,
  /** `proxy_on_new_connection` or `proxy_on_request_headers`. */
  CLAIM = 32,
}

/**
 * How often another callback must have come instead before one is missed: streams that never get headers come
 * one by one, and providers may be down for a while.
 */
const MOST_WITHOUT: u32 = 20;
/** Connections that close before a first one is done with: many may close in one turn of Envoy's. */
const MOST_CLOSED: u32 = 200;
/** Ticks come each 500 ms; a worker that is that late has none. */
const LONGEST_WITHOUT_TICK: u64 = 30_000_000_000;
/** Of so many contexts one looks at the clock as long as no tick has come. */
const CONTEXTS_PER_LOOK: u32 = 16;

let seen: u32 = 0;
let unclaimed: u32 = 0;
let withoutDownstream: u32 = 0;
let withoutUpstream: u32 = 0;
let withoutResponse: u32 = 0;
let closed: u32 = 0;
let contexts: u32 = 0;
let saysTick: bool = true;

/** `callback` has come. */
// @ts-ignore: decorator
@inline
export function noteCallback(callback: Callback): void {
  seen |= callback;
}

/** A context was made that is no root context, in a VM that began at `start` (ns since 1970). */
export function noteContext(start: u64): void {
  if ((seen & Callback.CLAIM) == 0 && unclaimed++ == MOST_WITHOUT) {
    warn(
      "contexts are made, but neither proxy_on_new_connection nor proxy_on_request_headers comes",
    );
  }
  if ((seen & Callback.TICK) != 0 || !saysTick || ++contexts % CONTEXTS_PER_LOOK != 0) return;
  if (<i64>(now() - start) < <i64>LONGEST_WITHOUT_TICK) return;
  saysTick = false;
  warn("no proxy_on_tick comes, so counters move only when a connection ends");
}

/** The client's connection was closed. */
export function noteClose(): void {
  if ((seen & Callback.DONE) == 0 && closed++ == MOST_CLOSED) {
    warn(
      "connections are closed, but neither proxy_on_done nor proxy_on_delete comes, so they count as active for ever",
    );
  }
}

/** A connection is done with. */
export function noteConnectionDone(): void {
  const data = seen & (Callback.DOWNSTREAM_DATA | Callback.UPSTREAM_DATA);
  if (data == Callback.UPSTREAM_DATA && withoutDownstream++ == MOST_WITHOUT) {
    warn("bytes of servers come, but no proxy_on_downstream_data, so no call is seen");
  }
  if (data == Callback.DOWNSTREAM_DATA && withoutUpstream++ == MOST_WITHOUT) {
    warn("no proxy_on_upstream_data has come, which is right only while no server answers");
  }
}

/** A call over HTTP is done with. */
export function noteCallDone(): void {
  if ((seen & Callback.RESPONSE_HEADERS) == 0 && withoutResponse++ == MOST_WITHOUT) {
    warn("calls end, but no proxy_on_response_headers comes, so they count as unanswered");
  }
}

function warn(what: string): void {
  log(LogLevel.WARN, "dubbo: " + what + ": allowed_capabilities must list Envoy's callbacks too");
}
