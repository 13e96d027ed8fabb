/**
 * One downstream connection: bytes of both directions into frames, frames into what is counted.
 *
 * Both directions carry requests and responses: a provider may call back over the connection that its
 * consumer opened. A call is counted when its frame's last byte has passed, so that how the bytes were
 * cut into reads changes nothing. As soon as one direction is not Dubbo the whole connection is passed
 * through unseen, because answers and questions could not be told from each other any more.
 */
import { Step } from "../dubbo/frame_reader";
import {
  bodyLengthOf,
  flagOf,
  HEADER_LENGTH,
  isEvent,
  isFrame,
  isRequest,
  isTwoway,
  requestIdOf,
  serializationOf,
  statusOf,
} from "../dubbo/header";
import { EventKind, ResultKind, SERVER_ERROR, STATUS_OK } from "../dubbo/tables";
import { knownSerialization } from "../call/serializations";
import { dubboStatus } from "../call/statuses";
import { BufferType, fetch, lastLength, replaceStart } from "../host/buffers";
import { now } from "../host/clock";
import {
  CallKind,
  ClosedBy,
  Direction,
  EventLabel,
  Outcome,
  Protocol,
  Reason,
  Side,
} from "../call/vocabulary";
import { Metric } from "../metrics/definitions";
import { NO_PERIOD } from "../metrics/registry";
import { cellKey, Series } from "../metrics/series";
import { Plugin } from "../plugin";
import { dropTracedCall } from "../telemetry/traced_call";
import {
  headLength,
  NO_KIND,
  readEventKind,
  readInvocation,
  readResultKind,
} from "../serialization/bodies";
import { failed, INCOMPLETE, UNSUPPORTED } from "../wire/position";
import { InFlight, InFlightList, InFlightTable } from "../ledger/in_flight";
import { EndKind, Ending } from "../ledger/ledger";
import { Departure } from "./departure";
import { holdUnfinished } from "./guard";
import { Half } from "./half";
import { HeldFrame } from "./held_frame";
import { noteRoute, Route } from "./route";
import { decide } from "./request_routing";

/**
 * Bytes fetched from the host at once. Each fetch costs the host about 0.6 µs, so it should bring all
 * of a read of many small frames (Envoy reads 16 to 128 KiB at once) …
 */
const FETCH_WINDOW: u32 = 32 * 1024;
/** … but of large frames only a head, because copying a body costs more than a second fetch. */
const LARGE_FETCH_WINDOW: u32 = 512;
/** After a body of this many bytes the next frames are taken for large ones too. */
const LARGE_BODY: u32 = 2048;

/** The time of the data callback that is running, in ns; 0 while nobody has asked. */
let time: u64 = 0;

/** One connection that is watched; where its requests are held too, see routed_connection.ts. */
@unmanaged
export class Connection {
  /** For the table of contexts. */
  hash: u32;
  hashNext: Connection | null = null;
  protected plugin: Plugin;
  protected table: InFlightTable;
  protected downstream: Half = new Half(Direction.DOWNSTREAM);
  private upstream: Half = new Half(Direction.UPSTREAM);
  private calls: InFlightList = new InFlightList();
  private closedBy: ClosedBy = ClosedBy.UNKNOWN;
  protected isPassedThrough: bool = false;
  /** Whether a byte has come from either side. */
  private isUsed: bool = false;
  /** The beginning of an answer, where answers are guarded. */
  private heldAnswer: HeldFrame | null = null;
  /** Where the connection is closed once its client has left. */
  private departure: Departure | null = null;
  /** What a routed connection remembers of its requests; null where nothing is routed. */
  protected route: Route | null = null;

  /**
   * @param contextId the host's number of the connection
   * @param plugin whose configuration holds for it
   * @param table where its calls in flight are kept
   */
  constructor(contextId: u32, plugin: Plugin, table: InFlightTable) {
    this.hash = contextId;
    this.plugin = plugin;
    this.table = table;
    if (plugin.guard) this.heldAnswer = new HeldFrame();
    if (plugin.settings.closesOnDownstreamClose) this.departure = new Departure(contextId);
    this.isPassedThrough = !plugin.readsFrames;
    plugin.retain();
    plugin.add(Metric.CONNECTIONS, 1);
    plugin.add(Metric.CONNECTIONS_ACTIVE, 1);
  }

  /** Address of this connection if it is a `RoutedConnection`, else 0. */
  get asRouted(): usize {
    return this.plugin.settings.routing ? changetype<usize>(this) : 0;
  }

  /** The host's number of the connection. */
  get contextId(): u32 {
    return this.hash;
  }

  /** A data callback brings `size` bytes; 0 where it only tells of an end. */
  noteBytes(size: u32): void {
    if (size != 0) this.isUsed = true;
  }

  /** Takes in `size` bytes that the client has sent; call it in `proxy_on_downstream_data` only. */
  onDownstreamData(size: u32): void {
    if (!this.isPassedThrough) this.read(this.downstream, BufferType.DOWNSTREAM_DATA, size);
  }

  /**
   * Takes in `size` bytes that the server has sent; call it in `proxy_on_upstream_data` only.
   *
   * @param isEnd whether the server sends no more
   */
  onUpstreamData(size: u32, isEnd: bool): void {
    const upstream = this.upstream;
    const route = this.route;
    if (!this.isPassedThrough) {
      if (route && (route.refusals.isWaiting || route.heldAnswer.length != 0)) {
        size = this.readAnswers(route, size, isEnd);
      } else {
        this.read(upstream, BufferType.UPSTREAM_DATA, size);
      }
    }
    const held = this.heldAnswer;
    if (!held) return;
    holdUnfinished(held, size, this.isPassedThrough ? 0 : upstream.frameLength);
    if (!isEnd || this.isPassedThrough) return;
    // After half a frame that has gone on nothing could be told from the rest of it.
    const isBetweenFrames = !upstream.insideFrame || held.length != 0;
    held.clear();
    // A client that ended first has left: none of Dubbo's goes on reading.
    if (isBetweenFrames && this.closedBy == ClosedBy.UNKNOWN) this.answerCalls();
  }

  /** The client sends no more. */
  onDownstreamEnd(): void {
    this.onEnd(ClosedBy.REMOTE);
    const departure = this.departure;
    if (departure) departure.begin();
  }

  /**
   * An end of the connection was seen: the last bytes of a direction, or Envoy's close callback.
   *
   * The first one counts. Envoy's callback comes last and names who closed last: in front of
   * `tcp_proxy` that is the side which was told, and not the one which began.
   */
  onEnd(closedBy: ClosedBy): void {
    if (this.closedBy == ClosedBy.UNKNOWN) this.closedBy = closedBy;
  }

  /** The connection has ended: what it leaves behind is counted, and it may not be used any more. */
  end(): void {
    const plugin = this.plugin;
    if (!this.isPassedThrough) {
      this.endHalf(this.downstream);
      this.endHalf(this.upstream);
    }
    this.endCalls(plugin.ledger.ending.unanswered(this.closedBy));
    if (!this.isUsed) plugin.add(Metric.UNUSED_CONNECTIONS, 1, this.closedBy);
    plugin.add(Metric.CONNECTIONS_ACTIVE, -1);
    plugin.flush();
    this.downstream.free();
    this.upstream.free();
    const held = this.heldAnswer;
    if (held) held.free();
    const departure = this.departure;
    if (departure) departure.free();
    heap.free(changetype<usize>(this.calls));
    heap.free(changetype<usize>(this));
    plugin.release();
  }

  private read(half: Half, type: BufferType, size: u32): void {
    time = 0;
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
      const window = isNextLarge ? LARGE_FETCH_WINDOW : FETCH_WINDOW;
      const bytes = fetch(type, offset, min<u32>(left, window));
      const length = lastLength();
      // Bytes that were not shown leave the reader out of step for good.
      if (bytes == 0 || length == 0) return this.passThrough(half, Step.FOREIGN);
      offset += length;
      this.take(half, bytes, length);
    }
  }

  /**
   * Reads what the server has sent while refused requests wait, and puts their refusals in the place of
   * the heartbeats' answers.
   *
   * @param size bytes of this read
   * @param isEnd whether the server sends no more
   * @returns how many bytes go on
   */
  private readAnswers(route: Route, size: u32, isEnd: bool): u32 {
    time = 0;
    const type = BufferType.UPSTREAM_DATA;
    const start: usize = size == 0 ? 0 : fetch(type, 0, size);
    if (size != 0 && lastLength() != size) {
      this.passThrough(this.upstream, Step.FOREIGN);
      return size;
    }
    const upstream = this.upstream;
    const refusals = route.refusals;
    const held = route.heldAnswer;
    const out = this.plugin.splice.out;
    const end = start + size;
    let p = start;
    // Bytes before it are in `out`, in `held`, or nowhere any more.
    let copied = start;
    // Bytes after it are held.
    let goesOnTo = end;
    out.clear();
    while (p < end && !this.isPassedThrough) {
      if (held.length == 0 && (upstream.insideFrame || !refusals.isWaiting)) {
        const passed = upstream.insideFrame
          ? min<u32>(upstream.missing, <u32>(end - p))
          : <u32>(end - p);
        this.take(upstream, p, passed);
        p += passed;
        continue;
      }
      const length = held.length + <u32>(end - p);
      if (length < HEADER_LENGTH) {
        if (!held.append(p, <u32>(end - p))) {
          this.passThrough(upstream, Step.FOREIGN);
          break;
        }
        goesOnTo = p;
        break;
      }
      if (held.length != 0 && held.length < HEADER_LENGTH) {
        const more = HEADER_LENGTH - held.length;
        held.append(p, more);
        p += more;
        copied = p;
      }
      const isHeld = held.length != 0;
      const header = isHeld ? held.start : p;
      const refused = isFrame(header) ? refusals.find(header, requestIdOf(header)) : null;
      if (!refused) {
        if (isHeld) {
          out.write(held.start, held.length);
          this.take(upstream, held.start, held.length);
          held.clear();
        } else {
          this.take(upstream, p, HEADER_LENGTH);
          p += HEADER_LENGTH;
        }
        continue;
      }
      const frame = HEADER_LENGTH + bodyLengthOf(header);
      if (held.length + <u32>(end - p) < frame) {
        if (held.append(p, <u32>(end - p))) {
          goesOnTo = p;
          break;
        }
        this.passThrough(upstream, Step.FOREIGN);
        break;
      }
      if (!isHeld) out.write(copied, <u32>(p - copied));
      p += frame - held.length;
      copied = p;
      held.clear();
      const at = out.length;
      refused.answer.write(out, refused.id, refused.serialization);
      refusals.remove(refused);
      this.take(upstream, out.start + at, out.length - at);
    }
    if ((isEnd || this.isPassedThrough) && held.length != 0) {
      // What it would have become will not come.
      if (goesOnTo == start && copied == start) goesOnTo = end;
      else out.write(held.start, held.length);
      held.clear();
    }
    if (goesOnTo != end) {
      out.write(copied, <u32>(goesOnTo - copied));
      copied = end;
    }
    const goesOn = out.length + <u32>(end - copied);
    if (copied != start || out.length != 0) {
      replaceStart(type, <u32>(copied - start), out.start, out.length);
    }
    out.clear();
    return goesOn;
  }

  /** A data callback begins whose bytes are given to `take`. */
  protected startTaking(): void {
    time = 0;
  }

  /** Takes in the `length` bytes at `bytes`, which follow those that were taken before; none once passed through. */
  protected take(half: Half, bytes: usize, length: u32): void {
    if (this.isPassedThrough) return;
    half.feed(bytes, length);
    this.takeSteps(half);
  }

  private takeSteps(half: Half): void {
    const maxBody = this.plugin.settings.maxBodyBytes;
    const requestWindow = this.plugin.requestWindow;
    while (true) {
      const whole = half.takeWhole(maxBody, requestWindow);
      if (whole != 0) {
        if (time == 0) time = now();
        this.onHead(half, whole);
        this.onFrameEnd(half, whole, time);
        continue;
      }
      const step = half.next(maxBody, requestWindow);
      if (step == Step.NEED_BYTES) return;
      if (step == Step.HEAD) {
        if (this.onHead(half, half.header)) half.accept();
      } else if (step == Step.FRAME_END) {
        if (time == 0) time = now();
        this.onFrameEnd(half, half.header, time);
      } else {
        return this.passThrough(half, step);
      }
    }
  }

  /** Whether the head was read as far as it will be, as of a whole body it always is. */
  private onHead(half: Half, header: usize): bool {
    const flag = flagOf(header);
    half.expectsLarge = bodyLengthOf(header) >= LARGE_BODY;
    if (isEvent(flag)) return this.readEvent(half, header);
    if (isRequest(flag)) return this.readRequest(half, header);
    return this.readResponse(half, header);
  }

  /** Whether the head was read as far as it will be; else more bytes are awaited. */
  private readRequest(half: Half, header: usize): bool {
    const plugin = this.plugin;
    const serialization = serializationOf(flagOf(header));
    const invocation = plugin.invocation;
    const end = half.body + half.bodyLength;
    const side = this.sideOfCall(<Direction>half.direction);
    const heads = plugin.heads;
    const registry = plugin.registry;
    const period = registry.period;
    let head: u32 = 0;
    if (heads) {
      let known = heads.findLast(side, serialization, half.body, end, period);
      if (!known) {
        head = headLength(serialization, half.body, end);
        if (head != 0) known = heads.find(side, serialization, half.body, head, period);
      }
      if (known) {
        half.series = known;
        return true;
      }
    }
    const result = readInvocation(serialization, half.body, end, invocation);
    if (result == INCOMPLETE && !half.bodyComplete && half.keep()) return false;
    const tracing = plugin.tracing;
    if (tracing && invocation.headRead && !half.trace) {
      if (time == 0) time = now();
      half.trace = tracing.begin(time);
    }
    const routing = plugin.settings.routing;
    const route = this.route;
    if (routing && route && half.direction == Direction.DOWNSTREAM && !route.isSwallowed) {
      const length = half.bodyLength;
      route.decision = decide(plugin, routing, header, half.body, length, result, route);
      noteRoute(plugin, routing, route);
    }
    const isCut = half.bodyLength < bodyLengthOf(header);
    if (!invocation.headRead) {
      half.series = registry.otherOf(side);
      if (result != UNSUPPORTED) {
        const isLong = result == INCOMPLETE && isCut;
        half.setFault(isLong ? Reason.HEAD_TOO_LONG : Reason.MALFORMED_REQUEST);
        if (half.isStarved) half.setFault(Reason.OVERLOAD);
      }
      return true;
    }
    // Attachments after the window were not looked at, so they are not malformed; nor are those that
    // are not there.
    const isUnseen = (result == INCOMPLETE && isCut) || invocation.attachmentsRead;
    if (failed(result) && result != UNSUPPORTED && !isUnseen) {
      half.setFault(Reason.MALFORMED_ATTACHMENTS);
    }
    if (half.isStarved) half.setFault(Reason.OVERLOAD);
    const series = registry.resolve(plugin.describeCall(side));
    half.series = series;
    if (plugin.isPathOverruled) plugin.recorder.add(series, cellKey(Metric.PATH_MISMATCHES), 1);
    // A generic call's method stands after its head.
    if (heads && result == half.body + head && !half.hasFault && !invocation.isGeneric) {
      const goodIn = registry.periodOf(series);
      if (goodIn != NO_PERIOD) {
        heads.learn(side, serialization, half.body, head, series, goodIn);
      }
    }
    return true;
  }

  private readResponse(half: Half, header: usize): bool {
    if (statusOf(header) != STATUS_OK) {
      half.outcome = <u8>Outcome.ERROR;
      return true;
    }
    const kind = readResultKind(
      serializationOf(flagOf(header)),
      half.body,
      half.body + half.bodyLength,
    );
    if (kind == NO_KIND) {
      if (!half.bodyComplete && half.keep()) return false;
      half.setFault(Reason.MALFORMED_RESPONSE);
    }
    half.outcome = <u8>outcomeOf(kind);
    return true;
  }

  private readEvent(half: Half, header: usize): bool {
    if (!half.bodyComplete && half.keep()) return false;
    // An event that is longer than the window is none that Dubbo sends.
    const isWhole = half.bodyLength == bodyLengthOf(header);
    let kind = isWhole ? readEventKind(half.body, half.bodyLength) : EventKind.OTHER;
    const isAsked = isRequest(flagOf(header));
    // Only a request announces something; what else answers a heartbeat answers it with status OK.
    if (!isAsked && (kind != EventKind.HEARTBEAT || statusOf(header) != STATUS_OK)) {
      kind = EventKind.OTHER;
    }
    if (kind == EventKind.OTHER) half.setFault(Reason.MALFORMED_EVENT);
    half.event = <u8>eventLabel(kind, isAsked);
    return true;
  }

  private onFrameEnd(half: Half, header: usize, time: u64): void {
    const flag = flagOf(header);
    if (half.hasFault) this.plugin.add(Metric.DECODE_ERRORS, 1, half.fault);
    half.hasFault = false;
    if (isEvent(flag)) this.plugin.add(Metric.EVENTS, 1, half.event, half.direction);
    else if (!isRequest(flag)) this.onResponse(half, header, time);
    // A request that was answered before its end is counted already.
    else if (half.series) this.onRequest(half, header, time);
  }

  private onRequest(half: Half, header: usize, time: u64): void {
    const flag = flagOf(header);
    const series = half.series!;
    half.series = null;
    const bytes = <i64>HEADER_LENGTH + bodyLengthOf(header);
    const kind = isTwoway(flag) ? CallKind.TWOWAY : CallKind.ONEWAY;
    const serialization = knownSerialization(serializationOf(flag));
    this.plugin.ledger.asked(series, Protocol.DUBBO, kind, serialization, bytes);
    if (kind == CallKind.TWOWAY) this.follow(half, header, series, time);
    const trace = half.trace;
    if (trace) {
      half.trace = null;
      dropTracedCall(trace);
    }
    const policies = this.plugin.settings.policies;
    // What is not followed is not in flight either.
    if (policies && policies.holds != 0) policies.giveBack(this.plugin.ledger.holds);
  }

  private follow(half: Half, header: usize, series: Series, time: u64): void {
    const direction = <Direction>half.direction;
    const id = requestIdOf(header);
    const serialization = serializationOf(flagOf(header));
    const ledger = this.plugin.ledger;
    const table = this.table;
    const calls = this.calls;
    if (table.mayHave(calls, id)) {
      const twin = table.find(calls, direction, id);
      if (twin) this.endCall(twin, ledger.ending.untracked());
    }
    if (calls.count >= this.plugin.settings.maxInFlight || table.isFull) {
      const oldest = calls.oldest;
      if (!oldest) return ledger.neverFollowed(series);
      this.endCall(oldest, ledger.ending.untracked());
    }
    const call = table.start(calls, direction, id, serialization, series, time);
    call.requestBytes = <i64>HEADER_LENGTH + bodyLengthOf(header);
    call.trace = half.trace;
    half.trace = null;
    const policies = this.plugin.settings.policies;
    if (policies) {
      call.holds = policies.holds;
      policies.holds = 0;
    }
    ledger.begin(call);
  }

  private onResponse(half: Half, header: usize, time: u64): void {
    const plugin = this.plugin;
    const asked = half.direction == Direction.UPSTREAM ? Direction.DOWNSTREAM : Direction.UPSTREAM;
    const call = this.table.find(this.calls, asked, requestIdOf(header));
    if (!call) {
      plugin.add(Metric.UNMATCHED_RESPONSES, 1, half.direction);
      return;
    }
    const bytes = HEADER_LENGTH + bodyLengthOf(header);
    const status = dubboStatus(statusOf(header));
    const ending = plugin.ledger.ending;
    this.endCall(call, ending.answer(EndKind.ANSWERED, status, half.outcome, bytes, time));
  }

  /** Answers, in the server's place, all calls of the client that have no answer. */
  private answerCalls(): void {
    if (time == 0) time = now();
    this.takeUnfinishedRequest();
    const guard = this.plugin.guard!;
    const ending = this.plugin.ledger.ending;
    const status = dubboStatus(SERVER_ERROR);
    let call = this.calls.oldest;
    while (call) {
      const next = call.younger;
      if (call.direction == Direction.DOWNSTREAM) {
        const bytes = guard.answer(call.id, call.serialization);
        this.endCall(call, ending.answer(EndKind.GUARDED, status, Outcome.ERROR, bytes, time));
      }
      call = next;
    }
    guard.flush();
  }

  /** Counts the client's request that is passing as if it had passed: its answer will not wait. */
  private takeUnfinishedRequest(): void {
    const half = this.downstream;
    if (!half.hasHeader) return;
    const flag = flagOf(half.header);
    if (!isRequest(flag) || isEvent(flag) || !isTwoway(flag)) return;
    if (!half.series) {
      half.offerKept();
      this.readRequest(half, half.header);
      // That it has not all come is no fault of its head's.
      if (half.fault == Reason.HEAD_TOO_LONG) half.hasFault = false;
    }
    half.accept();
    this.onRequest(half, half.header, time);
  }

  protected passThrough(half: Half, step: Step): void {
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
    this.endCalls(plugin.ledger.ending.untracked());
  }

  private endHalf(half: Half): void {
    if (half.insideFrame) this.plugin.add(Metric.DECODE_ERRORS, 1, Reason.TRUNCATED_FRAME);
  }

  private endCalls(ending: Ending): void {
    let call = this.calls.oldest;
    while (call) {
      this.endCall(call, ending);
      call = this.calls.oldest;
    }
  }

  private endCall(call: InFlight, ending: Ending): void {
    this.plugin.ledger.end(call, ending);
    this.table.end(call);
  }

  /** In a call that the server makes, consumer and provider have changed places. */
  private sideOfCall(direction: Direction): Side {
    const side = this.plugin.side;
    if (direction == Direction.DOWNSTREAM) return side;
    return side == Side.CONSUMER ? Side.PROVIDER : Side.CONSUMER;
  }
}

function outcomeOf(kind: i32): Outcome {
  switch (kind) {
    case ResultKind.VALUE:
    case ResultKind.NULL:
    case ResultKind.VALUE_WITH_ATTACHMENTS:
    case ResultKind.NULL_WITH_ATTACHMENTS:
      return Outcome.SUCCESS;
    case ResultKind.EXCEPTION:
    case ResultKind.EXCEPTION_WITH_ATTACHMENTS:
      return Outcome.EXCEPTION;
    default:
      return Outcome.UNKNOWN;
  }
}

function eventLabel(kind: EventKind, isRequest: bool): EventLabel {
  switch (kind) {
    case EventKind.HEARTBEAT:
      return isRequest ? EventLabel.HEARTBEAT_REQUEST : EventLabel.HEARTBEAT_RESPONSE;
    case EventKind.READONLY:
      return EventLabel.READONLY;
    case EventKind.WRITEABLE:
      return EventLabel.WRITEABLE;
    default:
      return EventLabel.OTHER;
  }
}
