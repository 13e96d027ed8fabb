// Latencies, counted into buckets of about 3 %: recording one is a few instructions.

/** Buckets for each doubling. */
const STEPS = 32;
const STEP_BITS = 5;
/** Units in a microsecond: the first 32 buckets are one unit wide. */
const UNITS = 16;

/** Durations of up to two minutes and how often each was. */
export class Latencies {
  readonly #counts = new Uint32Array(32 * STEPS);
  #total = 0;

  record(microseconds: number): void {
    const units = (microseconds * UNITS) >>> 0;
    const doublings = Math.max(0, 31 - Math.clz32(units) - STEP_BITS);
    this.#counts[doublings * STEPS + (units >>> doublings)]!++;
    this.#total++;
  }

  /** The duration in µs that the given share (0 to 1) of all is not longer than; 0 if there is none. */
  quantile(share: number): number {
    let left = Math.ceil(this.#total * share);
    for (let i = 0; i < this.#counts.length; i++) {
      left -= this.#counts[i]!;
      if (left > 0 || this.#counts[i] === 0) continue;
      const doublings = Math.max(0, Math.floor(i / STEPS) - 1);
      return ((i - doublings * STEPS + 1) * 2 ** doublings) / UNITS;
    }
    return 0;
  }
}
