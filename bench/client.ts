// The load generator: a process of its own that puts a shape's load on a port and measures (peer.ts).
//
// A closed loop: a call is sent when another one has been answered. First it warms up, at least until
// every frame was sent once. Then everything rests, CPU time of the process that is measured is read,
// the load runs again, everything rests, and CPU time is read once more: so the calls are exactly those
// that the CPU time was spent on.

import { setTimeout as sleep } from "node:timers/promises";
import { ClientConnection, type Load } from "./client_connection.ts";
import { requestRing, type FrameRing } from "./frames.ts";
import { Latencies } from "./latency.ts";
import { answerQuestions } from "./peer.ts";
import { cpuCost, type CpuCost } from "./process_cost.ts";
import type { Shape } from "./shapes.ts";

/** What to do. */
export interface LoadQuestion {
  shape: Shape;
  port: number;
  /** The process whose CPU time is read; undefined for none. */
  pid: number | undefined;
  warmUpMs: number;
  /** Time between warm-up and measurement, at least. */
  settleMs: number;
  ms: number;
}

/** Sums over everything that was sent and received, and what was measured after the warm-up. */
export interface LoadReply {
  calls: number;
  answers: number;
  requestBytes: number;
  responseBytes: number;
  connections: number;
  measured: {
    calls: number;
    seconds: number;
    /** Of the process; zero where none was named. */
    cpu: CpuCost;
    /** Latencies in µs. */
    p50: number;
    p99: number;
  };
}

/** The slowest answer that is waited for: Envoy's worker stands still while it makes metrics. */
const REST_MS = 20_000;
/** For the fewest calls that are asked for: with 10,000 names, Envoy first makes 90,000 metrics. */
const MOST_RUN_MS = 100_000;
/** For the process that is measured to do what it still does after the last answer. */
const QUIET_MS = 20;
/** A process that takes 1 % of a core is quiet. */
const QUIET_NS_PER_MS = 10_000;
const MOST_QUIET_MS = 30_000;

/** Resolved when what `nanoseconds` counts hardly grows any more, or after half a minute. */
async function untilQuiet(nanoseconds: () => number): Promise<void> {
  const end = Date.now() + MOST_QUIET_MS;
  for (let before = nanoseconds(); Date.now() < end;) {
    await sleep(QUIET_MS);
    const now = nanoseconds();
    if (now - before < QUIET_MS * QUIET_NS_PER_MS) return;
    before = now;
  }
}

let last: { key: string; ring: FrameRing } | undefined;

/** The frames of a shape; of the last one they are kept, because encoding takes its time. */
function ringOf(shape: Shape): FrameRing {
  const key = JSON.stringify(shape);
  if (last?.key !== key) last = { key, ring: requestRing(shape) };
  return last.ring;
}

async function load(question: LoadQuestion): Promise<LoadReply> {
  const { shape, port, pid } = question;
  const cost = () => (pid === undefined ? { ran: 0, waited: 0 } : cpuCost(pid));
  let latencies = new Latencies();
  let rested = () => {};
  let failed: (error: Error) => void = () => {};
  const failure = new Promise<never>((_, reject) => (failed = reject));
  const state: Load = {
    port,
    inFlight: shape.inFlight,
    callsPerConnection: shape.callsPerConnection,
    running: false,
    calls: 0,
    answers: 0,
    requestBytes: 0,
    responseBytes: 0,
    connections: 0,
    latencies: () => latencies,
    onRest: () => connections.every((one) => one.resting) && rested(),
    onFailure: (why) => failed(new Error(why)),
  };
  const ring = ringOf(shape);
  const connections = Array.from(
    { length: shape.connections },
    () => new ClientConnection(state, ring),
  );
  const run = async (ms: number, fewestCalls: number): Promise<void> => {
    const rest = new Promise<void>((resolve) => (rested = resolve));
    state.running = true;
    for (const connection of connections) connection.start();
    await Promise.race([sleep(ms), failure]);
    const end = Date.now() + MOST_RUN_MS;
    while (state.calls < fewestCalls && Date.now() < end) await Promise.race([sleep(1), failure]);
    state.running = false;
    if (connections.every((one) => one.resting)) return;
    const late = setTimeout(() => failed(new Error("calls were not answered")), REST_MS);
    await Promise.race([rest, failure]);
    clearTimeout(late);
  };

  try {
    // Each connection begins with the first frame: when all had as many calls as there are, all frames
    // were sent.
    await run(question.warmUpMs, ring.count * connections.length);
    await sleep(question.settleMs);
    await untilQuiet(() => cost().ran);
    const callsBefore = state.calls;
    latencies = new Latencies();
    const costBefore = cost();
    const start = performance.now();
    await run(question.ms, 1);
    const seconds = (performance.now() - start) / 1000;
    await Promise.race([sleep(QUIET_MS), failure]);
    const costAfter = cost();
    const cpu = {
      ran: costAfter.ran - costBefore.ran,
      waited: costAfter.waited - costBefore.waited,
    };
    const { calls, answers, requestBytes, responseBytes, connections: opened } = state;
    const [p50, p99] = [latencies.quantile(0.5), latencies.quantile(0.99)];
    const measured = { calls: calls - callsBefore, seconds, cpu, p50, p99 };
    return { calls, answers, requestBytes, responseBytes, connections: opened, measured };
  } finally {
    for (const connection of connections) connection.close();
  }
}

answerQuestions(load);
