/**
 * What the configuration says of metrics.
 */
import { Kept } from "../wire/arena";
import { hashU64 } from "../wire/hash";
import { NameSet } from "./name_set";

/** Some hundred interfaces with their methods; each pair costs Envoy about ten series. */
export const DEFAULT_MAX_SERIES: u32 = 1000;

/** Plain values, set once. */
@unmanaged
@final
export class MetricsSettings extends Kept {
  /** Whether anything but guarded requests is told to Envoy. */
  countsAll: bool = true;
  /** The names that are labels: a bit for each. */
  labels: u32 = 0;
  /** The most sets of names that get series of their own. */
  maxSeries: u32 = DEFAULT_MAX_SERIES;
  /** Interfaces that get series of their own; empty: all. */
  interfaces: NameSet;
  /** Durations in microseconds, else in milliseconds. */
  durationInMicroseconds: bool = false;

  /** @param interfaces to be filled */
  constructor(interfaces: NameSet) {
    super();
    this.interfaces = interfaces;
  }

  /** A number of what decides which names get series, the same in every worker and after a reload. */
  get scope(): u64 {
    return hashU64(hashU64(this.interfaces.fingerprint, this.labels), this.maxSeries);
  }
}
