// What came in beside what went out, frame by frame: whatever the filter let through is what came, or is
// the same call with the attachments that the rules say, or a heartbeat in the place of a call that it
// refuses. A good call is never refused for the sake of protected keys.

import { concat } from "../frames/frames.ts";
import { FASTJSON2, HESSIAN2, shown, take, type Taken } from "../module/routing/frames.ts";
import { decodeRequest, type Invocation } from "../../demo/dubbo/message.ts";
import { delaysCalls, type PolicyConfig, type RoutingConfig } from "./configurations.ts";
import { isCall } from "./corpus.ts";
import {
  authorizes,
  changesFor,
  isLimited,
  isRefused,
  possibleChanges,
  type Change,
  type Origin,
} from "./rule_model.ts";
import { CONTEXT_KEYS, withoutContext, wrongContext } from "./telemetry.ts";

const HEADER = 16;
const DEFAULT_MAX_REWRITE = 1024 * 1024;
/**
 * One in so many rewritten frames without objects among its attachments is also read by hessian.js,
 * which takes longer than all the rest.
 */
const LIBRARY_EVERY = 16;

/** First bytes of keys that are no texts and may spell one: symbol, type, reference; a class in front. */
const INDIRECT_KEYS: Record<number, readonly number[]> = {
  [FASTJSON2]: [0x7f, 0x92, 0x93],
  [HESSIAN2]: [0x43],
};

/** One connection's bytes. */
export interface Streams {
  came: Uint8Array;
  went: Uint8Array;
  /** Offsets in `came` where good frames begin. */
  good: ReadonlySet<number>;
  /** From this offset on the filter reads nothing any more. */
  seen: number;
  /** Whether the client has said that it sends no more. */
  ended: boolean;
  /** Whether the filter has closed the connection, and may have kept what came in its last read. */
  refused: boolean;
  maxBody: number;
  routing: RoutingConfig;
  policies: readonly PolicyConfig[];
  origin: Origin;
  /** Whether a call's context may be written anew. */
  propagates: boolean;
}

/** Whether what cannot be read is refused. */
function isStrict({ routing, policies }: Streams): boolean {
  return (routing.protected ?? []).length > 0 || authorizes(policies);
}

/** How often what became of a frame. */
export interface Fates {
  rewritten: number;
  /** Requests of which it is known that they should have been changed, and that went on as they were. */
  kept: number;
  /** Ids of refused calls that wait for an answer, and how many calls were refused. */
  refusedIds: Set<bigint>;
  refused: number;
  /**
   * Ids of calls of which nobody knows: nothing went on of what a fault had delayed when the filter closed the
   * connection, neither the call nor a heartbeat in its place.
   */
  lostIds: Set<bigint>;
}

/** What went on was not right. */
export class WrongBytes extends Error {
  override name = "WrongBytes";
}

function lengthOf(bytes: Uint8Array, at: number): number {
  if (bytes.length - at < HEADER) return Infinity;
  return HEADER + new DataView(bytes.buffer, bytes.byteOffset + at + 12, 4).getUint32(0);
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

/** The frame in parts, or why no peer could read it. */
function taken(frame: Uint8Array): Taken | Error {
  try {
    return take(frame);
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

function fail(what: string, old: Uint8Array, now: Uint8Array): never {
  throw new WrongBytes(`${what}\ncame: ${shown(old)}\nwent: ${shown(now)}`);
}

/** Whether the attachments of `is` are those of `was` with this change. */
function isChanged(was: Taken, is: Taken, { set, dropped }: Change): boolean {
  const kept = was.entries.filter(({ key }) => key === null || !dropped.has(key.toLowerCase()));
  if (!kept.every((entry, i) => i < is.entries.length && same(entry.bytes, is.entries[i]!.bytes))) {
    return false;
  }
  const added = new Map<string, string>();
  for (const { key, text } of is.entries.slice(kept.length)) {
    if (key === null || text === null || added.has(key.toLowerCase())) return false;
    added.set(key.toLowerCase(), text);
  }
  if (![...added.keys()].every((key) => set.has(key))) return false;
  // A value of which nothing is known need not be there.
  return [...set].every(([key, value]) => value === null || value === added.get(key));
}

function isUnchanged(was: Taken, { set, dropped }: Change): boolean {
  return (
    set.size === 0 && !was.entries.some(({ key }) => key !== null && dropped.has(key.toLowerCase()))
  );
}

/** Whether an object would go to whose number a later one may refer: the filter then changes nothing. */
function losesNumbers(was: Taken, { dropped }: Change): boolean {
  const objects = was.entries.filter(({ text }) => text === null);
  const goes = objects.map(({ key }) => key !== null && dropped.has(key.toLowerCase()));
  return goes.includes(true) && goes.indexOf(true) < goes.lastIndexOf(false);
}

/** A value as text; null where it holds itself or is too deep, and cannot be compared. */
function textOf(value: unknown): string | null {
  try {
    return JSON.stringify(value);
  } catch {
    return null;
  }
}

/** The same call, and what is left of its attachments, to a library that has nothing to do with us. */
function holdByLibrary(old: Uint8Array, now: Uint8Array, changed: ReadonlySet<string>): void {
  const read = (frame: Uint8Array): Invocation =>
    decodeRequest({
      ...{ request: true, twoway: true, event: false, status: 0, id: 0n },
      serializationId: HESSIAN2,
      body: Buffer.from(frame.subarray(HEADER)),
    });
  let before: Invocation;
  try {
    before = read(old);
  } catch {
    // It cannot read all that Java can.
    return;
  }
  const after = read(now);
  const kept = ({ attachments }: Invocation): unknown =>
    Object.entries(attachments).filter(([key]) => !changed.has(key.toLowerCase()));
  const args = textOf(before.args);
  if (args !== null && args !== textOf(after.args)) {
    fail("hessian.js reads other arguments", old, now);
  }
  // What refers to the attachments as a whole has changed with them, and holds itself.
  const attachments = textOf(before.attachments) === null ? null : textOf(kept(before));
  if (attachments !== null && attachments !== textOf(kept(after))) {
    fail("hessian.js reads other attachments", old, now);
  }
}

/** What a symbol, a type or a reference spells may stand elsewhere, and a class in front of a text. */
function holdDirectKeys({ entries }: Taken, frame: Uint8Array): void {
  const codes = INDIRECT_KEYS[frame[2]! & 0x1f]!;
  if (entries.some(({ key, bytes }) => key === null && codes.includes(bytes[0]!))) {
    fail("a request went on with a key that may be any", frame, frame);
  }
}

function holdRewritten(
  streams: Streams,
  old: Uint8Array,
  now: Uint8Array,
  isGood: boolean,
  isSample: boolean,
): void {
  let was = taken(old);
  if (was instanceof Error) fail(`a frame nobody can read was rewritten: ${was.message}`, old, now);
  holdAuthorized(streams, was, old);
  let is = taken(now);
  if (is instanceof Error) fail(`a rewritten frame cannot be read: ${is.message}`, old, now);
  if (streams.propagates) {
    const wrong = wrongContext(was, is);
    if (wrong !== undefined) fail(`the context is not ours: ${wrong}`, old, now);
    [was, is] = [withoutContext(was), withoutContext(is)];
  }
  for (const part of ["header", "head", "args", "rest"] as const) {
    if (!same(was[part], is[part])) fail(`rewriting has changed the ${part}`, old, now);
  }
  const { routing, origin } = streams;
  if ((routing.protected ?? []).length > 0) holdDirectKeys(is, now);
  const changes = isGood ? changesFor(routing, was, origin) : possibleChanges(routing);
  const change = changes.find((one) => isChanged(was, is, one));
  if (change === undefined) fail("rewritten in another way than any rule says", old, now);
  const hasObjects = was.entries.some(({ text }) => text === null);
  if ((old[2]! & 0x1f) === HESSIAN2 && (hasObjects || isSample)) {
    const context = streams.propagates ? CONTEXT_KEYS : [];
    holdByLibrary(old, now, new Set([...change.dropped, ...context]));
  }
}

/** A call that went on must not be one that the policies refuse. */
function holdAuthorized({ policies, origin }: Streams, was: Taken, frame: Uint8Array): void {
  if (authorizes(policies) && isRefused(policies, was, origin)) {
    fail("a call went on that the policies refuse", frame, frame);
  }
}

/** A frame that went on as it came. */
function holdKept(streams: Streams, frame: Uint8Array, isGood: boolean, fates: Fates): void {
  if (!isCall(frame)) return;
  const { routing, origin } = streams;
  const serialization = frame[2]! & 0x1f;
  const isRewritable = serialization === HESSIAN2 || serialization === FASTJSON2;
  const maxRewrite = routing.max_rewrite_bytes ?? DEFAULT_MAX_REWRITE;
  const isLong = frame.length - HEADER > maxRewrite;
  const protectedKeys = (routing.protected ?? []).map((key) => key.toLowerCase());
  if (isStrict(streams)) {
    if (!isRewritable || isLong) fail("a request went on that cannot be checked", frame, frame);
    const is = taken(frame);
    if (is instanceof Error) {
      fail(`a request went on that cannot be read: ${is.message}`, frame, frame);
    }
    holdAuthorized(streams, is, frame);
    holdDirectKeys(is, frame);
    const spoofed = is.entries.some(
      ({ key }) => key !== null && protectedKeys.includes(key.toLowerCase()),
    );
    // A rule may have set what the caller had put there.
    if (spoofed && !possibleChanges(routing).some((change) => isChanged(is, is, change))) {
      fail("a protected key went on", frame, frame);
    }
  }
  if (!isGood || !isRewritable) return;
  const is = taken(frame);
  if (is instanceof Error) fail("a good frame that the tests cannot read", frame, frame);
  const changes = changesFor(routing, is, origin);
  if (changes.some((one) => isUnchanged(is, one) || isChanged(is, is, one))) return;
  if (!isLong && !changes.some((one) => losesNumbers(is, one))) {
    fail("a request went on unchanged against the rules", frame, frame);
  }
  fates.kept++;
}

const idOf = (frame: Uint8Array): bigint =>
  Buffer.from(frame.buffer, frame.byteOffset).readBigUInt64BE(4);

const isTwoway = (frame: Uint8Array): boolean => (frame[2]! & 0x40) !== 0;

/** Whether `now` is the heartbeat that goes on in the place of the refused call `old`. */
function standsIn(old: Uint8Array, now: Uint8Array): boolean {
  const standIn = Uint8Array.of(0xda, 0xbb, 0xe2, 0, ...old.subarray(4, 12), 0, 0, 0, 1, 0x4e);
  return isTwoway(old) && same(standIn, now.subarray(0, standIn.length));
}

/** Whether `now` is the call `old`, changed or not. */
function isOf(old: Uint8Array, now: Uint8Array): boolean {
  if (same(old, now)) return true;
  const [was, is] = [taken(old), taken(now)];
  if (was instanceof Error || is instanceof Error) return false;
  return (["header", "head", "args"] as const).every((part) => same(was[part], is[part]));
}

/** How many bytes went on in the place of a call that is refused; -1 if it is not. */
function refusedBytes(old: Uint8Array, went: Uint8Array): number {
  if (isTwoway(old)) return standsIn(old, went) ? HEADER + 1 : -1;
  const length = lengthOf(went, 0);
  return length <= went.length && isOf(old, went.subarray(0, length)) ? -1 : 0;
}

/**
 * Whether the one-way call at `at` may have been refused, and `now` be a later one, which has the same id, names and
 * arguments: of what stands between them nothing went on.
 */
function isBeforeItsTwin({ came }: Streams, at: number, now: Uint8Array): boolean {
  let frame = came.subarray(at, at + lengthOf(came, at));
  while (isCall(frame) && !isTwoway(frame)) {
    at += frame.length;
    const end = at + lengthOf(came, at);
    if (end > came.length) return false;
    frame = came.subarray(at, end);
    if (isCall(frame) && isOf(frame, now)) return true;
  }
  return false;
}

/** Whether nothing stands in the way of reading and rewriting a good call, and no policy refuses it. */
function mustPass({ routing, policies, origin }: Streams, frame: Uint8Array): boolean {
  const serialization = frame[2]! & 0x1f;
  if (serialization !== HESSIAN2 && serialization !== FASTJSON2) return false;
  if (frame.length - HEADER > (routing.max_rewrite_bytes ?? DEFAULT_MAX_REWRITE)) return false;
  const is = taken(frame);
  if (is instanceof Error) return false;
  if (authorizes(policies) && isRefused(policies, is, origin)) return false;
  if (isLimited(policies, is, origin)) return false;
  return !changesFor(routing, is, origin).some((one) => losesNumbers(is, one));
}

/** Of no frame yet. */
export function noFates(): Fates {
  return { rewritten: 0, kept: 0, refusedIds: new Set(), refused: 0, lostIds: new Set() };
}

/** Notes the calls that came from `at` on, where faults delay calls. What no fault delays goes on in its read. */
function withLost({ came, seen, policies }: Streams, at: number, fates: Fates): Fates {
  if (!policies.some(delaysCalls)) return fates;
  const end = Math.min(came.length, seen);
  while (at + lengthOf(came, at) <= end) {
    const frame = came.subarray(at, at + lengthOf(came, at));
    if (isCall(frame) && isTwoway(frame)) fates.lostIds.add(idOf(frame));
    at += frame.length;
  }
  return fates;
}

/** Holds what went out against what came in. Throws `WrongBytes`. */
export function holdStreams(streams: Streams): Fates {
  const { came, went, good, seen, ended, refused, maxBody, policies } = streams;
  const isProtected = isStrict(streams);
  const mayRefuse = isProtected || policies.some(({ enforce }) => enforce !== false);
  const fates = noFates();
  let at = 0;
  let to = 0;
  while (at < came.length) {
    if (refused && to === went.length) return withLost(streams, at, fates);
    const length = lengthOf(came, at);
    const isWhole =
      came[at] === 0xda &&
      came[at + 1] === 0xbb &&
      length <= maxBody + HEADER &&
      at + length <= seen;
    if (!isWhole || at + length > came.length) break;
    const old = came.subarray(at, at + length);
    const heartbeat = mayRefuse && isCall(old) ? refusedBytes(old, went.subarray(to)) : -1;
    if (heartbeat >= 0) {
      if (good.has(at) && mustPass(streams, old)) fail("a good call was refused", old, old);
      if (isTwoway(old)) fates.refusedIds.add(idOf(old));
      fates.refused++;
      at += length;
      to += heartbeat;
      continue;
    }
    const newLength = lengthOf(went, to);
    if (to + newLength > went.length) {
      if (refused && isPart(old, went.subarray(to))) return fates;
      fail("a frame went on only in part, or not at all", old, went.subarray(to));
    }
    const now = went.subarray(to, to + newLength);
    if (same(old, now)) {
      holdKept(streams, old, good.has(at), fates);
    } else {
      const isSample = fates.rewritten % LIBRARY_EVERY === 0;
      try {
        holdRewritten(streams, old, now, good.has(at), isSample);
      } catch (error) {
        if (good.has(at) || !mayRefuse || !isBeforeItsTwin(streams, at, now)) throw error;
        fates.refused++;
        at += length;
        continue;
      }
      fates.rewritten++;
    }
    at += length;
    to += newLength;
  }
  const left = came.subarray(at);
  const gone = went.subarray(to);
  if (same(left, gone)) {
    if (isProtected && left.length >= 2 && isCall(left)) fail("a part of a call", left, gone);
    return fates;
  }
  // Of a frame that is not whole, or is refused, nothing may have gone on.
  const mayBeKept = !ended || isProtected;
  if (gone.length === 0 && mayBeKept) return fates;
  if (refused && isPart(left, gone)) return fates;
  fail("the rest of the stream is not what came", left, gone);
}

/**
 * Holds what went back to the client against what the server sent: the same, but for refusals in the place of
 * heartbeats' answers, and what follows the last whole frame. Throws `WrongBytes`.
 *
 * @param answers whether the filter answers in the server's place
 */
export function holdAnswers(
  sent: Uint8Array,
  back: Uint8Array,
  refusedIds: ReadonlySet<bigint>,
  answers: boolean,
  drops: boolean,
): void {
  let at = 0;
  let to = 0;
  while (at < sent.length && sent[at] === 0xda && sent[at + 1] === 0xbb) {
    const length = lengthOf(sent, at);
    if (at + length > sent.length) break;
    const old = sent.subarray(at, at + length);
    const now = back.subarray(to, to + Math.min(lengthOf(back, to), back.length - to));
    const isRefusal =
      (old[2]! & 0xa0) === 0x20 &&
      (now[2]! & 0xa0) === 0 &&
      refusedIds.has(idOf(old)) &&
      same(old.subarray(4, 12), now.subarray(4, 12)) &&
      // Where the event is dropped, an answer of the same number may follow it.
      !(drops && same(now, nextAnswer(sent, at)));
    if (drops && isEvent(old) && !isRefusal && !same(old, now)) {
      at += length;
      continue;
    }
    if (!same(old, now) && !isRefusal) fail("another answer went back", old, now);
    at += length;
    to += now.length;
  }
  const left = sent.subarray(at);
  const rest = back.subarray(to);
  if (!answers && !same(left.subarray(0, rest.length), rest)) {
    fail("other bytes went back", left, rest);
  }
}

/** The first frame from `at` on that is no event; the rest where there is none. */
function nextAnswer(sent: Uint8Array, at: number): Uint8Array {
  while (at + HEADER <= sent.length && isEvent(sent.subarray(at))) at += lengthOf(sent, at);
  return sent.subarray(at, at + lengthOf(sent, at));
}

/** What is left without events, up to where no frame begins. */
export function withoutEvents(bytes: Uint8Array, maxBody: number): Uint8Array {
  const kept: Uint8Array[] = [];
  let at = 0;
  while (bytes.length - at >= HEADER && bytes[at] === 0xda && bytes[at + 1] === 0xbb) {
    const length = lengthOf(bytes, at);
    if (length - HEADER > maxBody || at + length > bytes.length) break;
    const frame = bytes.subarray(at, at + length);
    if (!isEvent(frame)) kept.push(frame);
    at += length;
  }
  return concat([...kept, bytes.subarray(at)]);
}

function isEvent(frame: Uint8Array): boolean {
  return (frame[2]! & 0x20) !== 0;
}

/** Whether `gone` is the beginning of an answer or event that was still passing. */
function isPart(left: Uint8Array, gone: Uint8Array): boolean {
  if (gone.length === 0) return true;
  return gone.length >= HEADER && !isCall(gone) && same(left.subarray(0, gone.length), gone);
}
