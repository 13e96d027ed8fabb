/**
 * Counters, gauges and histograms of the host.
 *
 * A metric that cannot be defined or added to is lost silently: nothing better can be done about it in
 * the middle of traffic.
 */
import {
  proxy_define_metric,
  proxy_increment_metric,
  proxy_record_metric,
} from "@solo-io/proxy-runtime/assembly/imports";
import { firstAnswer } from "./memory";
import { OK } from "./result";

/** proxy-wasm ABI 0.2.1, `proxy_metric_type_t`. */
export const enum MetricType {
  COUNTER = 0,
  GAUGE = 1,
  HISTOGRAM = 2,
}

/** `define` answers this where the host refused; no id is as large. */
export const NO_METRIC: u32 = 0xffffffff;

/** Makes the metric whose name is the `length` bytes at `name`, or finds it; answers its id. */
export function define(type: MetricType, name: usize, length: u32): u32 {
  const id = firstAnswer();
  if (proxy_define_metric(type, name, length, id) != OK) return NO_METRIC;
  return load<u32>(id);
}

/** Adds `amount` to a counter (more than 0) or a gauge (any). */
export function increment(id: u32, amount: i64): void {
  proxy_increment_metric(id, amount);
}

/** Records `value` in a histogram. */
export function record(id: u32, value: u64): void {
  proxy_record_metric(id, value);
}
