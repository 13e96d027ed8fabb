// What a process costs, looked at again and again, and whether that has stopped growing.

import { readdirSync, readFileSync } from "node:fs";

/** One look. */
export interface Sample {
  /** Resident memory in KiB, the modules' own in it. */
  rss: number;
  /** What Envoy's allocator has given out, in KiB; V8's memory is not in it. */
  allocated: number;
  /** Open file descriptors. */
  descriptors: number;
  /** Series of the filter. */
  series: number;
}

/** What of a sample may grow by how much: a part of what it was, and so many besides. */
export const TOLERANCES: Record<keyof Sample, { part: number; besides: number; unit: string }> = {
  // V8 collects when it likes to; a leak of a kilobyte per connection would be ten times this.
  rss: { part: 0.03, besides: 2048, unit: " KiB" },
  allocated: { part: 0.03, besides: 512, unit: " KiB" },
  // Connections come and go.
  descriptors: { part: 0, besides: 16, unit: "" },
  // One that counts something rare may come late; names would come by the dozen.
  series: { part: 0, besides: 4, unit: "" },
};

/** Resident memory of a process in KiB. */
export function residentKib(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);
}

/** How many file descriptors a process has open. */
export function openDescriptors(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}

/** One part of the cost, compared. */
export interface Comparison {
  what: keyof Sample;
  /** Medians of the second and of the last third of the samples. */
  second: number;
  last: number;
  isFlat: boolean;
}

/** The second third of the samples beside the last; the first is for warming up. */
export function compare(samples: readonly Sample[]): Comparison[] {
  const third = Math.floor(samples.length / 3);
  return (Object.keys(TOLERANCES) as (keyof Sample)[]).map((what) => {
    const values = samples.map((sample) => sample[what]);
    const second = median(values.slice(third, 2 * third));
    const last = median(values.slice(-third));
    const { part, besides } = TOLERANCES[what];
    return { what, second, last, isFlat: last <= second * (1 + part) + besides };
  });
}

function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? NaN;
}
