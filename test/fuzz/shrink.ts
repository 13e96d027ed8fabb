// A failing case made smaller while it still fails in the same way: fewer connections, steps, frames and
// cuts, and less configuration.

import { joined, type FuzzCase, type Step } from "./fuzz_case.ts";

/** How often a case may be run again for this. */
const MOST_RUNS = 3000;

/** Lists without a part of their elements, larger parts first. */
function* without<T>(list: readonly T[]): Generator<T[]> {
  for (let size = list.length; size >= 1; size = size >> 1) {
    for (let at = 0; at < list.length; at += size) {
      yield [...list.slice(0, at), ...list.slice(at + size)];
    }
  }
}

function usedFrames(one: FuzzCase): number[] {
  const used = new Set<number>();
  for (const step of one.steps) {
    if (step.do === "read") for (const { frame } of step.pieces) used.add(frame);
  }
  return [...used];
}

function withFrames(one: FuzzCase, frames: readonly number[]): FuzzCase {
  const left = new Set(frames);
  const steps = one.steps.flatMap((step): Step[] => {
    if (step.do !== "read") return [step];
    const pieces = step.pieces.filter(({ frame }) => left.has(frame));
    return pieces.length > 0 || step.end ? [{ ...step, pieces }] : [];
  });
  return { ...one, steps };
}

/** The case in which nothing is known any more of frames that have lost a piece. */
function withoutTorn(one: FuzzCase): FuzzCase {
  const reached = one.frames.map(() => 0);
  const torn = new Set<number>();
  const last = new Map<string, number>();
  for (const step of one.steps) {
    if (step.do !== "read") continue;
    const stream = `${step.connection} ${step.side}`;
    for (const { frame, from, to } of step.pieces) {
      const before = last.get(stream) ?? frame;
      if (before !== frame && reached[before] !== one.frames[before]!.bytes.length)
        torn.add(before);
      if (from !== reached[frame]) torn.add(frame);
      reached[frame] = to;
      last.set(stream, frame);
    }
  }
  if (torn.size === 0) return one;
  const frames = one.frames.map((frame, i) =>
    torn.has(i) ? { ...frame, isGood: false, names: null } : frame,
  );
  return { ...one, frames };
}

function* smaller(one: FuzzCase): Generator<FuzzCase> {
  for (const frames of without(usedFrames(one))) yield withFrames(one, frames);
  for (const steps of without(one.steps)) yield { ...one, steps };
  yield joined(one);
  for (const [i, config] of one.configs.entries()) {
    const rules = config.routing?.rules ?? [];
    for (const fewer of rules.length > 0 ? without(rules) : []) {
      const configs = one.configs.slice();
      configs[i] = { ...config, routing: { ...config.routing, rules: fewer } };
      yield { ...one, configs };
    }
    const configs = one.configs.slice();
    configs[i] = { ...config, metrics: {} };
    if (Object.keys(config.metrics).length > 0) yield { ...one, configs };
  }
}

/** A smaller case of which `fails` still says true. */
export function shrink(one: FuzzCase, fails: (one: FuzzCase) => boolean): FuzzCase {
  let best = one;
  let runs = 0;
  for (let isSmaller = true; isSmaller;) {
    isSmaller = false;
    for (const each of smaller(best)) {
      if (++runs > MOST_RUNS) return best;
      const candidate = withoutTorn(each);
      if (sizeOf(candidate) >= sizeOf(best) || !fails(candidate)) continue;
      best = candidate;
      isSmaller = true;
      break;
    }
  }
  return best;
}

function sizeOf(one: FuzzCase): number {
  const pieces = one.steps.map((step) => (step.do === "read" ? step.pieces.length + 1 : 1));
  return pieces.reduce((sum, count) => sum + count, 0) + JSON.stringify(one.configs).length / 1000;
}
