/**
 * Connections and HTTP streams that a fault holds for a while, each until a tick finds its time over.
 *
 *     held ──its time is over, at a tick──> goes on
 *       └──it ends by itself──> gone
 *
 * All of a VM's stand in one row, the newest at its head. What is held lies with the connection or stream.
 */

let first: Delay | null = null;
/** The one that the tick looks at next. */
let next: Delay | null = null;

/** One connection's or stream's. */
@unmanaged
export class Delay {
  private newer: Delay | null = null;
  /** The one that began before it. */
  older: Delay | null = null;

  /**
   * It is held from now on.
   *
   * @param contextId the host's number of the connection or stream
   * @param since when it began, in ns
   * @param wait how long it is held, in ns
   */
  constructor(
    readonly contextId: u32,
    protected since: u64,
    protected wait: u64,
  ) {
    const older = first;
    this.older = older;
    if (older) older.newer = this;
    first = this;
  }

  /** Whether its time is over; a clock that was set back ends it too. */
  isOver(time: u64): bool {
    return time - this.since >= this.wait;
  }

  /** It is held no longer; it may then be given back. */
  leave(): void {
    const newer = this.newer;
    const older = this.older;
    if (next == this) next = older;
    if (newer) newer.older = older;
    else first = older;
    if (older) older.newer = newer;
  }
}

/** Whether any is held: a tick begins to look at them. */
export function beginOver(): bool {
  next = first;
  return next !== null;
}

/** The context of the next one whose time is over; 0: there is none any more. */
export function nextOver(time: u64): u32 {
  let delay = next;
  while (delay) {
    next = delay.older;
    if (delay.isOver(time)) return delay.contextId;
    delay = next;
  }
  return 0;
}
