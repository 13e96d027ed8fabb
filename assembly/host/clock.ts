/**
 * The host's clock.
 */
import { proxy_get_current_time_nanoseconds } from "@solo-io/proxy-runtime/assembly/imports";
import { firstAnswer } from "./memory";

/** Nanoseconds since 1970. Envoy's is the system's clock: it may be set back, so a span may be negative. */
export function now(): u64 {
  const answer = firstAnswer();
  store<u64>(answer, 0);
  proxy_get_current_time_nanoseconds(answer);
  return load<u64>(answer);
}
