// Runs a case through a module in the emulator and holds what comes of it against what must.

import { Clock } from "../emulator/clock.ts";
import { Vm } from "../emulator/emulator.ts";
import { concat } from "../frames/frames.ts";
import type { Plugin } from "../emulator/plugin.ts";
import { label } from "../module/routing/setup.ts";
import { fetchesFor, holdHostCalls, memoryFor, OverBudget, workFor, type Spent } from "./budget.ts";
import { CaseConnection, type Beginning } from "./case_connection.ts";
import { delays, nameScope, type PluginConfig } from "./configurations.ts";
import { Counted, type Metrics } from "./consistency.ts";
import { connectionProperties, type FuzzCase, type Step } from "./fuzz_case.ts";
import { TAKE_WORK } from "./metering.ts";
import { Random } from "./random.ts";
import { noFates, WrongBytes, type Fates } from "./rewritten.ts";
import type { Totals } from "./traffic_model.ts";
import { CollectorOf, holdLine, WrongRecord } from "./telemetry.ts";
import { NODE_LABEL } from "./vocabulary.ts";

const NO_BYTES = new Uint8Array(0);

/** In ms: longer than any call is delayed, also where the clock was set back meanwhile. */
const ENOUGH = 60_000;

/** A module to run cases in. */
export interface Subject {
  module: WebAssembly.Module;
  /** Whether it has a meter, see metering.ts. */
  isMetered: boolean;
}

/** What came of a case in which everything held. */
export interface Outcome {
  metrics: Metrics;
  /** What each connection let through to server and client, and whether the module closed it. */
  went: { bytes: Uint8Array; back: Uint8Array; refused: boolean }[];
  /** Frames that came to their end in a read or were the last of one. */
  frames: number;
  mutated: number;
  bytes: number;
  memory: number;
  rewritten: number;
  refused: number;
  refusedCalls: number;
  passedThrough: number;
  /** Highest share of the work that was allowed. */
  work: number;
}

/** One run of a case in one VM. */
class Run {
  readonly vm: Vm;
  readonly #case: FuzzCase;
  readonly #isMetered: boolean;
  readonly #plugins: { plugin: Plugin; config: PluginConfig }[] = [];
  readonly #open = new Map<number, CaseConnection>();
  readonly #totals: Totals = {};
  readonly #went: Outcome["went"] = [];
  readonly #spent: Spent = { ...NOTHING_SPENT };
  readonly #seen = new Set<number>();
  /** How many sets of names each scope of configurations may show. */
  readonly #mostNames = new Map<string, number>();
  readonly #collectors: CollectorOf[] = [];
  #countsAll = true;
  #refused = 0;
  #passedThrough = 0;
  #work = 0;
  readonly #fates: Fates = noFates();

  constructor(one: FuzzCase, subject: Subject) {
    this.#case = one;
    this.#isMetered = subject.isMetered;
    const properties = { [label(NODE_LABEL.name)]: NODE_LABEL.value };
    // The time is the seed of hashes and chance.
    const now = BigInt(1.7e18) + BigInt(one.number) * 1_000_003n;
    this.vm = Vm.load(subject.module, { clock: new Clock(now), properties });
    for (const config of one.configs) this.#plugins.push(this.#plugin(config));
  }

  /** Runs all steps, and closes what is still open. */
  run(): void {
    for (const step of this.#case.steps) this.#step(step);
    for (const open of [...this.#open.keys()]) this.#close(open, "remote");
    this.#tick();
    if (this.#collectors.length === 0) return;
    // What collectors took in that tick is counted in the next one.
    this.#spendTicks();
    this.vm.tick();
  }

  /** Bytes of all reads so far. */
  get bytes(): number {
    return this.#spent.bytes;
  }

  outcome(): Outcome {
    const { vm } = this;
    for (const { message } of vm.dataLogs()) {
      if (this.#spent.tellers === 0) throw new OverBudget(`logged: ${message}`);
      holdLine(message);
    }
    const metrics = vm.metricStore.read([]);
    const counted = new Counted(metrics);
    counted.hold([...this.#mostNames.values()].reduce((sum, most) => sum + most, 0));
    // What came in the read in which a connection was refused is counted or not, and the model knows no
    // refused calls.
    const isModelled = this.#refused === 0 && this.#fates.refused === 0;
    if (isModelled && this.#countsAll) counted.holdTotals(this.#totals);
    const refusals = counted.totals["refused_requests_total"] ?? 0;
    if (this.#countsAll && refusals < this.#fates.refused) {
      throw new WrongBytes(`${this.#fates.refused} calls refused, ${refusals} counted`);
    }
    const unrewritten = counted.totals["unrewritten_requests_total"] ?? 0;
    if (this.#countsAll && unrewritten < this.#fates.kept) {
      throw new WrongBytes(`${this.#fates.kept} requests not rewritten, ${unrewritten} counted`);
    }
    this.#holdTold(counted.totals);
    holdHostCalls(vm, this.#spent, metrics.size);
    const memory = vm.memoryBytes();
    if (memory > memoryFor(this.#spent)) {
      throw new OverBudget(`${memory} bytes of memory after ${this.#spent.bytes} bytes`);
    }
    const sent = [...this.#seen].map((frame) => this.#case.frames[frame]!);
    return {
      metrics,
      went: this.#went,
      frames: sent.length,
      mutated: sent.filter(({ isGood }) => !isGood).length,
      bytes: this.#spent.bytes,
      memory,
      rewritten: this.#fates.rewritten,
      refused: this.#refused,
      refusedCalls: this.#fates.refused,
      passedThrough: this.#passedThrough,
      work: this.#work,
    };
  }

  #plugin(config: PluginConfig): { plugin: Plugin; config: PluginConfig } {
    const plugin = this.vm.plugin({ config: JSON.stringify(config) });
    if (plugin.refused !== undefined) throw new Error(plugin.refused[0]?.message);
    this.#spent.plugins++;
    this.#spent.policies += config.policies?.length ?? 0;
    if (config.metrics.enabled === false) this.#countsAll = false;
    const { key, most } = nameScope(config);
    this.#mostNames.set(key, most);
    const { collection } = this.#case;
    if (config.telemetry !== undefined && collection !== undefined) {
      this.#spent.tellers++;
      const random = Random.of(collection.seed, this.#collectors.length);
      this.#collectors.push(new CollectorOf(plugin, collection.collector, random));
    }
    return { plugin, config };
  }

  /** What collectors took is what is counted as told. */
  #holdTold(totals: Totals): void {
    const exported = totals["telemetry_exported_total"] ?? 0;
    let taken = 0;
    for (const collector of this.#collectors) {
      collector.hold();
      taken += collector.taken;
    }
    if (this.#countsAll && exported !== taken) {
      throw new WrongRecord(`${taken} records taken, ${exported} counted`);
    }
  }

  #step(step: Step): void {
    switch (step.do) {
      case "connect":
        return this.#connect(step);
      case "read":
        return this.#read(step);
      case "close":
        return this.#close(step.connection, step.how);
      case "tick":
        return this.#tick();
      case "wait":
        return this.vm.clock.advanceMilliseconds(step.milliseconds);
      case "reload": {
        const { plugin } = this.#plugins[step.plugin]!;
        plugin.shutdown();
        for (const collector of this.#collectors) collector.end(plugin);
        this.#plugins[step.plugin] = this.#plugin(step.config);
        // What configuring costs is not for those to pay who connect.
        this.#takeWork();
      }
    }
  }

  #connect(step: Step & { do: "connect" }): void {
    const { plugin, config } = this.#plugins[step.plugin]!;
    const { address } = step;
    const connection = plugin.connect({ properties: connectionProperties(address) });
    this.#spent.connections++;
    const open = new CaseConnection(connection, config, address, this.#totals);
    this.#open.set(step.connection, open);
    this.#takeWork();
  }

  #read({ connection: number, side, pieces, end }: Step & { do: "read" }): void {
    const open = this.#open.get(number);
    if (open === undefined || !open.maySend(side)) return;
    const frames = this.#case.frames;
    const parts: Uint8Array[] = [NO_BYTES];
    const good: Beginning[] = [];
    let length = 0;
    for (const { frame, from, to } of pieces) {
      const sent = frames[frame]!;
      if (from === 0 && sent.isGood) good.push({ offset: length, frame: sent });
      parts.push(sent.bytes.subarray(from, to));
      length += to - from;
      this.#seen.add(frame);
    }
    if (length === 0 && !end) return;
    const spent = this.#spent;
    spent.reads++;
    spent.bytes += length;
    spent.fetches += fetchesFor(open.connection.heldBytes + length);
    open.read(side, concat(parts), end, good);
    if (open.connection.closed) this.#finish(number, open);
    else this.#holdWork(open);
  }

  #takeWork(): number {
    if (!this.#isMetered) return 0;
    return this.vm.call(this.#plugins[0]!.plugin, TAKE_WORK, NO_BYTES);
  }

  #holdWork(open: CaseConnection): void {
    open.work += this.#takeWork();
    const most = workFor(open.reads, open.bytes);
    this.#work = Math.max(this.#work, open.work / most);
    if (open.work > most) {
      throw new OverBudget(
        `work of ${open.work} for ${open.bytes} bytes in ${open.reads} reads, at most ${most}`,
      );
    }
  }

  #close(number: number, how: "remote" | "local" | "end"): void {
    const open = this.#open.get(number);
    if (open === undefined) return;
    if (delays(open.config)) this.#endDelays();
    if (how === "end") open.connection.end();
    else open.connection.close(how);
    this.#finish(number, open);
  }

  /** What is delayed goes on: what a connection has held at its end would be nobody's. */
  #endDelays(): void {
    this.vm.clock.advanceMilliseconds(ENOUGH);
    this.#spendTicks();
    this.vm.tick();
    this.#takeWork();
  }

  #spendTicks(): void {
    for (const { plugin } of this.#plugins) {
      this.#spent.ticks += Math.ceil(500 / plugin.tickMilliseconds);
    }
  }

  #finish(number: number, open: CaseConnection): void {
    this.#open.delete(number);
    this.#takeWork();
    const { went, back, refused, passedThrough, fates } = open.finish();
    this.#went.push({ bytes: went, back, refused });
    if (refused) this.#refused++;
    if (passedThrough) this.#passedThrough++;
    this.#fates.rewritten += fates.rewritten;
    this.#fates.kept += fates.kept;
    this.#fates.refused += fates.refused;
  }

  #tick(): void {
    this.#spendTicks();
    this.vm.tick();
    for (const collector of this.#collectors) {
      const before = collector.answers;
      collector.act();
      this.#spent.answers += collector.answers - before;
    }
    this.#takeWork();
  }
}

const NOTHING_SPENT: Spent = {
  ...{ reads: 0, bytes: 0, fetches: 0, connections: 0, plugins: 0, ticks: 0 },
  ...{ tellers: 0, answers: 0, policies: 0 },
};

/** Runs the case. Throws where anything does not hold. */
export function runCase(one: FuzzCase, subject: Subject): Outcome {
  const run = new Run(one, subject);
  run.run();
  return run.outcome();
}

/** Rounds after which a VM has what the case needs. */
const WARM_UP = 8;
/** Bytes, in about, that go through a VM in the rounds behind those; and the most rounds. */
const REPEATED_BYTES = 6_000_000;
const MOST_ROUNDS = 400;

/**
 * Runs the case again and again in one VM. Throws where memory keeps growing: it grows by doubling, and
 * how blocks lie may need that once more, but no more than once.
 */
export function repeatCase(one: FuzzCase, subject: Subject): Outcome {
  const run = new Run(one, subject);
  for (let round = 0; round < WARM_UP; round++) run.run();
  const before = run.vm.memoryBytes();
  const bytes = run.bytes / WARM_UP;
  const rounds = Math.min(MOST_ROUNDS, Math.ceil(REPEATED_BYTES / (bytes + 1)));
  for (let round = 0; round < rounds; round++) run.run();
  const after = run.vm.memoryBytes();
  if (after > 2 * before) throw new OverBudget(`memory grows from ${before} to ${after} bytes`);
  return run.outcome();
}
