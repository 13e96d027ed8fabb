// The frames that mutations start from: all captured ones, those in which callers spoof protected keys,
// and requests and answers of every shape that the tests' writers know.

import { fixture, fixtureIndex, request, type Request, type Value } from "../frames/frames.ts";
import { heartbeat, heartbeatResponse, readonly, response, Flag } from "../frames/frames.ts";
import { take } from "../module/routing/frames.ts";
import { REFUSED, REMOVED } from "../module/routing/spoofs.ts";
import { dissect, HEADER, type Anatomy } from "./anatomy.ts";
import { Random } from "./random.ts";
import { realMethod } from "./rule_model.ts";
import * as words from "./vocabulary.ts";

/** Under which names a request is counted. */
export interface CallNames {
  /** Interface and method, as they are shown. */
  shown: string;
  /** So many bytes of the frame must be there for them to be read. */
  end: number;
}

/** A frame to start from. */
export class Seed {
  readonly bytes: Uint8Array;
  /** Whether every peer reads it in the same way, so that it is known what must become of it. */
  readonly isGood: boolean;
  #anatomy: Anatomy | undefined;
  #names: CallNames | null | undefined;

  constructor(bytes: Uint8Array, isGood = true) {
    this.bytes = bytes;
    this.isGood = isGood;
  }

  /** Taken only where it is asked for: most frames go as they are. */
  get anatomy(): Anatomy {
    return (this.#anatomy ??= dissect(this.bytes));
  }

  /** Under which names a good request is counted; null where that is not sure. */
  get names(): CallNames | null {
    if (this.#names === undefined) this.#names = this.isGood ? namesOf(this.bytes) : null;
    return this.#names;
  }
}

/** Frames by who sends them. `large` ones are used rarely, because they cost time. */
export interface Corpus {
  downstream: Seed[];
  upstream: Seed[];
  large: { downstream: Seed[]; upstream: Seed[] };
}

/** Longest body in bytes of an ordinary seed. */
const ORDINARY_BODY = 1500;

/** Frames of the tests' writers that are made once for all runs: writing one takes longer than a case. */
const WRITTEN = 1500;

/** Reads all fixtures; the same for every run. */
export function readCorpus(): Corpus {
  const corpus: Corpus = { downstream: [], upstream: [], large: { downstream: [], upstream: [] } };
  for (const { file, direction, bodyBytes } of fixtureIndex()) {
    const of = bodyBytes <= ORDINARY_BODY ? corpus : corpus.large;
    of[direction].push(new Seed(fixture(file)));
  }
  const spoofs = [...Object.values(REMOVED), ...Object.values(REFUSED).map(([, bytes]) => bytes)];
  for (const bytes of spoofs) corpus.downstream.push(new Seed(bytes, false));
  const random = new Random(WRITTEN);
  for (let i = 0; i < WRITTEN; i++) {
    corpus.downstream.push(writtenSeed(random, "downstream", 0));
    if (i % 3 === 0) corpus.upstream.push(writtenSeed(random, "upstream", 0));
  }
  return corpus;
}

const TYPES: readonly [string, (random: Random) => Value][] = [
  ["Ljava/lang/String;", (random) => text(random)],
  ["I", (random) => random.between(-300000, 300000)],
  ["Z", (random) => random.oneIn(2)],
  [
    "Ljava/util/Map;",
    (random) => (random.oneIn(3) ? null : { a: 1, [text(random)]: text(random) }),
  ],
  ["Ljava/lang/Object;", (random) => (random.oneIn(2) ? text(random) : random.below(50))],
  ["[B", () => null],
];

function text(random: Random): string {
  const unit = random.pick(["a", "ä", "中", "😀", "xyz;.;", "=.=", '"\\\n']);
  return unit.repeat(random.oneIn(20) ? random.between(200, 400) : random.below(12));
}

/** A request as honest callers make them, its attachments those that rules speak of. */
function goodRequest(random: Random, id: number): Uint8Array {
  const types = Array.from({ length: random.below(4) }, () => random.pick(TYPES));
  const isGeneric = random.oneIn(12);
  const path = random.pick(words.INTERFACES);
  const options: Request = {
    id,
    twoway: !random.oneIn(6),
    serialization: random.oneIn(3) ? "fastjson2" : "hessian2",
    path,
    version: random.pick(words.VERSIONS),
    method: isGeneric ? random.pick(["$invoke", "$invokeAsync"]) : random.pick(words.METHODS),
    desc: isGeneric
      ? "Ljava/lang/String;[Ljava/lang/String;[Ljava/lang/Object;"
      : types.map(([type]) => type).join(""),
    args: isGeneric
      ? [random.pick(words.METHODS), null, null]
      : types.map(([, value]) => value(random)),
  };
  if (random.oneIn(15)) return request({ ...options, attachments: null });
  const attachments: Record<string, Value> = { path };
  if (!random.oneIn(8)) attachments["interface"] = random.pick(words.INTERFACES);
  if (random.oneIn(3)) attachments["group"] = random.pick(words.GROUPS);
  for (const key of random.some(words.KEYS, 3)) {
    attachments[key] = random.oneIn(6)
      ? random.pick([null, true, 3000, { a: "b" }])
      : random.pick(words.VALUES);
  }
  return request({ ...options, attachments });
}

const STATUSES: readonly number[] = [20, 20, 20, 20, 25, 40, 70, 80, 100, 31, 99];

function goodResponse(random: Random, id: number): Uint8Array {
  return response({
    id,
    status: random.pick(STATUSES),
    serialization: random.oneIn(3) ? "fastjson2" : "hessian2",
    kind: random.below(6),
    value: text(random),
    ...(random.oneIn(10) ? { trailing: Uint8Array.of(0x4e) } : {}),
  });
}

function goodEvent(random: Random, id: number): Uint8Array {
  const serialization = random.oneIn(3) ? "fastjson2" : "hessian2";
  return random.pick([heartbeat, heartbeatResponse, readonly])({ id, serialization });
}

/** A new frame of the tests' writers, as `side` would send it. */
export function writtenSeed(random: Random, side: "downstream" | "upstream", id: number): Seed {
  if (random.oneIn(12)) return new Seed(goodEvent(random, id));
  return new Seed(side === "downstream" ? goodRequest(random, id) : goodResponse(random, id));
}

/** Names that are shown as they are; see assembly/call/cleaned.ts. */
const SHOWN = /^[A-Za-z0-9_.$:/-]{0,199}[A-Za-z0-9_$:/-]$/;

function namesOf(frame: Uint8Array): CallNames | null {
  if (!isCall(frame)) return null;
  try {
    const taken = take(frame);
    const path = taken.names[1] ?? "";
    const others = taken.entries.filter(({ key }) => key?.toLowerCase() === "interface");
    // Whether the path or the attachment is shown is a matter of the configuration.
    if (others.some(({ text }) => text !== path)) return null;
    const { method, end } = realMethod(taken);
    if (!SHOWN.test(path) || !SHOWN.test(method)) return null;
    return { shown: `${path} ${method}`, end: HEADER + taken.head.length + end };
  } catch {
    // Of Java serialization and others the tests' readers know nothing.
    return null;
  }
}

/** Whether a frame is a call: a request that is no event. */
export function isCall(frame: Uint8Array): boolean {
  return (frame[2]! & (Flag.request | Flag.event)) === Flag.request;
}
