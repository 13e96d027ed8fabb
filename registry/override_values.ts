// The two values that an override can give an instance.

import { MAX_WEIGHT } from "./instance.ts";

/** @throws Error where it is there and no weight */
export function weightOf(value: unknown): number | undefined {
  if (value === undefined || value === null) return undefined;
  const weight = /^\d{1,6}$/.test(String(value)) ? Number(value) : NaN;
  if (weight <= MAX_WEIGHT) return weight;
  throw new Error(`weight ${JSON.stringify(value)} is no whole number up to ${MAX_WEIGHT}`);
}

/** @throws Error where it is there and neither true nor false */
export function disabledOf(value: unknown): boolean | undefined {
  if (value === undefined || value === null) return undefined;
  if (String(value) === "true") return true;
  if (String(value) === "false") return false;
  throw new Error(`disabled ${JSON.stringify(value)} is neither true nor false`);
}
