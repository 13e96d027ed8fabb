/**
 * What the configuration says of telemetry.
 */
import { Match } from "../rules/match";
import { ExportSettings } from "./exporter";
import { Field, fieldBit, USUAL_FIELDS } from "./fields";
import { Kept } from "../wire/arena";

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
export class TelemetrySettings extends Kept {
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
  /** The statuses of answers that are logged: a bit for each of Dubbo's, and of gRPC's. */
  logDubboStatuses: u32 = 0;
  logGrpcStatuses: u32 = 0;
  /** What a call must meet to be logged at all, or null. */
  logMatch: Match | null = null;
  /** What is told of a logged call, see fields.ts. */
  logFields: u32 = USUAL_FIELDS;
  /** Of `WHOLE` other calls so many are logged. */
  logPerWhole: u32 = 0;
  /** Where spans and log records are sent, or null. */
  spans: ExportSettings | null = null;
  logs: ExportSettings | null = null;

  /** Whether attachments are asked for: a caller's context, or what the log asks of a call. */
  get readsAttachments(): bool {
    const match = this.logMatch;
    return this.traces || (match !== null && match.asksAttachments);
  }

  /** Whether the class of an exception is told. */
  get tellsExceptions(): bool {
    return (
      this.traces ||
      (this.log != LogTarget.NONE && (this.logFields & fieldBit(Field.EXCEPTION)) != 0)
    );
  }

  /**
   * Whether something must be noted of each call for its record.
   *
   * @param hasRules whether there are rules or policies, of which a record may tell
   */
  logNotes(hasRules: bool): bool {
    if (this.log == LogTarget.NONE) return false;
    if (this.logMatch) return true;
    return hasRules && (this.logFields & (fieldBit(Field.RULE) | fieldBit(Field.POLICY))) != 0;
  }
}

/** The bit of `logOutcomes` for calls that nobody answered, behind those of `Outcome`. */
export const UNANSWERED_BIT: u32 = 1 << 4;
