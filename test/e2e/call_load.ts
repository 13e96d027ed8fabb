// Calls that are made all the time by several callers, while something else happens to who answers.

import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

/** How to call. */
export interface LoadOptions {
  /** How many callers, each with one call at a time. */
  callers: number;
  /** One call, the number-th; resolved with who has answered. What it rejects with is a failure. */
  call: (number: number) => Promise<string>;
  /** Time in ms between a caller's calls; none unless given. */
  pauseMs?: number;
}

/** More than this is not kept of a load that goes wrong. */
const MAX_FAILURES = 20;
/** After so many calls a load ends by itself, whatever it waits for. */
const MAX_CALLS = 200_000;
const POLL_MS = 20;

/** Calls under way; `startLoad` makes it. */
export class Load {
  /** Who has answered, in the order of the answers. */
  readonly answers: string[] = [];
  /** What calls were rejected with, the first of them. */
  readonly failures: string[] = [];
  readonly #callers: Promise<void>[];
  #started = 0;
  #ending = false;

  constructor({ callers, call, pauseMs = 0 }: LoadOptions) {
    this.#callers = Array.from({ length: callers }, async () => {
      while (!this.#ending && this.failures.length < MAX_FAILURES && this.#started < MAX_CALLS) {
        try {
          this.answers.push(await call(this.#started++));
        } catch (error) {
          this.failures.push(String(error));
        }
        if (pauseMs > 0) await sleep(pauseMs);
      }
    });
  }

  /** Resolved once there are so many answers more than now; rejects where calls fail, or after `ms`. */
  async more(count: number, ms: number): Promise<void> {
    const enough = this.answers.length + count;
    await this.#until(`${count} answers more`, ms, () => this.answers.length >= enough);
  }

  /**
   * Resolved once so many answers in a row, all after now, came from these and from each of them.
   * Rejects where calls fail, or after `ms`.
   */
  async answeredBy(names: string[], count: number, ms: number): Promise<void> {
    const from = this.answers.length;
    const expected = [...names].sort().join();
    await this.#until(`${count} answers of ${expected} only`, ms, () => {
      const last = this.answers.slice(Math.max(from, this.answers.length - count));
      return last.length === count && [...new Set(last)].sort().join() === expected;
    });
  }

  /** Ends it, after the calls that are under way. Rejects where any call has failed. */
  async stop(): Promise<void> {
    await this.end();
    assert.deepEqual(this.failures, []);
  }

  /** Ends it, whatever became of it. */
  async end(): Promise<void> {
    this.#ending = true;
    await Promise.all(this.#callers);
  }

  async #until(what: string, ms: number, holds: () => boolean): Promise<void> {
    const end = Date.now() + ms;
    while (!holds()) {
      assert.deepEqual(this.failures, []);
      assert.ok(Date.now() < end, `not in ${ms} ms: ${what}`);
      await sleep(POLL_MS);
    }
  }
}

/** Starts to call, until the test ends at the latest. */
export function startLoad(t: TestContext, options: LoadOptions): Load {
  const load = new Load(options);
  t.after(() => load.end());
  return load;
}
