/**
 * The root context's timer.
 */
import { proxy_set_tick_period_milliseconds } from "@solo-io/proxy-runtime/assembly/imports";

/** Asks for `proxy_on_tick` every `milliseconds`; call it from a root context. */
export function setTickPeriod(milliseconds: u32): void {
  proxy_set_tick_period_milliseconds(milliseconds);
}
