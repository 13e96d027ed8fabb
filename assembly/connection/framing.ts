/**
 * The frames of one connection, in both directions: whoever sends them, they go through one reader, and
 * what it finds goes to requests.ts and answers.ts.
 *
 * A read comes in one of two ways. It is observed where nothing of it can change: Envoy lets it go on, and
 * only as many bytes are fetched as are looked at. Else all of it is fetched, and each of its frames has
 * a mode:
 *
 *     frame begins ──mode──> OBSERVE ─── read in passing ─────────────────────────────> kept
 *                       ├──> HOLD ────── held until it is whole, read ──verdict──────> kept, replaced,
 *                       │                                                              dropped; CUT_OFF
 *                       ├──> DROP ────── read in passing, refused at its end ────────> dropped, replaced
 *                       └──> CUT_OFF ─── nothing of the connection goes on any more
 *
 * As soon as one direction is not Dubbo the whole connection is passed through unseen, because answers
 * and questions could not be told from each other any more.
 */
import { ClosedBy, Direction, Obstacle, Reason } from "../call/vocabulary";
import { Step } from "../dubbo/frame_reader";
import { bodyLengthOf, flagOf, HEADER_LENGTH, isEvent, isFrame, isRequest } from "../dubbo/header";
import { BufferType, fetch, lastLength } from "../host/buffers";
import { InFlightList } from "../ledger/in_flight";
import { Ending } from "../ledger/ledger";
import { Metric } from "../metrics/definitions";
import { Plugin } from "../plugin";
import { endCalls, modeOfAnswer, onAnswer, readAnswer, readEvent, writeRefusal } from "./answers";
import { beginCallback, callbackTime } from "./callback_time";
import { answerCalls, Guard } from "./guard";
import { Half, NO_FAULT } from "./half";
import { HeldFrame } from "./held_frame";
import { refuseTooLarge } from "./policing";
import { modeOfRequest, onRequest, readRequest, readTail, withoutRoom } from "./requests";
import { RuledRequests } from "./ruled_requests";
import { Mode, Verdict } from "./verdict";

/**
 * Bytes fetched from the host at once. Each fetch costs the host about 0.6 µs, so it should bring all
 * of a read of many small frames (Envoy reads 16 to 128 KiB at once) …
 */
const FETCH_WINDOW: u32 = 32 * 1024;
/** … but of large frames only a head, because copying a body costs more than a second fetch. */
const LARGE_FETCH_WINDOW: u32 = 512;
/** After a body of this many bytes the next frames are taken for large ones too. */
const LARGE_BODY: u32 = 2048;
/** Nobody believes in a longer body; something can be added to this. */
const MOST_BODY: u32 = 0x7fffffff;

/** Both directions of one connection. */
@unmanaged
@final
export class Framing {
  private plugin: Plugin;
  private calls: InFlightList;
  /** What is remembered of requests; null where neither rules nor policies decide on them. */
  readonly ruled: RuledRequests | null;
  private downstream: Half = new Half(Direction.DOWNSTREAM);
  readonly upstream: Half = new Half(Direction.UPSTREAM);
  /** Whether nothing is looked at any more. */
  isPassedThrough: bool;
  /** Whether the server has sent an event since this was last false. */
  hadUpstreamEvent: bool = false;

  /**
   * @param plugin whose configuration holds
   * @param ruled what is remembered of requests, or null; it becomes the framing's own
   */
  constructor(plugin: Plugin, ruled: RuledRequests | null) {
    this.plugin = plugin;
    this.calls = new InFlightList();
    this.ruled = ruled;
    this.isPassedThrough = !plugin.readsFrames;
  }

  /** Takes in `size` bytes that the client has sent, all of which go on. */
  observeRequests(size: u32): void {
    this.observe(this.downstream, BufferType.DOWNSTREAM_DATA, size);
  }

  /** Takes in `size` bytes that the server has sent, all of which go on. */
  observeAnswers(size: u32): void {
    this.observe(this.upstream, BufferType.UPSTREAM_DATA, size);
  }

  /**
   * Takes in `size` bytes that the client has sent, which rules and policies decide on.
   *
   * @param isEnd whether the client sends no more
   * @returns whether the connection may go on; if not, nothing of it may
   */
  ruleRequests(ruled: RuledRequests, size: u32, isEnd: bool): bool {
    const type = BufferType.DOWNSTREAM_DATA;
    beginCallback();
    const bytes: usize = size == 0 ? 0 : fetch(type, 0, size);
    if (size != 0 && lastLength() != size) {
      this.plugin.add(Metric.REFUSED_CONNECTIONS, 1, Obstacle.FOREIGN);
      return false;
    }
    const splice = this.plugin.splice;
    const half = this.downstream;
    const held = ruled.heldRequest;
    splice.begin(bytes, size);
    if (!this.rule(half, ruled, held, isEnd)) return false;
    if ((isEnd || this.isPassedThrough) && held.length != 0) {
      // The rest will never come; what was held goes on as it is, unless it must not.
      this.takeHeld(half, held, !ruled.routing.isStrict);
    }
    const delayed = ruled.delayed;
    if (!delayed) splice.finish(type);
    else if (!delayed.hold(splice, size, isEnd)) ruled.endDelay();
    return true;
  }

  /**
   * Takes in `size` bytes that the server has sent while refused requests wait, and puts their refusals
   * in the place of the heartbeats' answers.
   *
   * @param isEnd whether the server sends no more
   * @returns how many bytes go on
   */
  ruleAnswers(ruled: RuledRequests, size: u32, isEnd: bool): u32 {
    const type = BufferType.UPSTREAM_DATA;
    beginCallback();
    const half = this.upstream;
    const bytes: usize = size == 0 ? 0 : fetch(type, 0, size);
    if (size != 0 && lastLength() != size) {
      this.passThrough(Step.FOREIGN);
      return size;
    }
    const splice = this.plugin.splice;
    const held = ruled.heldAnswer;
    splice.begin(bytes, size);
    this.rule(half, ruled, held, isEnd);
    if (isEnd && held.length != 0) {
      // Behind half a frame the guard could answer nothing.
      if (this.plugin.guard) held.clear();
      else this.takeHeld(half, held, true);
    }
    return splice.finish(type);
  }

  /** Answers, in the server's place, the calls of the client that have no answer. */
  answerCalls(guard: Guard): void {
    answerCalls(this.plugin, guard, this.downstream, this.calls, this.ruled);
  }

  /**
   * The connection has ended: calls that have no answer end too, and everything is given back.
   *
   * @param closedBy who has closed it
   */
  end(closedBy: ClosedBy): void {
    const plugin = this.plugin;
    const ruled = this.ruled;
    if (!this.isPassedThrough) {
      beginCallback();
      // The reader is to know that a frame was cut off.
      if (ruled) this.take(this.downstream, ruled.heldRequest.start, ruled.heldRequest.length);
      this.endHalf(this.downstream);
      this.endHalf(this.upstream);
    }
    endCalls(plugin, this.calls, plugin.ledger.ending.unanswered(closedBy));
    this.downstream.free();
    this.upstream.free();
    if (ruled) ruled.free();
    heap.free(changetype<usize>(this.calls));
    heap.free(changetype<usize>(this));
  }

  private observe(half: Half, type: BufferType, size: u32): void {
    beginCallback();
    let offset: u32 = 0;
    while (offset < size && !this.isPassedThrough) {
      const left = size - offset;
      const passable = half.passable;
      if (passable != 0) {
        const passed = min<u32>(passable, left);
        half.pass(passed);
        offset += passed;
        this.takeSteps(half);
        continue;
      }
      const isNextLarge = half.expectsLarge && !half.insideFrame;
      let window = isNextLarge ? LARGE_FETCH_WINDOW : FETCH_WINDOW;
      // After a tail comes a head.
      if (half.isAtTail) window = half.missing + LARGE_FETCH_WINDOW;
      const bytes = fetch(type, offset, min<u32>(left, window));
      const length = lastLength();
      // Bytes that were not shown leave the reader out of step for good.
      if (bytes == 0 || length == 0) return this.passThrough(Step.FOREIGN);
      offset += length;
      this.take(half, bytes, length);
    }
  }

  /**
   * Goes through the frames of the read that the plugin's splice has begun.
   *
   * @param held what is held of the frame that `half` has begun
   * @param isEnd whether no more of them will come
   * @returns whether the connection may go on
   */
  private rule(half: Half, ruled: RuledRequests, held: HeldFrame, isEnd: bool): bool {
    const splice = this.plugin.splice;
    const policies = this.plugin.settings.policies;
    while (splice.left != 0 && !this.isPassedThrough) {
      if (half.insideFrame) {
        if (!this.passBy(half, ruled, half.missing)) return false;
        continue;
      }
      if (held.length != 0 && held.length < HEADER_LENGTH) {
        const more = min<u32>(HEADER_LENGTH - held.length, splice.left);
        held.append(splice.at, more);
        splice.replace(more);
      }
      const isHeld = held.length != 0;
      const header = isHeld ? held.start : splice.at;
      const length = held.length + splice.left;
      const frame = frameLength(header, length);
      let mode = this.modeOf(half, ruled, header, length);
      if (mode == Mode.HOLD) {
        const isWhole = length >= frame;
        const more = isWhole ? frame - held.length : splice.left;
        const hasRoom = (isWhole && !isHeld) || held.append(splice.at, more);
        if (hasRoom && !isWhole) {
          splice.drop(more);
          continue;
        }
        if (hasRoom) {
          const verdict = this.decide(half, ruled, isHeld ? held.start : splice.at, frame);
          if (verdict == Verdict.CUT_OFF) return false;
          if (policies && policies.wait != 0) {
            if (verdict == Verdict.KEEP) splice.drop(0);
            ruled.delay(policies.wait, splice, isEnd);
            policies.wait = 0;
          }
          if (verdict == Verdict.REPLACE) splice.replace(more);
          else if (verdict == Verdict.DROP) splice.drop(more);
          else if (!isHeld) splice.keep(more);
          else {
            splice.insert(held.start, held.length);
            splice.replace(more);
          }
          held.clear();
          continue;
        }
        mode = half.direction == Direction.UPSTREAM ? Mode.OBSERVE : withoutRoom(ruled);
      }
      if (mode == Mode.CUT_OFF) return false;
      if (mode == Mode.DROP) {
        half.isDropped = true;
        ruled.noteDropped(isHeld ? held.start : splice.at);
      }
      if (isHeld) this.takeHeld(half, held, mode == Mode.OBSERVE);
      else if (!this.passBy(half, ruled, frame)) return false;
    }
    return true;
  }

  private modeOf(half: Half, ruled: RuledRequests, header: usize, length: u32): Mode {
    if (half.direction == Direction.UPSTREAM) return modeOfAnswer(ruled, header, length);
    return modeOfRequest(this.plugin, ruled, header, length);
  }

  /** Reads the `length` bytes of a held frame that is whole, and says what becomes of it. */
  private decide(half: Half, ruled: RuledRequests, frame: usize, length: u32): Verdict {
    if (half.direction == Direction.UPSTREAM) {
      const out = this.plugin.splice.out;
      const at = writeRefusal(this.plugin, ruled, frame);
      this.take(half, out.start + at, out.length - at);
      return Verdict.REPLACE;
    }
    ruled.verdict = Verdict.KEEP;
    ruled.isHeld = true;
    this.take(half, frame, length);
    ruled.isHeld = false;
    return ruled.verdict;
  }

  /**
   * Reads the next `length` bytes, as many as are there, and lets them go on unless they are dropped. At
   * its end a dropped request is refused: then its call is known, and its answer finds it.
   *
   * @returns false if it cannot be answered
   */
  private passBy(half: Half, ruled: RuledRequests, length: u32): bool {
    const plugin = this.plugin;
    const splice = plugin.splice;
    const passed = min<u32>(length, splice.left);
    this.take(half, splice.at, passed);
    if (!half.isDropped) {
      splice.keep(passed);
      return true;
    }
    splice.drop(passed);
    if (half.insideFrame) return true;
    half.isDropped = false;
    const policies = plugin.settings.policies!;
    const flag = ruled.droppedFlag;
    const verdict = refuseTooLarge(plugin, policies, flag, ruled.droppedId, ruled.refusals);
    if (verdict == Verdict.REPLACE) splice.replace(0);
    return verdict != Verdict.CUT_OFF;
  }

  /** Reads what is held of a frame that is held no longer, and lets it go on or not. */
  private takeHeld(half: Half, held: HeldFrame, goesOn: bool): void {
    if (goesOn) this.plugin.splice.insert(held.start, held.length);
    this.take(half, held.start, held.length);
    held.clear();
  }

  /** Reads the `length` bytes at `bytes`, which follow those that were read before. */
  private take(half: Half, bytes: usize, length: u32): void {
    if (this.isPassedThrough) return;
    half.feed(bytes, length);
    this.takeSteps(half);
  }

  private takeSteps(half: Half): void {
    const plugin = this.plugin;
    const maxBody = plugin.settings.maxBodyBytes;
    const requestWindow = plugin.requestWindow;
    const answerWindow = plugin.answerWindow;
    while (true) {
      const whole = half.takeWhole(maxBody, requestWindow, answerWindow);
      if (whole != 0) {
        const time = callbackTime();
        this.onHead(half, whole);
        this.onFrameEnd(half, whole, time);
        continue;
      }
      const step = half.next(maxBody, requestWindow, answerWindow);
      if (step == Step.NEED_BYTES) return;
      if (step == Step.HEAD) {
        const isRead = half.isAtTail ? readTail(plugin, half) : this.onHead(half, half.header);
        if (isRead) half.accept();
      } else if (step == Step.FRAME_END) {
        this.onFrameEnd(half, half.header, callbackTime());
      } else {
        return this.passThrough(step);
      }
    }
  }

  /** Whether the head was read as far as it will be, as of a whole body it always is. */
  private onHead(half: Half, header: usize): bool {
    const flag = flagOf(header);
    half.expectsLarge = bodyLengthOf(header) >= LARGE_BODY;
    if (isEvent(flag)) return readEvent(half, header);
    if (isRequest(flag)) return readRequest(this.plugin, half, header, this.ruled);
    return readAnswer(this.plugin, half, header);
  }

  private onFrameEnd(half: Half, header: usize, time: u64): void {
    const flag = flagOf(header);
    const plugin = this.plugin;
    if (half.fault != NO_FAULT) plugin.add(Metric.DECODE_ERRORS, 1, half.fault);
    half.fault = NO_FAULT;
    if (isEvent(flag)) {
      if (half.direction == Direction.UPSTREAM) this.hadUpstreamEvent = true;
      plugin.add(Metric.EVENTS, 1, half.event, half.direction);
    } else if (!isRequest(flag)) onAnswer(plugin, half, header, this.calls, time);
    // A request that was answered before its end is counted already.
    else if (half.series) onRequest(plugin, half, header, this.calls, this.ruled, time);
  }

  private passThrough(step: Step): void {
    const plugin = this.plugin;
    if (step == Step.TOO_LARGE) plugin.add(Metric.DECODE_ERRORS, 1, Reason.BODY_TOO_LARGE);
    else if (this.downstream.hadFrames || this.upstream.hadFrames) {
      plugin.add(Metric.DECODE_ERRORS, 1, Reason.BAD_MAGIC);
    }
    plugin.add(Metric.PASSTHROUGH_CONNECTIONS, 1);
    this.isPassedThrough = true;
    this.downstream.releaseCarry();
    this.upstream.releaseCarry();
    // They may well be answered, but it will not be seen.
    endCalls(plugin, this.calls, plugin.ledger.ending.untracked());
  }

  private endHalf(half: Half): void {
    if (half.insideFrame) this.plugin.add(Metric.DECODE_ERRORS, 1, Reason.TRUNCATED_FRAME);
  }
}

/** How long the frame is that begins with the `length` bytes at `header`, as far as it is known. */
function frameLength(header: usize, length: u32): u32 {
  if (length < HEADER_LENGTH || !isFrame(header)) return HEADER_LENGTH;
  return HEADER_LENGTH + min<u32>(bodyLengthOf(header), MOST_BODY);
}
