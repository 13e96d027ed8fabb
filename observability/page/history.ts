// Scrapes of one Envoy over the last minute, and what has grown between them.

import type { Sample } from "./exposition.ts";

/** How much a series grew, or how high it stands. */
export interface Grown {
  labels: Record<string, string>;
  value: number;
}

interface Scrape {
  /** In ms, of any clock that runs forward. */
  time: number;
  /** By name, then by series. */
  series: Map<string, Map<string, Grown>>;
}

/** Every scrape is kept for so long … */
const RECENT_MS = 10_000;
/** … and one in so many ms … */
const STEP_MS = 5_000;
/** … for so long: the longest window, and a step to begin it in. */
const KEPT_MS = 70_000;

/** The scrapes, oldest first. */
export class History {
  #scrapes: Scrape[] = [];

  /** Takes in what was scraped at `time` (ms). */
  push(time: number, samples: Sample[]): void {
    const series: Scrape["series"] = new Map();
    for (const { name, labels, value } of samples) {
      if (!Number.isFinite(value)) continue;
      let byLabels = series.get(name);
      if (byLabels === undefined) series.set(name, (byLabels = new Map()));
      byLabels.set(JSON.stringify(Object.entries(labels).sort()), { labels, value });
    }
    this.#scrapes.push({ time, series });
    this.#forget(time);
  }

  /** Whether something was scraped. */
  get empty(): boolean {
    return this.#scrapes.length === 0;
  }

  /** How every series of the name stands. */
  latest(name: string): Grown[] {
    return [...(this.#scrapes.at(-1)?.series.get(name)?.values() ?? [])];
  }

  /** The names that were scraped last. */
  names(): string[] {
    return [...(this.#scrapes.at(-1)?.series.keys() ?? [])];
  }

  /**
   * By how much every series of the name grew in the last `windowMs`. One that was not there before began
   * at nothing; one that stands lower than before began anew, as its Envoy did.
   */
  growth(name: string, windowMs: number): Grown[] {
    const [from] = this.#ends(windowMs);
    const before = from?.series.get(name);
    return [...(this.#scrapes.at(-1)?.series.get(name) ?? [])].map(([key, { labels, value }]) => {
      const was = from === undefined ? value : (before?.get(key)?.value ?? 0);
      return { labels, value: value < was ? value : value - was };
    });
  }

  /** The same per second: what a counter's rate is over the window. */
  rate(name: string, windowMs: number): Grown[] {
    const [from, to] = this.#ends(windowMs);
    const seconds = from === undefined ? 0 : (to.time - from.time) / 1000;
    return this.growth(name, windowMs).map(({ labels, value }) => ({
      labels,
      value: seconds > 0 ? value / seconds : 0,
    }));
  }

  /** The scrapes that a window begins and ends with; the first undefined where there is only one. */
  #ends(windowMs: number): [from: Scrape | undefined, to: Scrape] {
    const to = this.#scrapes.at(-1)!;
    const earlier = this.#scrapes.slice(0, -1);
    const begin = (to?.time ?? 0) - windowMs;
    // The last one before the window, so that all of the window is in it; else the first there is.
    return [earlier.filter(({ time }) => time <= begin).at(-1) ?? earlier[0], to];
  }

  #forget(now: number): void {
    let step = -1;
    this.#scrapes = this.#scrapes.filter(({ time }) => {
      if (time > now - RECENT_MS) return true;
      if (time < now - KEPT_MS || Math.floor(time / STEP_MS) === step) return false;
      step = Math.floor(time / STEP_MS);
      return true;
    });
  }
}

/** The sum of what has the labels; all of it where none are given. */
export function sum(grown: Grown[], where: Record<string, string> = {}): number {
  const wanted = Object.entries(where);
  return grown
    .filter(({ labels }) => wanted.every(([name, value]) => (labels[name] ?? "") === value))
    .reduce((total, { value }) => total + value, 0);
}

/** Sums by what `key` makes of the labels; where it makes nothing, a series is left out. */
export function sumBy(
  grown: Grown[],
  key: (labels: Record<string, string>) => string | undefined,
): Map<string, number> {
  const sums = new Map<string, number>();
  for (const { labels, value } of grown) {
    const name = key(labels);
    if (name !== undefined) sums.set(name, (sums.get(name) ?? 0) + value);
  }
  return sums;
}

/**
 * A quantile (0 to 1) of a histogram's buckets, which are cumulative and named by `le`: straight lines
 * between their bounds, as Prometheus' `histogram_quantile`. Undefined where nothing was measured.
 */
export function quantile(q: number, buckets: Grown[]): number | undefined {
  const byBound = sumBy(buckets, ({ le }) => le);
  const sorted = [...byBound].map(([le, count]) => [bound(le), count] as const);
  sorted.sort(([a], [b]) => a - b);
  const all = sorted.at(-1)?.[1] ?? 0;
  if (all === 0) return undefined;
  const rank = q * all;
  let [low, below] = [0, 0];
  for (const [high, count] of sorted) {
    if (count >= rank && count > below) {
      if (high === Infinity) return low;
      return low + ((high - low) * (rank - below)) / (count - below);
    }
    [low, below] = [high, count];
  }
  return low;
}

function bound(le: string): number {
  return le === "+Inf" ? Infinity : Number(le);
}
