// `npm run bench:micro`: the hot path in nanoseconds, without Envoy, for working on it.
//
//   1. The parsing folders alone (build/probe.wasm): frames, a request's head, its whole body, Hessian
//      values, a result's kind.
//   2. The release module in the emulator: some requests in one callback and their answers in another,
//      counted, with spans, and rewritten. A module that does nothing and one that only fetches the bytes say what
//      of it is the emulator.
//
// V8 here is Node's, not Envoy's: numbers are for comparing with each other, not with `npm run bench`.
// Results go to build/bench/micro.json.

import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { HEAD_BYTES, HESSIAN2 } from "../demo/dubbo/protocol.ts";
import { Vm } from "../test/emulator/emulator.ts";
import { fixture } from "../test/frames/fixtures.ts";
import { guest } from "../test/emulator/guest.ts";
import { probeModule } from "../test/module/probe.ts";
import { runMain } from "./entry.ts";
import { ID_OFFSET, requestRing, responseFrame } from "./frames.ts";
import { modulesFor, saveResults } from "./modules.ts";
import { SHAPES, type Shape } from "./shapes.ts";
import { spreadOf, type Spread } from "./statistics.ts";
import { shown, table } from "./table.ts";
import { REWRITE, SPANS } from "./variants.ts";

/** The least CPU time of one sample, and how many there are of each. */
const SAMPLE_MS = 40;
const SAMPLES = 9;
/** Frames at once: 64, but no more bytes than Envoy reads at once. */
const MOST_FRAMES = 64;
const MOST_BYTES = 128 * 1024;
/** A captured answer with an object of eight fields and a dozen attachments. */
const RICH_ANSWER = "dubbo-go-3.3.2/user-002-s2c-response-reply.bin";

/** Something to be measured: `run` does it `frames` times at once. */
interface Task {
  name: string;
  frames: number;
  /** Bytes of one frame. */
  bytes: number;
  run: () => void;
}

interface Found {
  name: string;
  bytes: number;
  nanoseconds: Spread;
}

/** assembly/probe.ts */
interface ProbeExports {
  memory: WebAssembly.Memory;
  allocate(size: number): number;
  newInvocation(attachments: number): number;
  readState(invocation: number): number;
  probeInvocation(invocation: number, serialization: number, p: number, end: number): number;
  probeResultKind(serialization: number, p: number, end: number): number;
  probeHessian2Skip(p: number, end: number, count: number): number;
  probeFrames(p: number, length: number, chunk: number, maxBody: number): number;
}

async function main(): Promise<number> {
  const { values } = parseArgs({ options: { module: { type: "string" } } });
  const modules = await modulesFor(values.module);
  const tasks = [...parsingTasks(), ...(await moduleTasks(readFileSync(modules.ours)))];
  const measured = tasks.map((task) => {
    return { task, runs: runsOf(task.run), samples: [] as number[] };
  });
  // In turns, so that a moment in which the machine is busy does not fall on one of them alone.
  for (let i = 0; i < SAMPLES; i++) {
    for (const { task, runs, samples } of measured) {
      samples.push((cpuMicroseconds(task.run, runs) * 1000) / (runs * task.frames));
    }
  }
  const found = measured.map(({ task: { name, bytes }, samples }): Found => {
    return { name, bytes, nanoseconds: spreadOf(samples) };
  });
  const lines = found.map(({ name, bytes, nanoseconds }) => {
    const rate = bytes === 0 ? "" : ((bytes * 1000) / nanoseconds.median).toFixed(0);
    return [name, bytes === 0 ? "" : String(bytes), shown(nanoseconds, 1), rate];
  });
  console.log(table([["", "bytes", "ns per frame", "MB/s"], ...lines]));
  saveResults("micro.json", { node: process.version, found });
  return 0;
}

/** CPU time of so many runs in µs: unlike the clock it stands while others have the core. */
function cpuMicroseconds(run: () => void, runs: number): number {
  const before = process.cpuUsage();
  for (let i = 0; i < runs; i++) run();
  const { user, system } = process.cpuUsage(before);
  return user + system;
}

/** How many runs make a sample; finding out warms up. */
function runsOf(run: () => void): number {
  let runs = 1;
  while (cpuMicroseconds(run, runs) < SAMPLE_MS * 1000) runs *= 2;
  return runs;
}

/** `count` requests of `bytes` each in a row. */
function requests(bytes: number, count: number): Uint8Array {
  const shape: Shape = { ...SHAPES[0]!, mix: [{ percent: 100, bytes }] };
  const ring = requestRing(shape);
  return new Uint8Array(ring.bytes.subarray(0, ring.offsets[count]));
}

function parsingTasks(): Task[] {
  const probe = new WebAssembly.Instance(probeModule, {}).exports as unknown as ProbeExports;
  const place = (bytes: Uint8Array): { p: number; end: number } => {
    const p = probe.allocate(bytes.length);
    new Uint8Array(probe.memory.buffer).set(bytes, p);
    return { p, end: p + bytes.length };
  };
  const headOnly = probe.newInvocation(0);
  const whole = probe.newInvocation(1);
  const tasks: Task[] = [];
  const add = (name: string, frames: number, bytes: number, run: () => number, right: number) => {
    const answer = run();
    if (answer !== right) throw new Error(`${name} answered ${answer}, not ${right}`);
    tasks.push({ name, frames, bytes, run });
  };
  add("an empty call", 1, 0, () => probe.readState(headOnly), 0);
  for (const bytes of [272, 16 * 1024]) {
    const count = atOnce(bytes);
    const length = count * bytes;
    const many = place(requests(bytes, count));
    const frames = () => probe.probeFrames(many.p, length, length, bytes);
    add(`frames, ${count} fed at once`, count, bytes, frames, count);
    const pieces = () => probe.probeFrames(many.p, length, 100, bytes);
    add("frames, fed in pieces of 100 bytes", count, bytes, pieces, count);
    const body = many.p + HEAD_BYTES;
    const end = many.p + bytes;
    const head = (which: number) => () =>
      Number(probe.probeInvocation(which, HESSIAN2, body, end) > 0 && probe.readState(which));
    add("invocation, head", 1, bytes, head(headOnly), 1);
    add("invocation, with attachments", 1, bytes, head(whole), 3);
    // Five strings, the argument, the attachments.
    const skip = () => probe.probeHessian2Skip(body, end, 7);
    add("Hessian values of a request", 1, bytes, skip, end);
  }
  const bytes = fixture(RICH_ANSWER);
  const rich = place(bytes);
  // Kind, object, attachments, and the null behind them that dubbo-go sends.
  const skip = () => probe.probeHessian2Skip(rich.p + HEAD_BYTES, rich.end, 4);
  add("Hessian values of an answer with an object", 1, bytes.length, skip, rich.end);
  const kind = () => probe.probeResultKind(HESSIAN2, rich.p + HEAD_BYTES, rich.end);
  add("result's kind", 1, bytes.length, kind, kind());
  return tasks;
}

async function moduleTasks(ours: Uint8Array): Promise<Task[]> {
  const idle = await guest({});
  const fetching = await guest({ downstream: "get(2, 0, size)", upstream: "get(3, 0, size)" });
  const tasks: Task[] = [];
  for (const bytes of [272, 16 * 1024]) {
    tasks.push(calls("emulator, nothing", idle, {}, bytes));
    // The test modules have room for 64 KiB.
    if (bytes === 272) tasks.push(calls("emulator, bytes fetched", fetching, {}, bytes));
    tasks.push(calls("ours, counting", ours, {}, bytes));
    tasks.push(calls("ours, spans of 1 %", ours, { telemetry: SPANS }, bytes));
    tasks.push(calls("ours, rewriting", ours, { routing: REWRITE }, bytes));
  }
  return tasks;
}

/** Requests in one callback and their answers in another: a frame is a call, there and back. */
function calls(name: string, module: Uint8Array, config: object, bytes: number): Task {
  const vm = Vm.load(module);
  const connection = vm.plugin({ config: JSON.stringify(config) }).connect({ collect: false });
  const count = atOnce(bytes);
  const sent = requests(bytes, count);
  const response = responseFrame();
  const answers = new Uint8Array(response.length * count);
  for (let i = 0; i < count; i++) {
    sent[i * bytes + ID_OFFSET + 7] = i;
    answers.set(response, i * response.length);
    answers[i * response.length + ID_OFFSET + 7] = i;
  }
  const grown = connection.downstream(sent).length > sent.length;
  if (grown !== "routing" in config) throw new Error(`${name}: the wrong bytes went on`);
  connection.upstream(answers);
  const run = (): void => {
    connection.downstream(sent);
    connection.upstream(answers);
  };
  const title = `${name}, ${count} calls in flight`;
  return { name: title, frames: count, bytes: bytes + response.length, run };
}

/** How many frames of this length a callback gets. */
function atOnce(bytes: number): number {
  return Math.min(MOST_FRAMES, Math.floor(MOST_BYTES / bytes));
}

await runMain(main);
