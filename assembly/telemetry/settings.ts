/**
 * What the configuration says of telemetry.
 */
import { ExportSettings } from "./exporter";

/** Where the log of calls goes. */
export const enum LogTarget {
  NONE,
  OTLP,
  ENVOY,
}

/** Percentages are told in hundredths. */
export const WHOLE: u32 = 10000;

/** `telemetry` of a plugin's configuration. */
@unmanaged
@final
export class TelemetrySettings {
  /** Whether spans are made. */
  traces: bool = false;
  /** Of `WHOLE` calls without a caller's trace so many begin one. */
  samplePerWhole: u32 = 0;
  /** Whether what follows belongs to our span: the context in the request is written anew. */
  propagates: bool = false;
  log: LogTarget = LogTarget.NONE;
  /** The outcomes of calls that are logged: a bit for each of `Outcome`, and one for no answer. */
  logOutcomes: u32 = 0;
  /** Calls that took longer are logged whatever their outcome, in ns; 0: none for that. */
  logSlower: u64 = 0;
  /** Of `WHOLE` other calls so many are logged. */
  logPerWhole: u32 = 0;
  /** Where spans and log records are sent, or null. */
  spans: ExportSettings | null = null;
  logs: ExportSettings | null = null;

  /** Gives everything back. */
  free(): void {
    const spans = this.spans;
    if (spans) spans.free();
    const logs = this.logs;
    if (logs) logs.free();
    heap.free(changetype<usize>(this));
  }
}

/** The bit of `logOutcomes` for calls that nobody answered, behind those of `Outcome`. */
export const UNANSWERED_BIT: u32 = 1 << 4;
