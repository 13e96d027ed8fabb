// One connection of a case: what came and went on it, and what must hold of that.

import { Action } from "../emulator/abi.ts";
import type { Connection } from "../emulator/connection.ts";
import { concat, hexOf, response } from "../frames/frames.ts";
import { FASTJSON2 } from "../module/routing/frames.ts";
import type { PluginConfig } from "./configurations.ts";
import type { SentFrame, Side } from "./fuzz_case.ts";
import {
  holdAnswers,
  holdStreams,
  noFates,
  withoutEvents,
  WrongBytes,
  type Fates,
} from "./rewritten.ts";
import { areAsked, authorizes, neverRewrites } from "./rule_model.ts";
import { propagates } from "./telemetry.ts";
import { ConnectionModel, type GuardAnswer, type Totals } from "./traffic_model.ts";

const NO_BYTES = new Uint8Array(0);
const DEFAULT_MAX_BODY = 8 * 1024 * 1024;
const DEFAULT_MAX_IN_FLIGHT = 4096;
const DEFAULT_MAX_REWRITE = 1024 * 1024;

/** What the filter answers in a provider's place (docs/guard.md), by the tests' own writers. */
function guardAnswer({ id, serialization }: GuardAnswer): Uint8Array {
  return response({
    id: BigInt.asIntN(64, id),
    status: 80,
    serialization: serialization === FASTJSON2 ? "fastjson2" : "hessian2",
    message: "upstream connection closed before the response",
  });
}

function sidesOf({ side }: PluginConfig): Record<Side, string> {
  return { downstream: side, upstream: side === "consumer" ? "provider" : "consumer" };
}

/** Whether every interface and method is counted under its own name. */
function countsByName({ metrics }: PluginConfig): boolean {
  const { labels, max_series, interfaces } = metrics;
  const hasNames = labels === undefined || ["interface", "method"].every((l) => labels.includes(l));
  return hasNames && max_series === undefined && interfaces === undefined;
}

/** A frame that begins in a read, of which something is known. */
export interface Beginning {
  /** Where, in the bytes of the read. */
  offset: number;
  frame: SentFrame;
}

/** What came of a connection in which everything held. */
export interface End {
  /** What the filter let through to the server. */
  went: Uint8Array;
  /** What it let through to the client. */
  back: Uint8Array;
  /** Whether the filter has closed it. */
  refused: boolean;
  passedThrough: boolean;
  fates: Fates;
}

/** A connection that is open. */
export class CaseConnection {
  readonly connection: Connection;
  /** Reads so far, their bytes, and the work that they were. */
  reads = 0;
  bytes = 0;
  work = 0;
  readonly config: PluginConfig;
  readonly #address: string;
  readonly #model: ConnectionModel;
  readonly #came: Uint8Array[] = [];
  readonly #sent = { downstream: 0, upstream: 0 };
  readonly #countsByName: boolean;
  readonly #good = new Set<number>();
  /** Client's bytes that wait, in Envoy, for the choice of a cluster. */
  #waiting: Uint8Array[] = [];
  /** All that the server sent, where the filter may answer for it, and what went back to the client. */
  #answered: Uint8Array = NO_BYTES;
  /** What must have gone back to the client of the frames that are whole, where answers are guarded. */
  #goneBack: Uint8Array = NO_BYTES;
  /** All that the server sent, and what went back in another way than it would if no call were refused. */
  readonly #sentBack: Uint8Array[] = [];
  #wrongBack: WrongBytes | undefined;
  #wentBack = 0;
  readonly #ended = { downstream: false, upstream: false };

  constructor(connection: Connection, config: PluginConfig, address: string, totals: Totals) {
    this.connection = connection;
    this.config = config;
    this.#address = address;
    this.#countsByName = countsByName(config);
    this.#model = new ConnectionModel(totals, {
      maxBody: this.#maxBody,
      sides: sidesOf(config),
      maxInFlight: config.metrics.max_in_flight ?? DEFAULT_MAX_IN_FLIGHT,
      heldUpTo: !this.#mayChange ? -1 : (config.routing?.max_rewrite_bytes ?? DEFAULT_MAX_REWRITE),
    });
  }

  /** Whether requests may be changed or refused, and so are held. */
  get #mayChange(): boolean {
    const { routing, policies = [], telemetry } = this.config;
    return areAsked(policies) || !neverRewrites(routing) || propagates(telemetry);
  }

  get #maxBody(): number {
    return this.config.max_body_bytes ?? DEFAULT_MAX_BODY;
  }

  /** Whether this side can send anything now. Until there is a cluster nobody can answer. */
  maySend(side: Side): boolean {
    if (this.#ended[side]) return false;
    if (side === "downstream") return true;
    const { connection } = this;
    const isUndecided =
      connection.newConnectionAction === Action.StopIteration && !connection.continued;
    return !(isUndecided && this.reads === 0) && this.#waiting.length === 0;
  }

  /** A read of one side, in which these good frames begin. */
  read(side: Side, bytes: Uint8Array, end: boolean, good: readonly Beginning[]): void {
    this.#ended[side] = end;
    this.reads++;
    this.bytes += bytes.length;
    const before = this.#sent[side];
    this.#sent[side] += bytes.length;
    for (const { offset, frame } of good) {
      if (side === "downstream") this.#good.add(before + offset);
      if (frame.names === null || !this.#countsByName) continue;
      this.#model.names[side].set(before + offset, frame.names);
    }
    if (side === "upstream") return this.#readUpstream(bytes, end);
    this.#came.push(bytes);
    this.connection.downstream(bytes, end);
    this.#waiting.push(bytes);
    if (this.connection.heldBytes > 0) return;
    for (const waited of this.#waiting) this.#model.pass("downstream", waited);
    this.#waiting = [];
  }

  #readUpstream(bytes: Uint8Array, end: boolean): void {
    const went = this.connection.upstream(bytes, end);
    this.#sentBack.push(bytes);
    try {
      this.#holdBack(went, bytes, end);
    } catch (error) {
      if (!(error instanceof WrongBytes)) throw error;
      this.#wrongBack ??= error;
    }
  }

  #holdBack(went: Uint8Array, bytes: Uint8Array, end: boolean): void {
    const model = this.#model;
    const wasPassedThrough = model.isPassedThrough;
    model.pass("upstream", bytes);
    if (this.config.answer_on_upstream_close !== true) {
      if (went !== bytes && Buffer.compare(went, bytes) !== 0) {
        throw new WrongBytes("the server's bytes were changed");
      }
      return;
    }
    this.#answered = concat([this.#answered, bytes]);
    this.#wentBack += went.length;
    // The unfinished frame at the end is held, and never goes on if it does not end.
    const held = model.isPassedThrough ? 0 : model.unfinishedAnswer;
    const whole = this.#answered.subarray(0, this.#answered.length - held);
    this.#answered = this.#answered.subarray(whole.length);
    const drops = this.config.drop_upstream_events === true && !wasPassedThrough;
    this.#goneBack = concat([this.#goneBack, drops ? withoutEvents(whole, this.#maxBody) : whole]);
    let expected = this.#goneBack;
    if (end && !model.isPassedThrough && !this.#ended.downstream) {
      const answers = model.answer((answer) => guardAnswer(answer).length).map(guardAnswer);
      expected = concat([NO_BYTES, expected, ...answers]);
    }
    if (this.#wentBack !== expected.length) {
      throw new WrongBytes(`${this.#wentBack} bytes went back, not ${expected.length}`);
    }
    if (end && Buffer.compare(this.connection.toDownstream, expected) !== 0) {
      const [is, must] = [this.connection.toDownstream, expected].map((b) => hexOf(b));
      throw new WrongBytes(`other bytes went back: ${is}\nexpected: ${must}`);
    }
  }

  /** The connection is closed. Throws `WrongBytes` where something else went on than should have. */
  finish(): End {
    const { connection } = this;
    this.#model.end();
    const refused = connection.closedFromInside;
    const { routing = {}, policies = [] } = this.config;
    if (refused && (routing.protected ?? []).length === 0 && !authorizes(policies)) {
      throw new WrongBytes("closed a connection without protected keys, and authorizes nothing");
    }
    const held = connection.heldBytes;
    const all = concat([NO_BYTES, ...this.#came]);
    // What Envoy still holds for a cluster did not come to the filter's attention.
    const came = all.subarray(0, all.length - held);
    const went = connection.toUpstream;
    let fates = noFates();
    if (this.#mayChange) {
      fates = holdStreams({
        ...{ came, went, good: this.#good, refused, routing, policies, maxBody: this.#maxBody },
        ...{ seen: this.#model.downstreamSeen, ended: this.#ended.downstream && held === 0 },
        origin: { side: this.config.side, address: this.#address },
        propagates: propagates(this.config.telemetry),
      });
    } else if (Buffer.compare(came, went) !== 0) {
      throw new WrongBytes("the client's bytes were changed, and nothing says they may");
    }
    const { lostIds } = fates;
    if (fates.refused > 0 || (this.#wrongBack !== undefined && lostIds.size > 0)) {
      const sent = concat([NO_BYTES, ...this.#sentBack]);
      const answers = this.config.answer_on_upstream_close === true;
      const drops = this.config.drop_upstream_events === true;
      const mayBeTold = new Set([...fates.refusedIds, ...lostIds]);
      holdAnswers(sent, connection.toDownstream, mayBeTold, answers, drops);
    } else if (this.#wrongBack !== undefined) {
      throw this.#wrongBack;
    }
    return {
      went,
      back: connection.toDownstream,
      refused,
      passedThrough: this.#model.isPassedThrough,
      fates,
    };
  }
}
