// Telemetry in the fuzzer: random `telemetry` parts of a configuration, callers' trace contexts in frames,
// collectors that take, wait, are dead or answer garbage, and what must hold of what they are sent.

import type { Plugin } from "../emulator/plugin.ts";
import type { Headers } from "../emulator/http_stream.ts";
import { concat } from "../frames/frames.ts";
import { jsonb } from "../frames/fastjson2.ts";
import { hessianString } from "../frames/hessian2.ts";
import { readLogs, readTraces, type Told } from "../frames/otlp.ts";
import { FASTJSON2, type Taken } from "../module/routing/frames.ts";
import { type Seed } from "./corpus.ts";
import { putAttachment } from "./mutations.ts";
import type { Random } from "./random.ts";
import { oddValue, spelling } from "./values.ts";

/** The part of a configuration. */
export interface TelemetryConfig {
  otlp: { cluster: string; interval_ms: number; max_batch: number; max_queue_bytes: number };
  spans?: { sample: { percentage: number }; propagate: boolean };
  log?: { to?: string; when?: object; fields?: string[] };
}

/** What becomes of what is sent. */
const COLLECTORS = [
  "takes",
  "waits",
  "is dead",
  "is busy",
  "refuses",
  "garbage",
  "is gone",
] as const;
export type Collector = (typeof COLLECTORS)[number];

/** How the collectors of a case behave, and the seed of their whims. */
export interface Collection {
  collector: Collector;
  seed: number;
}

const CLUSTER = "collector";
/** The smallest that there is: two of them and what is put together of one are the memory of a plugin. */
const QUEUE_BYTES = 65536;
/** Bytes of memory that telemetry of one plugin may take: queues that grow by doubling, a request's body. */
export const TELEMETRY_MEMORY = 8 * QUEUE_BYTES;

const MATCHES: readonly object[] = [
  { method: { prefix: "G" } },
  { attachments: [{ name: "user-id", present: true }] },
  { source: { addresses: ["10.0.0.0/8"] } },
];
const FIELDS: readonly string[] = [
  ...["interface", "method", "version", "group", "application", "side", "call", "serialization"],
  ...["status", "outcome", "closed_by", "duration", "bytes", "request_id", "trace_id", "rule"],
  ...["policy", "exception", "peer", "principal"],
];

/** A `telemetry` part; at least one of spans and log is on. */
export function randomTelemetry(random: Random): TelemetryConfig {
  const spans = {
    sample: { percentage: random.pick([0, 1, 50, 100, 100]) },
    propagate: random.oneIn(3),
  };
  const when = {
    ...(random.oneIn(3) ? { match: random.pick(MATCHES) } : {}),
    ...(random.oneIn(2) ? { outcomes: ["error", "exception", "unanswered"] } : {}),
    ...(random.oneIn(4) ? { slower_than_ms: random.between(1, 1000) } : {}),
    ...(random.oneIn(3) ? { sample: { percentage: random.between(0, 100) } } : {}),
  };
  const log = {
    ...(random.oneIn(4) ? { to: "envoy" } : {}),
    ...(random.oneIn(2) ? { when } : {}),
    ...(random.oneIn(3) ? { fields: random.some(FIELDS, 2) } : {}),
  };
  const which = random.below(3);
  const otlp = {
    cluster: CLUSTER,
    interval_ms: random.pick([1, 500]),
    max_batch: random.pick([1, 20, 512]),
    max_queue_bytes: QUEUE_BYTES,
  };
  return { otlp, ...(which === 0 ? {} : { spans }), ...(which === 1 ? {} : { log }) };
}

/** How collectors behave in a case. */
export function randomCollection(random: Random): Collection {
  return { collector: random.pick(COLLECTORS), seed: random.word() };
}

/** Whether contexts are written into requests. */
export function propagates(telemetry: TelemetryConfig | undefined): boolean {
  return telemetry?.spans?.propagate === true;
}

const KEYS: readonly string[] = [
  ...["traceparent", "b3", "sw8", "X-B3-TraceId", "X-B3-SpanId", "X-B3-ParentSpanId"],
  ...["X-B3-Sampled", "X-B3-Flags", "tracestate"],
];
/** Keys that may be written anew, in lower case. */
export const CONTEXT_KEYS: ReadonlySet<string> = new Set(
  KEYS.map((key) => key.toLowerCase()).filter(
    (key) => key !== "tracestate" && key !== "x-b3-flags",
  ),
);

function digits(random: Random, count: number): string {
  const all = Array.from({ length: 4 }, () => random.word().toString(16).padStart(8, "0")).join("");
  return random.oneIn(20) ? "0".repeat(count) : all.slice(0, count);
}

/** A value as callers write it; often of another key, or cut. */
function contextValue(random: Random): string {
  const [trace, span] = [digits(random, 32), digits(random, 16)];
  const id = Buffer.from(`${trace}.1.2`).toString("base64");
  const text = random.pick([
    `00-${trace}-${span}-0${random.below(2)}`,
    `00-${trace}-${span}-0${random.below(2)}`,
    `${trace}-${span}-${random.pick(["0", "1", "d"])}-${span}`,
    random.pick(["0", "1", "d", "true", "00"]),
    `${random.below(2)}-${id}-${id}-3-c3ZjAA==-c3Zj-L2E=-MTI3LjAuMC4xOjg=`,
    random.oneIn(2) ? trace : span,
  ]);
  return random.oneIn(6) ? text.slice(0, random.below(text.length + 1)) : text;
}

/**
 * A frame with some of a caller's context among its attachments. What is written as peers write it keeps a
 * good frame good.
 */
export function withContext(random: Random, seed: Seed): { bytes: Uint8Array; isGood: boolean } {
  const { serialization } = seed.anatomy;
  const plain = (text: string): Uint8Array =>
    serialization === FASTJSON2 ? jsonb(text) : hessianString(text);
  const isOdd = random.oneIn(3);
  const keys = random.some(KEYS, 3);
  const pairs = keys.flatMap((key) => {
    const value = contextValue(random);
    if (!isOdd) return [plain(random.oneIn(4) ? key.toLowerCase() : key), plain(value)];
    return [
      spelling(random, serialization, key),
      random.oneIn(4) ? oddValue(random, serialization) : spelling(random, serialization, value),
    ];
  });
  return {
    bytes: putAttachment(random, seed, concat([new Uint8Array(0), ...pairs])),
    isGood: seed.isGood && !isOdd,
  };
}

const TRACEPARENT = /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-01$/;

type Entries = Taken["entries"];

const isOfContext = ({ key }: Entries[number]): boolean =>
  key !== null && CONTEXT_KEYS.has(key.toLowerCase());

/** The request without what may be written anew of its context. */
export function withoutContext(taken: Taken): Taken {
  return { ...taken, entries: taken.entries.filter((entry) => !isOfContext(entry)) };
}

/** What is wrong with the context in `is`, which was `was`; nothing if it is the same or a span of ours. */
export function wrongContext(was: Taken, is: Taken): string | undefined {
  const [before, now] = [was, is].map(({ entries }) => entries.filter(isOfContext)) as [
    Entries,
    Entries,
  ];
  const same =
    before.length === now.length &&
    before.every(({ bytes }, i) => bytes.every((b, j) => b === now[i]!.bytes[j]));
  if (same) return undefined;
  const ours = now.filter(({ key }) => key!.toLowerCase() === "traceparent");
  if (ours.length !== 1) return `${ours.length} traceparents`;
  if (!TRACEPARENT.test(ours[0]!.text ?? "")) return `traceparent ${ours[0]!.text}`;
  const known = new Set(before.map(({ key }) => key!.toLowerCase())).add("traceparent");
  const foreign = now.find(({ key }) => !known.has(key!.toLowerCase()));
  return foreign === undefined ? undefined : `${foreign.key} was not there`;
}

/** Answers of a collector that makes no sense. */
const GARBAGE: readonly Headers[] = [
  [],
  [[":status", ""]],
  [[":status", "99999999999999999999"]],
  [[":status", "-200"]],
  [[":status", "2e2"]],
  [["x".repeat(3000), "y"]],
  [
    [":status", "503"],
    ["retry-after", "Wed, 21 Oct 2026 07:28:00 GMT"],
  ],
  [
    [":status", "429"],
    ["retry-after", "184467440737095516151"],
  ],
];

/** A telemetry's value that is no record's. */
export class WrongRecord extends Error {
  override name = "WrongRecord";
}

const CLEAN = /^[A-Za-z0-9_.$:/-]{1,401}$/;
/** In records and in lines; it is any number of eight bytes. */
const REQUEST_IDS = ["dubbo.request.id", "request_id"];
/** The rest of a principal has these as well. */
const KEY = /^(rpc|error|dubbo|network)\.[a-z_.]+$/;

function isClean(key: string, value: string | number): boolean {
  if (typeof value === "string") return CLEAN.test(value);
  return value >= 0 || REQUEST_IDS.includes(key);
}

/** Holds one record against what a record is. Throws `WrongRecord`. */
export function holdRecord(record: Told): void {
  const say = (what: string): never => {
    throw new WrongRecord(
      `${what}: ${JSON.stringify(record, (_, v) => (typeof v === "bigint" ? String(v) : v))}`,
    );
  };
  if (!CLEAN.test(record.name)) say("an unclean name");
  if (record.end < record.start) say("ends before it begins");
  for (const [key, value] of Object.entries(record.attributes)) {
    if (!KEY.test(key)) say(`the key ${key}`);
    if (!isClean(key, value)) say(`an unclean ${key}`);
  }
}

/** What a plugin's collector has been sent, and what it makes of it. */
export class CollectorOf {
  readonly #plugin: Plugin;
  readonly #random: Random;
  readonly #collector: Collector;
  #held = 0;
  #answered = 0;
  #isOver = false;
  /** Records that were taken. */
  taken = 0;
  answers = 0;

  constructor(plugin: Plugin, collector: Collector, random: Random) {
    this.#plugin = plugin;
    this.#collector = collector;
    this.#random = random;
    if (collector !== "is gone") plugin.clusters.add(CLUSTER);
  }

  /** Answers some of what waits for an answer, in its order. */
  act(): void {
    const { sent } = this.#plugin;
    while (!this.#isOver && this.#answered < sent.length && !this.#isSlow()) {
      const answer = this.#answer();
      const token = ++this.#answered;
      this.answers++;
      const count = this.#hold();
      if (answer?.some(([name, value]) => name === ":status" && /^2\d\d$/.test(value)))
        this.taken += count;
      this.#plugin.answer(token, answer);
    }
  }

  /** This plugin has ended: whatever it waits for does not come any more. */
  end(plugin: Plugin): void {
    if (plugin === this.#plugin) this.#isOver = true;
  }

  /** Holds all that was sent against what a record is. Throws `WrongRecord`. */
  hold(): void {
    while (this.#held < this.#plugin.sent.length) this.#hold();
  }

  /** Holds what was sent next; answers how many records it had. */
  #hold(): number {
    const { headers, body } = this.#plugin.sent[this.#held++]!;
    const isTraces = headers.some(([, value]) => value === "/v1/traces");
    const { records } = isTraces ? readTraces(body) : readLogs(body);
    if (records.length === 0) throw new WrongRecord("nothing was sent");
    for (const record of records) {
      holdRecord(record);
      if (isTraces && !TRACEPARENT.test(`00-${record.traceId}-${record.spanId}-01`)) {
        throw new WrongRecord(`ids ${record.traceId} ${record.spanId}`);
      }
    }
    return records.length;
  }

  #isSlow(): boolean {
    const waits = this.#collector === "waits" || this.#collector === "is dead";
    return waits && !this.#random.oneIn(6);
  }

  #answer(): Headers | null {
    switch (this.#collector) {
      case "is dead":
        return null;
      case "is busy": {
        const status = this.#random.pick(["429", "502", "503", "504", "200"]);
        return [
          [":status", status],
          ["retry-after", String(this.#random.below(3))],
        ];
      }
      case "refuses":
        return [[":status", this.#random.pick(["400", "404", "413", "500"])]];
      case "garbage":
        return this.#random.oneIn(3) ? [[":status", "200"]] : this.#random.pick(GARBAGE);
      default:
        return [[":status", this.#random.pick(["200", "202", "204"])]];
    }
  }
}

/** Holds a line of the log in Envoy's own. Throws `WrongRecord`. */
export function holdLine(message: string): void {
  let line: Record<string, string | number>;
  try {
    line = JSON.parse(message);
  } catch {
    throw new WrongRecord(`no JSON: ${message}`);
  }
  for (const [key, value] of Object.entries(line)) {
    if (!isClean(key, value)) throw new WrongRecord(`unclean: ${message}`);
  }
}
