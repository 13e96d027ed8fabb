// Calls whose answers take times that spread as real ones do: most are short, and a few take long. Both the
// caller and the filter measure them.

import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { FrameSplitter } from "../../../demo/dubbo/frame.ts";
import { request, response } from "../../frames/frames.ts";
import { until } from "../envoy_setup.ts";
import { pair, type Upstream } from "../envoy_sockets.ts";

const CALLS = 1000;
const MEDIAN_MS = 90;
/** How much times differ: the logarithm of them has this standard deviation. */
const SPREAD = 0.8;
/** Between calls: who measures must not be busy. */
const PAUSE_MS = 2;
const MAX_BODY_BYTES = 1 << 20;
/** Where a frame has its id. */
const ID_AT = 4;

/**
 * Makes the calls over one connection, one after the other begins, and answers each after its time.
 *
 * @returns how long each took for the caller in ms, from the shortest to the longest
 */
export async function callsThatTake(port: number, upstream: Upstream): Promise<number[]> {
  const { near, far } = await pair(port, upstream);
  const times = Array.from({ length: CALLS }, (_, id) => timeOf(id));
  // Made before, for what takes long here is a part of what is measured.
  const [asked, answered] = [request(), response()];
  const began: number[] = [];
  const took: number[] = [];
  const answers = new FrameSplitter(({ id }) => {
    took.push(performance.now() - began[Number(id)]!);
  }, MAX_BODY_BYTES);
  near.socket.on("data", (chunk: Buffer) => answers.push(chunk));
  const requests = new FrameSplitter(({ id }) => {
    setTimeout(() => far.socket.write(numbered(answered, id)), times[Number(id)]);
  }, MAX_BODY_BYTES);
  far.socket.on("data", (chunk: Buffer) => requests.push(chunk));
  for (let id = 0; id < CALLS; id++) {
    began.push(performance.now());
    near.socket.write(numbered(asked, BigInt(id)));
    await sleep(PAUSE_MS);
  }
  await until("all answers", () => took.length === CALLS);
  near.socket.destroy();
  return took.sort((a, b) => a - b);
}

/** A copy of a frame with another id. */
function numbered(frame: Uint8Array, id: bigint): Uint8Array {
  const copy = Uint8Array.from(frame);
  new DataView(copy.buffer).setBigUint64(ID_AT, id);
  return copy;
}

/** The smallest of the sorted times that so large a part of them does not exceed. */
export function quantileOf(sorted: readonly number[], q: number): number {
  assert.ok(sorted.length > 0);
  return sorted[Math.ceil(q * sorted.length) - 1]!;
}

/** The time of the `id`-th call in ms: a log-normal distribution's, without chance. */
function timeOf(id: number): number {
  return MEDIAN_MS * Math.exp(SPREAD * normalQuantile((id + 0.5) / CALLS));
}

/** Where the normal distribution's share `p` ends, by halving: there is no formula. */
function normalQuantile(p: number): number {
  let [low, high] = [-6, 6];
  while (high - low > 1e-9) {
    const middle = (low + high) / 2;
    if (normalShare(middle) < p) low = middle;
    else high = middle;
  }
  return low;
}

/** The normal distribution's share below `x`, as the sum of its series. */
function normalShare(x: number): number {
  let [term, sum] = [x, x];
  for (let n = 1; n < 200; n++) {
    term *= (-x * x * (2 * n - 1)) / (2 * n * (2 * n + 1));
    sum += term;
  }
  return 0.5 + sum / Math.sqrt(2 * Math.PI);
}
