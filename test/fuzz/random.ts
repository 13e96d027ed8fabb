// Random numbers of the fuzzer: the same for the same seed, in every run and on every machine.

import { numbers } from "../module/routing/setup.ts";

/** A stream of choices. */
export class Random {
  readonly #next: () => number;

  constructor(seed: number) {
    this.#next = numbers(seed);
  }

  /** The choices of one case of a run: any case can be had without those before it. */
  static of(seed: number, caseNumber: number): Random {
    const mixed = Math.imul(seed | 0, 0x9e3779b1) ^ Math.imul(caseNumber + 1, 0x85ebca6b);
    return new Random(mixed ^ (mixed >>> 15));
  }

  /** A whole number from 0 to below `below`. */
  below(below: number): number {
    return this.#next() % below;
  }

  /** A whole number from `least` to `most`. */
  between(least: number, most: number): number {
    return least + this.below(most - least + 1);
  }

  /** True in one of `count` cases. */
  oneIn(count: number): boolean {
    return this.#next() % count === 0;
  }

  pick<T>(from: readonly T[]): T {
    return from[this.#next() % from.length]!;
  }

  /** Some of `from`, in their order; often none. */
  some<T>(from: readonly T[], oneIn: number): T[] {
    return from.filter(() => this.oneIn(oneIn));
  }

  /** A number of 32 bits. */
  word(): number {
    return this.#next();
  }
}
