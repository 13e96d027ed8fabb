// Measurements into what is shown: medians over all turns, and each chain against others of its turn.
//
// Differences and ratios are taken within a turn, and then their median: what slows the machine for
// some seconds slows both.

import { BASE } from "./variants.ts";
import { DIRECT, type Measurement } from "./run.ts";
import { spreadOf, type Spread } from "./statistics.ts";

/** One chain under one shape. */
export interface Row {
  shape: string;
  variant: string;
  turns: number;
  /** Turns that are void and count for nothing here. */
  voidTurns: number;
  /** µs of CPU time per call; undefined for the generator alone. */
  cpu: Spread | undefined;
  /** µs more than `tcp_proxy` alone. */
  overTcpProxy: Spread | undefined;
  /** Times what `dubbo_proxy` alone needs. */
  ofDubboProxy: Spread | undefined;
  /** Times what our chain needs that only counts. */
  ofCounting: Spread | undefined;
  /** Times what the same chain needs with the build that is compared with. */
  ofBase: Spread | undefined;
  /** Time that Envoy waited for a core, as a share of its CPU time. */
  waited: Spread | undefined;
  callsPerSecond: Spread;
  /** Latencies in µs. */
  p50: Spread;
  p99: Spread;
}

/** A row for each shape and chain, in the order in which they come; none where all turns are void. */
export function summarize(measurements: readonly Measurement[]): Row[] {
  const groups = new Map<string, Measurement[]>();
  for (const one of measurements) {
    const key = `${one.shape} ${one.variant}`;
    groups.set(key, [...(groups.get(key) ?? []), one]);
  }
  const good = (shape: string, variant: string): Measurement[] =>
    (groups.get(`${shape} ${variant}`) ?? []).filter((one) => one.void.length === 0);
  const rows: Row[] = [];
  for (const all of groups.values()) {
    const { shape, variant } = all[0]!;
    const ones = good(shape, variant);
    if (ones.length === 0) continue;
    const against = (other: string, how: (a: number, b: number) => number): Spread | undefined => {
      const pairs = ones.flatMap((one) => {
        const match = good(shape, other).find(({ turn }) => turn === one.turn);
        const [a, b] = [one.cpuPerCall, match?.cpuPerCall];
        return a === undefined || b === undefined ? [] : [how(a, b)];
      });
      return pairs.length === 0 || other === variant ? undefined : spreadOf(pairs);
    };
    rows.push({
      shape,
      variant,
      turns: ones.length,
      voidTurns: all.length - ones.length,
      cpu: variant === DIRECT ? undefined : spreadOf(ones.map((one) => one.cpuPerCall!)),
      overTcpProxy: against("tcp_proxy", (a, b) => a - b),
      ofDubboProxy: against("dubbo_proxy", (a, b) => a / b),
      ofCounting: against("ours", (a, b) => a / b),
      ofBase: against(BASE + variant, (a, b) => a / b),
      waited: variant === DIRECT ? undefined : spreadOf(ones.map((one) => one.waited!)),
      callsPerSecond: spreadOf(ones.map((one) => one.callsPerSecond)),
      p50: spreadOf(ones.map((one) => one.p50)),
      p99: spreadOf(ones.map((one) => one.p99)),
    });
  }
  return rows;
}
