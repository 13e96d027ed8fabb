// Middle and spread of a few numbers that noise has been at.

/** Median and the middle half's ends. */
export interface Spread {
  median: number;
  /** A quarter of the values is below. */
  low: number;
  /** A quarter is above. */
  high: number;
}

/** Throws where there are no values. */
export function spreadOf(values: readonly number[]): Spread {
  if (values.length === 0) throw new Error("no values");
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number): number => {
    const place = share * (sorted.length - 1);
    const below = sorted[Math.floor(place)]!;
    return below + (sorted[Math.ceil(place)]! - below) * (place - Math.floor(place));
  };
  return { median: at(0.5), low: at(0.25), high: at(0.75) };
}
