// One case: configurations, and what happens on some connections under them, one step after the other.
// The same seed and number make the same case.

import { propertyPath, type PropertyValues } from "../emulator/properties.ts";
import { randomConfig, randomPolicies, type PluginConfig } from "./configurations.ts";
import { writtenSeed, type CallNames, type Corpus, type Seed } from "./corpus.ts";
import { addAttachment, mutate, takesAttachments } from "./mutations.ts";
import { Random } from "./random.ts";
import { randomCollection, randomTelemetry, withContext, type Collection } from "./telemetry.ts";
import { ADDRESSES } from "./vocabulary.ts";

export type Side = "downstream" | "upstream";

/** A frame as it will be sent. */
export interface SentFrame {
  bytes: Uint8Array;
  /** Whether it is whole and right, so that it is known what must become of it. */
  isGood: boolean;
  /** Under which names a good request is counted; null where that is not sure. */
  names: CallNames | null;
}

/** A piece of a frame, in a read. */
export interface Piece {
  frame: number;
  from: number;
  to: number;
}

export type Step =
  | { do: "connect"; connection: number; plugin: number; address: string }
  | { do: "read"; connection: number; side: Side; pieces: Piece[]; end: boolean }
  | { do: "close"; connection: number; how: "remote" | "local" | "end" }
  | { do: "tick" }
  | { do: "wait"; milliseconds: number }
  | { do: "reload"; plugin: number; config: PluginConfig };

export interface FuzzCase {
  seed: number;
  number: number;
  /** Of the plugins that are there from the start; they share a VM. */
  configs: PluginConfig[];
  frames: SentFrame[];
  steps: Step[];
  /** Whether reads of neighbouring bytes may be joined without changing what must come of them. */
  mayBeJoined: boolean;
  /** How collectors behave, where calls are told. */
  collection: Collection | undefined;
}

/** What the case's connection knows of the client. */
export function connectionProperties(address: string): PropertyValues {
  return { [propertyPath("source", "address")]: address };
}

/** Makes another seed of a run's. */
const POLICIES = 0x501c;
const MOST_IDS = 8;
const MAGIC = 0xdabb;
/** Makes the choices of telemetry others than those of the case. */
const TELEMETRY = 0x7e1e;
/** In bytes: frames up to this length are sometimes cut into single bytes. */
const LONGEST_IN_BYTES = 700;

class Maker {
  readonly #random: Random;
  readonly #corpus: Corpus;
  /** Of callers' trace contexts; undefined where calls are not told. */
  readonly #contexts: Random | undefined;
  readonly frames: SentFrame[] = [];

  constructor(random: Random, corpus: Corpus, contexts: Random | undefined) {
    this.#random = random;
    this.#corpus = corpus;
    this.#contexts = contexts;
  }

  /** Everything that happens on one connection, in its order. */
  connection(number: number, plugin: number): Step[] {
    const random = this.#random;
    // One in so many frames is hostile; in most connections only their bodies, so that the filter goes
    // on reading.
    const hostility = random.pick([1, 1, 2, 2, 3, 20, 1000]);
    const staysInStep = !random.oneIn(4);
    // A filter that protects keys closes at the first frame that it cannot read, so some connections bring
    // none but those that can be read.
    const onlySpoofs = random.oneIn(4);
    const address = random.pick(ADDRESSES);
    const steps: Step[] = [{ do: "connect", connection: number, plugin, address }];
    const cuts = random.below(5);
    for (let turn = random.between(2, 30); turn > 0; turn--) {
      const side: Side = random.oneIn(2) ? "upstream" : "downstream";
      // Now and then more than the filter fetches at once.
      const count = random.oneIn(80) ? random.between(100, 250) : random.between(1, 6);
      const sent = Array.from({ length: count }, () =>
        this.#frame(side, hostility, staysInStep, onlySpoofs),
      );
      steps.push(...this.#reads(number, side, sent, cuts));
    }
    for (const side of ["downstream", "upstream"] as const) {
      if (!random.oneIn(3)) continue;
      // Mostly the last thing, but the other side may go on for long.
      const at = random.oneIn(2) ? steps.length : random.between(1, steps.length);
      steps.splice(at, 0, { do: "read", connection: number, side, pieces: [], end: true });
    }
    if (!random.oneIn(6)) {
      const how = random.pick(["remote", "local", "end"] as const);
      steps.push({ do: "close", connection: number, how });
    }
    return steps;
  }

  #frame(side: Side, hostility: number, staysInStep: boolean, onlySpoofs: boolean): number {
    const random = this.#random;
    const seed = this.#seed(side);
    let { bytes, isGood } = seed;
    const contexts = this.#contexts;
    if (contexts?.oneIn(2) && takesAttachments(seed)) {
      ({ bytes, isGood } = withContext(contexts, seed));
    }
    const mayBeHostile = bytes === seed.bytes;
    const isHostile =
      random.oneIn(hostility) && mayBeHostile && (!onlySpoofs || takesAttachments(seed));
    if (isHostile && onlySpoofs) {
      bytes = addAttachment(random, seed);
      isGood = false;
    } else if (isHostile) {
      bytes = mutate(random, seed, this.#seed(side));
      if (staysInStep) bytes = inStep(bytes);
      isGood = false;
    } else {
      bytes = bytes.slice();
      // Few ids, so that answers meet calls and calls each other.
      new DataView(bytes.buffer).setBigUint64(4, BigInt(random.below(MOST_IDS)));
    }
    return this.frames.push({ bytes, isGood, names: isGood ? seed.names : null }) - 1;
  }

  #seed(side: Side): Seed {
    const random = this.#random;
    // Either side may send anything, but mostly it sends what it should.
    const of = random.oneIn(10) ? (side === "upstream" ? "downstream" : "upstream") : side;
    if (random.oneIn(400)) return random.pick(this.#corpus.large[of]);
    if (random.oneIn(20)) return writtenSeed(random, of, random.below(MOST_IDS));
    return random.pick(this.#corpus[of]);
  }

  /** Cuts the bytes of these frames into reads. */
  #reads(connection: number, side: Side, sent: number[], cuts: number): Step[] {
    const random = this.#random;
    const steps: Step[] = [];
    let pieces: Piece[] = [];
    const flush = (): void => {
      if (pieces.length > 0) steps.push({ do: "read", connection, side, pieces, end: false });
      pieces = [];
    };
    for (const frame of sent) {
      const { length } = this.frames[frame]!.bytes;
      for (let from = 0; from < length;) {
        let to = length;
        if (cuts === 1) to = Math.min(length, from + random.between(1, 300));
        if (cuts === 2) to = Math.min(length, from + random.between(1, 20));
        if (cuts === 3 && length < LONGEST_IN_BYTES && random.oneIn(2)) to = from + 1;
        pieces.push({ frame, from, to });
        if (to < length || (cuts !== 0 && random.oneIn(2))) flush();
        from = to;
      }
    }
    flush();
    return steps;
  }
}

/** The frame with a header that says how long it is. */
function inStep(bytes: Uint8Array): Uint8Array {
  if (bytes.length < 16) return new Uint8Array(0);
  const whole = bytes.slice();
  const view = new DataView(whole.buffer);
  view.setUint16(0, MAGIC);
  view.setUint32(12, whole.length - 16);
  return whole;
}

/** Joins the connections' steps at random, each one's in its order; `first` may be replaced. */
function interleave(random: Random, lists: Step[][], first: PluginConfig): Step[] {
  const steps: Step[] = [];
  let config = first;
  const at = lists.map(() => 0);
  let open = lists.map((_, i) => i);
  while (open.length > 0) {
    const which = random.pick(open);
    const list = lists[which]!;
    for (let run = random.between(1, 6); run > 0 && at[which]! < list.length; run--) {
      steps.push(list[at[which]!++]!);
    }
    open = open.filter((i) => at[i]! < lists[i]!.length);
    if (random.oneIn(12)) steps.push({ do: "tick" });
    if (random.oneIn(12)) {
      // A clock may be set back.
      steps.push({ do: "wait", milliseconds: random.pick([1, 5, 700, 3100, -20]) });
    }
    if (random.oneIn(30)) {
      config = randomConfig(random, config);
      steps.push({ do: "reload", plugin: 0, config });
    }
  }
  return steps;
}

/** The case of this number in the run of this seed. */
export function makeCase(seed: number, number: number, corpus: Corpus): FuzzCase {
  const random = Random.of(seed, number);
  // Of their own, so that all else of a case is the same as without.
  const ofPolicies = Random.of(seed ^ POLICIES, number);
  const policies = ofPolicies.oneIn(3) ? randomPolicies(ofPolicies) : undefined;
  const configs = [{ ...randomConfig(random), ...(policies && { policies }) }];
  if (random.oneIn(4)) configs.push(randomConfig(random, configs[0]));
  // A third of the cases tell their calls; the others are what they were before there was telemetry.
  const telemetry = Random.of(seed ^ TELEMETRY, number);
  const isTold = telemetry.oneIn(3);
  const maker = new Maker(random, corpus, isTold ? telemetry : undefined);
  const mayBeJoined = random.oneIn(6);
  const connections = Array.from({ length: random.between(1, 10) }, (_, i) =>
    maker.connection(i, random.below(configs.length)),
  );
  const steps = mayBeJoined ? connections.flat() : interleave(random, connections, configs[0]!);
  if (isTold) {
    const reloaded = steps.flatMap((step) => (step.do === "reload" ? [step.config] : []));
    for (const config of [...configs, ...reloaded]) config.telemetry = randomTelemetry(telemetry);
  }
  const collection = isTold ? randomCollection(telemetry) : undefined;
  return { seed, number, configs, frames: maker.frames, steps, mayBeJoined, collection };
}

/** The same case with neighbouring reads of one side in one read. */
export function joined(one: FuzzCase): FuzzCase {
  const steps: Step[] = [];
  for (const step of one.steps) {
    const last = steps.at(-1);
    const isNext =
      step.do === "read" &&
      last?.do === "read" &&
      last.connection === step.connection &&
      last.side === step.side &&
      !last.end &&
      !step.end;
    if (isNext) steps[steps.length - 1] = { ...last, pieces: [...last.pieces, ...step.pieces] };
    else steps.push(step);
  }
  return { ...one, steps };
}
