/**
 * Properties of the proxy, the listener and the connection, by path.
 */
import { proxy_get_property } from "@solo-io/proxy-runtime/assembly/imports";
import { firstAnswer, secondAnswer } from "./memory";
import { OK } from "./result";

/** Envoy's `TrafficDirection` (envoy/config/core/v3/base.proto). */
export const enum TrafficDirection {
  UNSPECIFIED = 0,
  INBOUND = 1,
  OUTBOUND = 2,
}

/** The direction of the listener that holds the plugin; UNSPECIFIED where it does not say. */
export function listenerDirection(): TrafficDirection {
  const path = String.UTF8.encode("xds.listener_direction".replace(".", "\0"));
  const value = firstAnswer();
  const size = secondAnswer();
  store<usize>(size, 0);
  const result = proxy_get_property(changetype<usize>(path), path.byteLength, value, size);
  if (result != OK || load<usize>(size) != 8) return TrafficDirection.UNSPECIFIED;
  return <TrafficDirection>(<i32>load<i64>(load<usize>(value)));
}
