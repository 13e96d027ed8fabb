/**
 * One plugin instance's configuration, checked and in the form that the filter uses it in.
 *
 * reader.ts makes it from JSON; docs/configuration.schema.json says the same to people and tools.
 */
import { NameSet } from "../metrics/name_set";
import { Routing } from "../routing/routing";
import { Guard } from "../stream/guard";
import { hashU64 } from "../wire/hash";

/** `side`: which side of a call the proxy stands on. */
export const enum SideSetting {
  /** From the listener's direction: inbound is provider, everything else consumer. */
  AUTO,
  CONSUMER,
  PROVIDER,
}

/** Bits of `metrics.labels`. */
export const LABEL_INTERFACE: u32 = 1;
export const LABEL_METHOD: u32 = 2;
export const LABEL_VERSION: u32 = 4;
export const LABEL_GROUP: u32 = 8;

/** Dubbo's own default payload limit: 8 MiB. */
export const DEFAULT_MAX_BODY_BYTES: u32 = 8 * 1024 * 1024;
/** Some hundred interfaces with their methods; each pair costs Envoy about ten series. */
export const DEFAULT_MAX_SERIES: u32 = 1000;
/** Far above what one connection of a Dubbo consumer has in flight (its thread pool's size, 200). */
export const DEFAULT_MAX_IN_FLIGHT: u32 = 4096;


@unmanaged
@final
export class Config {
  side: SideSetting = SideSetting.AUTO;
  /** The longest body in bytes that is held to be Dubbo. */
  maxBodyBytes: u32 = DEFAULT_MAX_BODY_BYTES;
  /** LABEL_… bits. */
  labels: u32 = LABEL_INTERFACE | LABEL_METHOD;
  /** The most sets of names that get series of their own. */
  maxSeries: u32 = DEFAULT_MAX_SERIES;
  /** Interfaces that get series of their own; empty: all. */
  interfaces: NameSet;
  /** Durations in microseconds, else in milliseconds. */
  durationInMicroseconds: bool = false;
  /** The most calls that are followed at once on one connection. */
  maxInFlight: u32 = DEFAULT_MAX_IN_FLIGHT;

  /** Whether anything but guarded requests is told to Envoy. */
  countsAll: bool = true;
  /** What answers calls when the server's stream ends, or null. */
  guard: Guard | null = null;

  /** What calls are routed by, or null. */
  routing: Routing | null = null;

  /** @param seed for the hashes of names */
  constructor(seed: u64) {
    this.interfaces = new NameSet(seed);
  }

  /** A number of what decides which names get series, the same in every worker and after a reload. */
  get seriesScope(): u64 {
    return hashU64(hashU64(this.interfaces.fingerprint, this.labels), this.maxSeries);
  }

  hasLabel(label: u32): bool {
    return (this.labels & label) != 0;
  }

  /** Gives everything back. */
  free(): void {
    this.interfaces.free();
    const routing = this.routing;
    if (routing) routing.free();
    const guard = this.guard;
    if (guard) guard.free();
    heap.free(changetype<usize>(this));
  }
}
