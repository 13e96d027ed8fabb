/**
 * What the policies found of a call, counted.
 */
import { Protocol } from "../call/vocabulary";
import { Metric } from "../metrics/definitions";
import { Recorder } from "../metrics/recorder";
import { cellKey, Series } from "../metrics/series";
import { Policies } from "./policies";

/** Adds what `policies` found of the call that was asked about last to `series`. */
export function tally(
  recorder: Recorder,
  policies: Policies,
  series: Series,
  protocol: Protocol,
): void {
  if (policies.isRefused) {
    const key = cellKey(Metric.REFUSED_REQUESTS, policies.reason, policies.policy, protocol);
    return recorder.add(series, key, 1);
  }
  const shadow = policies.shadowReason;
  if (shadow >= 0) {
    const key = cellKey(Metric.SHADOW_REFUSED, shadow, policies.shadowPolicy, protocol);
    recorder.add(series, key, 1);
  }
  addNamed(recorder, series, Metric.LIMITED_ALLOWED, policies.limitPassed, protocol);
  addNamed(recorder, series, Metric.SHADOW_DELAYED, policies.shadowWaitPolicy, protocol);
  if (policies.wait == 0) return;
  addNamed(recorder, series, Metric.DELAYED, <i32>policies.waitPolicy, protocol);
}

/** @param policy its number, or -1: nothing is counted */
function addNamed(
  recorder: Recorder,
  series: Series,
  metric: Metric,
  policy: i32,
  protocol: Protocol,
): void {
  if (policy >= 0) recorder.add(series, cellKey(metric, policy, 0, protocol), 1);
}
