/**
 * The place of a call in its trace, from its request's head to its end.
 */
import { TraceContext } from "./trace_context";

/** Calls of a VM that are traced at once, 64 bytes each; those beyond are not told. */
const MOST_TRACED: u32 = 65536;

/** One call that is recorded. */
@unmanaged
@final
export class TracedCall {
  /** The next of those that are not in use. */
  next: TracedCall | null = null;
  traceHigh: u64 = 0;
  traceLow: u64 = 0;
  /** The caller's span; 0: the call begins the trace. */
  parentId: u64 = 0;
  spanId: u64 = 0;
  /** When the request's head was read, in ns since 1970. */
  beganAt: u64 = 0;
}

let unused: TracedCall | null = null;
let made: u32 = 0;

/** A traced call that belongs to `context`, or null where too many are traced. */
export function takeTracedCall(context: TraceContext, spanId: u64, time: u64): TracedCall | null {
  let traced = unused;
  if (traced) unused = traced.next;
  else if (made == MOST_TRACED) return null;
  else {
    made++;
    traced = new TracedCall();
  }
  traced.traceHigh = context.traceHigh;
  traced.traceLow = context.traceLow;
  traced.parentId = context.spanId;
  traced.spanId = spanId;
  traced.beganAt = time;
  return traced;
}

/** Gives one back. */
export function dropTracedCall(traced: TracedCall): void {
  traced.next = unused;
  unused = traced;
}
