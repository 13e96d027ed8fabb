// The time that the module sees. It stands still unless a test moves it.

/** A clock in nanoseconds since the epoch. */
export class Clock {
  now: bigint;

  constructor(now = 1_700_000_000_000_000_000n) {
    this.now = now;
  }

  /** Moves on by `nanoseconds`; a negative number turns the clock back, as a real one may. */
  advance(nanoseconds: bigint): void {
    this.now += nanoseconds;
  }

  advanceMilliseconds(milliseconds: number): void {
    this.advance(BigInt(Math.round(milliseconds * 1e6)));
  }
}
