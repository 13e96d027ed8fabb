/**
 * Clients that have left: their connections are closed a little later, whatever the server does.
 *
 * An end of stream is passed on, and a server that hangs does not answer it; `tcp_proxy` then keeps both
 * connections until its idle timeout, an hour. A client of Dubbo's that sends no more has left, so the
 * connection can go once what it sent has gone on:
 *
 *     open ──end of stream──> departed ──`GRACE` later, at a tick──> closed
 *       └───────────────────────┴──the connection ends by itself──> gone
 *
 * All of a VM's departed connections stand in one row, the first at its head. Nothing is allocated when a
 * client leaves.
 */
import { now } from "../host/clock";
import { closeDownstreamOf } from "../host/stream";

/**
 * How long the bytes of a client that has left may take to the server, in ns: longer than dialling it
 * (`connect_timeout`, a second in our files), because what one-way calls carried is lost with the close.
 */
const GRACE: u64 = 2000000000;

let first: Departure | null = null;
let last: Departure | null = null;

/** What one connection needs to be closed when its client has left. */
@unmanaged
@final
export class Departure {
  private contextId: u32;
  /** When the client left, in ns. */
  private since: u64 = 0;
  private isWaiting: bool = false;
  private before: Departure | null = null;
  private next: Departure | null = null;

  /** @param contextId the host's number of the connection */
  constructor(contextId: u32) {
    this.contextId = contextId;
  }

  /** The client sends no more. */
  begin(): void {
    if (this.isWaiting) return;
    this.isWaiting = true;
    this.since = now();
    const before = last;
    this.before = before;
    if (before) before.next = this;
    else first = this;
    last = this;
  }

  /** The connection has ended, or is about to. */
  end(): void {
    if (!this.isWaiting) return;
    this.isWaiting = false;
    const before = this.before;
    const next = this.next;
    if (before) before.next = next;
    else first = next;
    if (next) next.before = before;
    else last = before;
    this.before = null;
    this.next = null;
  }

  /** Gives everything back. */
  free(): void {
    this.end();
    heap.free(changetype<usize>(this));
  }

  /** Whether the grace is over; a clock that was set back ends it too. */
  private isDue(time: u64): bool {
    return time - this.since >= GRACE;
  }

  /**
   * Closes the connection if it is due.
   *
   * @param rootId the root context that runs
   * @returns whether it was; those that follow left later
   */
  close(rootId: u32, time: u64): bool {
    if (!this.isDue(time)) return false;
    // Closing may end the connection here and now, and this with it.
    const contextId = this.contextId;
    this.end();
    closeDownstreamOf(contextId, rootId);
    return true;
  }
}

/** Closes the connections whose clients left long enough ago; call it in a root context's tick. */
export function closeDeparted(rootId: u32): void {
  if (first === null) return;
  const time = now();
  let departure = first;
  while (departure && departure.close(rootId, time)) departure = first;
}
