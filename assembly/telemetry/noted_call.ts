/**
 * What is noted of a call from its request's head to its end, for what is told of it then.
 */
import { Series } from "../metrics/series";
import { Span } from "../wire/span";
import { TraceContext } from "./trace_context";

/** Calls of a VM that are noted at once, 72 bytes each; those beyond are not told, or without their notes. */
const MOST_NOTED: u32 = 65536;

/** One call of which something is noted. */
@unmanaged
@final
export class NotedCall {
  /** The next of those that are not in use. */
  next: NotedCall | null = null;
  /** Whether it is recorded as a span; only then are there ids. */
  isTraced: bool = false;
  /** Whether it meets what the log asks of a request. */
  isLogged: bool = false;
  traceHigh: u64 = 0;
  traceLow: u64 = 0;
  /** The caller's span; 0: the call begins the trace. */
  parentId: u64 = 0;
  spanId: u64 = 0;
  /** When the request's head was read, in ns since 1970. */
  beganAt: u64 = 0;
  /** The series of the rule that it took, or null. */
  rule: Series | null = null;
  /** The name of the limit that it passed last, or null. */
  policy: Span | null = null;

  /** Gives it a place in the trace of `context`. */
  trace(context: TraceContext, spanId: u64): void {
    this.isTraced = true;
    this.traceHigh = context.traceHigh;
    this.traceLow = context.traceLow;
    this.parentId = context.spanId;
    this.spanId = spanId;
  }
}

let unused: NotedCall | null = null;
let made: u32 = 0;

/** A call that begins at `time` (ns), of which nothing is noted yet; null where there are too many. */
export function takeNotedCall(time: u64): NotedCall | null {
  let noted = unused;
  if (noted) unused = noted.next;
  else if (made == MOST_NOTED) return null;
  else {
    made++;
    noted = new NotedCall();
  }
  noted.isTraced = false;
  noted.isLogged = true;
  noted.beganAt = time;
  noted.rule = null;
  noted.policy = null;
  return noted;
}

/** Gives one back. */
export function dropNotedCall(noted: NotedCall): void {
  noted.next = unused;
  unused = noted;
}
