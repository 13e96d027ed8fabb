/**
 * A call that has ended, as the ledger tells it to who reports it outside.
 */
import { CallKind, ClosedBy, Outcome, Protocol, Side } from "../call/vocabulary";
import { Series } from "../metrics/series";
import { Span } from "../wire/span";
import { NotedCall } from "./noted_call";

/** One, filled again and again. */
@unmanaged
@final
export class EndedCall {
  series: Series;
  side: Side = Side.CONSUMER;
  protocol: Protocol = Protocol.DUBBO;
  kind: CallKind = CallKind.TWOWAY;
  /** A place in call/serializations.ts. */
  serialization: u32 = 0;
  /** What was noted of it, or null. */
  noted: NotedCall | null = null;
  /** The request's id; 0 over HTTP. */
  id: u64 = 0;
  /** When the request's last byte, and the answer's, had passed, in ns since 1970. */
  askedAt: u64 = 0;
  endedAt: u64 = 0;
  requestBytes: i64 = 0;
  responseBytes: i64 = 0;
  isAnswered: bool = false;
  /** Of an answer: a place in the protocol's list of call/statuses.ts. */
  status: u32 = 0;
  outcome: u32 = <u32>Outcome.UNKNOWN;
  /** The class of the exception that it carries, or null: it has none, or that could not be read. */
  thrown: Span | null = null;
  /** Of a call without one. */
  closedBy: ClosedBy = ClosedBy.UNKNOWN;

  constructor(series: Series) {
    this.series = series;
  }
}
