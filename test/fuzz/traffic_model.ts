// What the filter must have counted, worked out from the bytes alone and apart from the module: frames,
// calls and their answers, connections that are no Dubbo.

import type { CallNames } from "./corpus.ts";
import type { Side } from "./fuzz_case.ts";

const HEADER = 16;
const MAGIC = [0xda, 0xbb] as const;
/** Interface and method of a call whose names could not be read. */
const UNREAD = "_OTHER _OTHER";
const Flag = { request: 0x80, twoway: 0x40, event: 0x20 } as const;

/**
 * Sums over all names, by metric; the part behind a colon is its label's value. Under `names …` stands how
 * many requests must at least be counted under an interface, method and side.
 */
export type Totals = Record<string, number>;

/** What of a plugin's configuration decides on counting. */
export interface Limits {
  maxBody: number;
  maxInFlight: number;
  /** On which side the proxy stands in calls that a side makes. */
  sides: Record<Side, string>;
  /** Requests up to this many bytes are held until they are whole; -1 where none is. */
  heldUpTo: number;
}

/** An answer that the filter gives in the provider's place. */
export interface GuardAnswer {
  id: bigint;
  serialization: number;
}

/** One direction: the frame that is passing. */
class Half {
  readonly header = new Uint8Array(HEADER);
  readonly view = new DataView(this.header.buffer);
  have = 0;
  rest = 0;
  hadFrames = false;
  /** Bytes of this side so far, and before the frame that is passing. */
  position = 0;
  start = 0;
  /** Whether the frame that is passing was counted before its end. */
  isCounted = false;

  get length(): number {
    return this.view.getUint32(12);
  }

  /** Bytes of the unfinished frame that have passed. */
  get unfinished(): number {
    return this.have < HEADER ? this.have : HEADER + this.length - this.rest;
  }
}

/** One connection; `totals` is shared by those of a plugin. */
export class ConnectionModel {
  readonly #totals: Totals;
  readonly #limits: Limits;
  readonly #halves = { downstream: new Half(), upstream: new Half() };
  /** Calls in flight with their serialization, oldest first. */
  readonly #calls = new Map<string, number>();
  /** How many of the client's bytes had been seen when the connection was given up, else Infinity. */
  downstreamSeen = Infinity;
  #isUsed = false;
  /** Names of requests of which they are known, by where the request begins in its side's bytes. */
  readonly names = {
    downstream: new Map<number, CallNames>(),
    upstream: new Map<number, CallNames>(),
  };

  constructor(totals: Totals, limits: Limits) {
    this.#totals = totals;
    this.#limits = limits;
    this.#add("connections_total", 1);
  }

  get isPassedThrough(): boolean {
    return this.downstreamSeen !== Infinity;
  }

  /** Bytes have passed. */
  pass(side: Side, bytes: Uint8Array): void {
    const half = this.#halves[side];
    if (bytes.length > 0) this.#isUsed = true;
    for (let at = 0; at < bytes.length && !this.isPassedThrough;) {
      const start = at;
      if (half.have < HEADER) {
        if (half.have === 0) half.start = half.position;
        half.header[half.have++] = bytes[at++]!;
        half.position++;
        const checked = Math.min(half.have, 2) - 1;
        if (half.header[checked] !== MAGIC[checked]) return this.#giveUp("bad_magic");
        if (half.have < HEADER) continue;
        half.rest = half.view.getUint32(12);
        if (half.rest > this.#limits.maxBody) return this.#giveUp("body_too_large");
      } else {
        at += Math.min(half.rest, bytes.length - at);
        half.rest -= at - start;
        half.position += at - start;
      }
      if (half.rest === 0) this.#frame(side, half);
    }
  }

  /** Bytes of the server's unfinished frame. */
  get unfinishedAnswer(): number {
    return this.#halves.upstream.unfinished;
  }

  /**
   * The server's stream ends, and the filter answers what the client is still owed.
   *
   * @param bytesOf how long an answer is
   */
  answer(bytesOf: (answer: GuardAnswer) => number): GuardAnswer[] {
    const half = this.#halves.downstream;
    const flag = half.header[2]!;
    const isTwowayCall =
      (flag & (Flag.request | Flag.twoway | Flag.event)) === (Flag.request | Flag.twoway);
    if (half.have === HEADER && isTwowayCall && half.length > this.#limits.heldUpTo) {
      this.#request("downstream", half, half.unfinished);
      half.isCounted = true;
    }
    const answers: GuardAnswer[] = [];
    for (const [call, serialization] of [...this.#calls]) {
      const [side, id] = call.split(" ") as [Side, string];
      if (side !== "downstream") continue;
      const answer = { id: BigInt(id), serialization };
      answers.push(answer);
      this.#calls.delete(call);
      this.#add("responses_total", 1);
      this.#add("response_bytes_total", bytesOf(answer));
      this.#add("guarded_requests_total", 1);
    }
    return answers;
  }

  /** The connection has ended. */
  end(): void {
    if (!this.#isUsed) this.#add("unused_connections_total", 1);
    if (!this.isPassedThrough) {
      for (const { have } of Object.values(this.#halves)) {
        if (have > 0) this.#add("decode_errors_total:truncated_frame", 1);
      }
    }
    this.#add("unanswered_requests_total", this.#calls.size);
    this.#calls.clear();
  }

  #frame(side: Side, half: Half): void {
    const flag = half.header[2]!;
    const { isCounted } = half;
    half.have = 0;
    half.hadFrames = true;
    half.isCounted = false;
    if (isCounted) return;
    if ((flag & Flag.event) !== 0) return this.#add("events_total", 1);
    if ((flag & Flag.request) !== 0) return this.#request(side, half, HEADER + half.length);
    const bytes = HEADER + half.length;
    const id = half.view.getBigUint64(4);
    const asker: Side = side === "upstream" ? "downstream" : "upstream";
    if (this.#calls.delete(`${asker} ${id}`)) {
      this.#add("responses_total", 1);
      this.#add("response_bytes_total", bytes);
    } else {
      this.#add("unmatched_responses_total", 1);
    }
  }

  /** A request, of which `had` bytes have come, is counted. */
  #request(side: Side, half: Half, had: number): void {
    const flag = half.header[2]!;
    this.#add("requests_total", 1);
    this.#add("request_bytes_total", HEADER + half.length);
    const names = this.names[side].get(half.start);
    if (names !== undefined) {
      const shown = names.end <= had ? names.shown : UNREAD;
      this.#add(`names ${shown} ${this.#limits.sides[side]}`, 1);
    }
    if ((flag & Flag.twoway) === 0) return this.#add("requests_total:oneway", 1);
    this.#follow(`${side} ${half.view.getBigUint64(4)}`, flag & 0x1f);
  }

  #follow(call: string, serialization: number): void {
    const calls = this.#calls;
    if (calls.delete(call)) this.#add("untracked_requests_total", 1);
    if (calls.size >= this.#limits.maxInFlight) {
      calls.delete(calls.keys().next().value!);
      this.#add("untracked_requests_total", 1);
    }
    calls.set(call, serialization);
  }

  #giveUp(reason: "bad_magic" | "body_too_large"): void {
    const { downstream, upstream } = this.#halves;
    this.downstreamSeen = downstream.position;
    if (reason === "body_too_large" || downstream.hadFrames || upstream.hadFrames) {
      this.#add(`decode_errors_total:${reason}`, 1);
    }
    this.#add("passthrough_connections_total", 1);
    this.#add("untracked_requests_total", this.#calls.size);
    this.#calls.clear();
  }

  #add(metric: string, count: number): void {
    if (count > 0) this.#totals[metric] = (this.#totals[metric] ?? 0) + count;
  }
}
