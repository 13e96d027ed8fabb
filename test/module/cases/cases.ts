// Replays cases of test/cases through a module, each in many ways that must not differ: as
// written, coalesced with their neighbours, byte by byte, and split in two at every byte.

import { readdirSync } from "node:fs";
import type { Case, CaseDocument } from "./case_document.ts";
import { readDocument } from "./case_document.ts";
import { compareMetrics, writeMetrics } from "./case_metrics.ts";
import type { Side, Step } from "./case_stream.ts";
import { Clock } from "../../emulator/clock.ts";
import type { Connection } from "../../emulator/connection.ts";
import { Vm } from "../../emulator/emulator.ts";
import { concat, hexOf } from "../../emulator/hex.ts";

const FOLDER = new URL("../../cases/", import.meta.url);
const NO_BYTES = new Uint8Array(0);

/** Runs of bytes up to this long are split at every byte, longer ones at about as many places. */
const SPLIT_BOUND = 4096;

/** How a stream is cut into reads. */
export interface Way {
  name: string;
  steps: Step[];
}

/** All documents of test/cases, by file name. */
export function loadDocuments(): CaseDocument[] {
  return readdirSync(FOLDER)
    .filter((file) => file.endsWith(".md") && file !== "README.md")
    .sort()
    .map((file) => readDocument(new URL(file, FOLDER).pathname));
}

/** Neighbouring bytes of the same side made one step. */
function coalesce(steps: readonly Step[]): Step[] {
  const whole: Step[] = [];
  for (const step of steps) {
    const last = whole.at(-1);
    if (step.kind === "bytes" && last?.kind === "bytes" && last.side === step.side) {
      whole[whole.length - 1] = { ...step, bytes: concat([last.bytes, step.bytes]) };
    } else {
      whole.push(step);
    }
  }
  return whole;
}

function splitAt(step: Step & { kind: "bytes" }, ...places: number[]): Step[] {
  const ends = [...places, step.bytes.length];
  return ends.map((end, i) => ({ ...step, bytes: step.bytes.subarray(ends[i - 1] ?? 0, end) }));
}

const isLong = (step: Step): boolean => step.kind === "bytes" && step.bytes.length > SPLIT_BOUND;

/** The places where a run of `length` bytes is split; the edges of a long one always are. */
function splitPlaces(length: number): number[] {
  const all = Array.from({ length: Math.max(0, length - 1) }, (_, i) => i + 1);
  if (length <= SPLIT_BOUND) return all;
  const step = Math.ceil(length / SPLIT_BOUND);
  return all.filter((place) => place < 300 || length - place < 300 || place % step === 0);
}

/** The ways to replay these steps. */
export function* ways(steps: readonly Step[]): Generator<Way> {
  yield { name: "as written", steps: [...steps] };
  const whole = coalesce(steps);
  yield { name: "coalesced", steps: whole };
  // Offering a held megabyte again at each byte would take hours.
  if (!whole.some(isLong)) {
    const single = whole.flatMap((step) =>
      step.kind === "bytes" ? splitAt(step, ...splitPlaces(step.bytes.length)) : [step],
    );
    yield { name: "byte by byte", steps: single };
  }
  for (const [i, step] of whole.entries()) {
    if (step.kind !== "bytes") continue;
    for (const place of splitPlaces(step.bytes.length)) {
      const halves = splitAt(step, place);
      yield {
        name: `${step.side} bytes of step ${i + 1} split after ${place}`,
        steps: [...whole.slice(0, i), ...halves, ...whole.slice(i + 1)],
      };
    }
  }
}

/** Plays steps; returns the VM and the bytes that went in and came out, by the side they go to. */
function play(
  module: WebAssembly.Module,
  { config, properties }: Case,
  steps: readonly Step[],
): { vm: Vm; sent: Record<Side, Uint8Array>; out: Record<Side, Uint8Array> } {
  const clock = new Clock();
  const vm = Vm.load(module, { clock });
  const plugin = vm.plugin({ config, properties });
  if (plugin.refused !== undefined) {
    throw new Error(`refused: ${plugin.refused.map((line) => line.message).join("; ")}`);
  }
  const connections: Connection[] = [plugin.connect()];
  const sent: Record<Side, Uint8Array[]> = { downstream: [NO_BYTES], upstream: [NO_BYTES] };
  for (const step of steps) {
    const connection = connections.at(-1)!;
    if (step.kind === "bytes") {
      sent[step.side === "downstream" ? "upstream" : "downstream"].push(step.bytes);
      connection[step.side](step.bytes);
    } else if (step.kind === "fin") connection[step.side](NO_BYTES, true);
    else if (step.kind === "close") connection.close(step.by);
    else if (step.kind === "end") connection.end();
    else if (step.kind === "wait") clock.advance(step.nanoseconds);
    else if (step.kind === "tick") vm.tick();
    else connections.push(plugin.connect());
  }
  vm.tick();
  return {
    vm,
    sent: { downstream: concat(sent.downstream), upstream: concat(sent.upstream) },
    out: {
      downstream: concat([NO_BYTES, ...connections.map((each) => each.toDownstream)]),
      upstream: concat([NO_BYTES, ...connections.map((each) => each.toUpstream)]),
    },
  };
}

/** What is wrong after replaying a case in one way; empty if nothing is. */
function faults(module: WebAssembly.Module, replayed: Case, way: Way): string[] {
  const { vm, sent, out } = play(module, replayed, way.steps);
  const found: string[] = [];
  const metrics = vm.metrics();
  const differing = compareMetrics(replayed.metrics, metrics);
  if (differing.length > 0) {
    const actual = writeMetrics(metrics, replayed.shared);
    found.push(`metrics differ:\n${differing.join("\n")}\nas the module has them:\n${actual}`);
  }
  for (const side of ["upstream", "downstream"] as const) {
    const expected = replayed.out[side] ?? sent[side];
    if (Buffer.compare(expected, out[side]) !== 0) {
      const shown = [expected, out[side]].map((bytes) => hexOf(bytes.subarray(0, 512)));
      found.push(`bytes to ${side} differ:\n- ${shown[0]}\n+ ${shown[1]}`);
    }
  }
  const logged = vm.dataLogs().map((line) => `${line.callback}: ${line.message}`);
  if (logged.length > 0) found.push(`data callbacks logged:\n${logged.slice(0, 5).join("\n")}`);
  return found;
}

/** Replays a case in all ways; throws at the first way that goes wrong, telling what and which. */
export function replay(module: WebAssembly.Module, replayed: Case): void {
  for (const way of ways(replayed.steps)) {
    const where = `${replayed.file}:${replayed.line}: "${replayed.name}", ${way.name}`;
    let found: string[];
    try {
      found = faults(module, replayed, way);
    } catch (error) {
      throw new Error(`${where}: ${(error as Error).message}`, { cause: error });
    }
    if (found.length > 0) throw new Error(`${where}: ${found.join("\n")}`);
  }
}
