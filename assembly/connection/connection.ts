/**
 * One downstream connection: how it begins, what comes in its two directions, who closes it first.
 *
 * Both directions carry requests and responses: a provider may call back over the connection that its
 * consumer opened. A call is counted when its frame's last byte has passed, so that how the bytes were
 * cut into reads changes nothing.
 *
 *     connection.ts ─┬─> framing.ts    bytes into frames ──> requests.ts, answers.ts
 *                    │     └─> ruled_requests.ts   what rules need ──> first_request.ts
 *                    ├─> guard.ts      answers when the server ends it
 *                    └─> departure.ts  closes it when the client has left
 */
import { ClosedBy, Obstacle } from "../call/vocabulary";
import { BufferType, replaceStart } from "../host/buffers";
import { actAs, closeDownstream } from "../host/stream";
import { Metric } from "../metrics/definitions";
import { Plugin } from "../plugin";
import { Departure } from "./departure";
import { Framing } from "./framing";
import { holdUnfinished } from "./guard";
import { HeldFrame } from "./held_frame";
import { RuledRequests } from "./ruled_requests";

/** One connection that is watched. */
@unmanaged
@final
export class Connection {
  /** For the table of contexts. */
  hash: u32;
  hashNext: Connection | null = null;
  private plugin: Plugin;
  private framing: Framing;
  /** The beginning of an answer, where answers are guarded. */
  private heldAnswer: HeldFrame | null = null;
  /** Where the connection is closed once its client has left. */
  private departure: Departure | null = null;
  /** A `ClosedBy`, in one byte: there may be many connections. */
  private closedBy: u8 = <u8>ClosedBy.UNKNOWN;
  /** Whether a byte has come from either side. */
  private isUsed: bool = false;

  /**
   * @param contextId the host's number of the connection
   * @param plugin whose configuration holds for it
   */
  constructor(contextId: u32, plugin: Plugin) {
    this.hash = contextId;
    this.plugin = plugin;
    plugin.retain();
    plugin.add(Metric.CONNECTIONS, 1);
    plugin.add(Metric.CONNECTIONS_ACTIVE, 1);
    const routing = plugin.settings.routing;
    let ruled: RuledRequests | null = null;
    if (routing) ruled = new RuledRequests(contextId, plugin, routing);
    this.framing = new Framing(plugin, ruled);
    if (plugin.guard) this.heldAnswer = new HeldFrame();
    if (plugin.settings.closesOnDownstreamClose) this.departure = new Departure(contextId);
  }

  /** Whether Envoy is to wait with its cluster for the first request. */
  get awaitsRequest(): bool {
    const ruled = this.framing.ruled;
    return ruled !== null && ruled.awaitsFirst;
  }

  /**
   * Takes in `size` bytes that the client has sent; call it in `proxy_on_downstream_data` only.
   *
   * @param isEnd whether the client sends no more
   * @returns whether the bytes go on; if not, Envoy shows them again with those that follow
   */
  onDownstreamData(size: u32, isEnd: bool): bool {
    if (size != 0) this.isUsed = true;
    if (isEnd) this.onDownstreamEnd();
    const framing = this.framing;
    const ruled = framing.ruled;
    if (!ruled) {
      if (!framing.isPassedThrough) framing.observeRequests(size);
      return true;
    }
    ruled.describeClient(this.plugin.call);
    if (!ruled.lookAtFirst(size, isEnd)) return false;
    if (!this.takeRuled(ruled, size, isEnd)) {
      this.cutOff(ruled, size);
      return true;
    }
    if (!ruled.delayed) return true;
    // Until nothing is held, the client has not left.
    const departure = this.departure;
    if (departure) departure.end();
    return false;
  }

  /**
   * Lets go on what was delayed long enough.
   *
   * @param rootId the root context that runs
   * @param time in ns
   */
  goOn(rootId: u32, time: u64): void {
    const ruled = this.framing.ruled!;
    const delayed = ruled.delayed!;
    actAs(this.hash);
    const isHeld = delayed.letGo(time);
    actAs(rootId);
    if (isHeld) return;
    const departure = this.departure;
    if (departure && delayed.isEnd) departure.begin();
    ruled.endDelay();
  }

  /**
   * Takes in `size` bytes that the server has sent; call it in `proxy_on_upstream_data` only.
   *
   * @param isEnd whether the server sends no more
   */
  onUpstreamData(size: u32, isEnd: bool): void {
    if (size != 0) this.isUsed = true;
    const framing = this.framing;
    const ruled = framing.ruled;
    const held = this.heldAnswer;
    // Where the last read had no room for a frame, the next one begins within it.
    const begun = framing.upstream.frameLength;
    const isAtFrame = held !== null && held.length == begun;
    if (!framing.isPassedThrough) {
      if (ruled && ruled.awaitsAnswers) size = framing.ruleAnswers(ruled, size, isEnd);
      else framing.observeAnswers(size);
    } else if (ruled) {
      ruled.heldAnswer.letGo(BufferType.UPSTREAM_DATA);
    }
    if (held) this.guardAnswers(held, size, isEnd, isAtFrame);
  }

  /**
   * An end of the connection was seen: the last bytes of a direction, or Envoy's close callback.
   *
   * The first one counts. Envoy's callback comes last and names who closed last: in front of
   * `tcp_proxy` that is the side which was told, and not the one which began.
   */
  onEnd(closedBy: ClosedBy): void {
    if (this.closedBy == ClosedBy.UNKNOWN) this.closedBy = <u8>closedBy;
  }

  /** The connection has ended: what it leaves behind is counted, and it may not be used any more. */
  end(): void {
    const plugin = this.plugin;
    this.framing.end(<ClosedBy>this.closedBy);
    if (!this.isUsed) plugin.add(Metric.UNUSED_CONNECTIONS, 1, this.closedBy);
    plugin.add(Metric.CONNECTIONS_ACTIVE, -1);
    plugin.flush();
    const held = this.heldAnswer;
    if (held) held.free();
    const departure = this.departure;
    if (departure) departure.free();
    heap.free(changetype<usize>(this));
    plugin.release();
  }

  private onDownstreamEnd(): void {
    this.onEnd(ClosedBy.REMOTE);
    const departure = this.departure;
    if (departure) departure.begin();
  }

  /** Takes in the client's bytes where rules or policies decide on them; false: nothing may go on. */
  private takeRuled(ruled: RuledRequests, size: u32, isEnd: bool): bool {
    const framing = this.framing;
    const routing = ruled.routing;
    if (ruled.isCutOff) {
      replaceStart(BufferType.DOWNSTREAM_DATA, size, 0, 0);
      return true;
    }
    if (!routing.rewrites) {
      if (!framing.isPassedThrough) framing.observeRequests(size);
      return true;
    }
    // What the server sent could not be read any more; what the client sends is then not read either.
    if (!framing.isPassedThrough) return framing.ruleRequests(ruled, size, isEnd);
    if (routing.isStrict) {
      this.plugin.add(Metric.REFUSED_CONNECTIONS, 1, Obstacle.FOREIGN);
      return false;
    }
    if (ruled.delayed) return framing.ruleRequests(ruled, size, isEnd);
    ruled.heldRequest.letGo(BufferType.DOWNSTREAM_DATA);
    return true;
  }

  /** Lets nothing of the client's go on any more, and closes the connection, which may end it here and now. */
  private cutOff(ruled: RuledRequests, size: u32): void {
    ruled.isCutOff = true;
    ruled.heldRequest.clear();
    ruled.endDelay();
    replaceStart(BufferType.DOWNSTREAM_DATA, size, 0, 0);
    closeDownstream();
  }

  /**
   * Holds the beginning of an answer, of the `size` bytes that go on, and answers when nothing more comes.
   *
   * @param isAtFrame whether what is held, and else these bytes, begin with a frame
   */
  private guardAnswers(held: HeldFrame, size: u32, isEnd: bool, isAtFrame: bool): void {
    const framing = this.framing;
    const upstream = framing.upstream;
    const isPassedThrough = framing.isPassedThrough;
    const plugin = this.plugin;
    const drops = plugin.settings.dropsUpstreamEvents && framing.hadUpstreamEvent && isAtFrame;
    framing.hadUpstreamEvent = false;
    const unfinished = isPassedThrough ? 0 : upstream.frameLength;
    const mostDropped = drops ? plugin.settings.maxBodyBytes : 0;
    holdUnfinished(plugin.splice, held, size, unfinished, mostDropped);
    if (!isEnd || isPassedThrough) return;
    // After half a frame that has gone on nothing could be told from the rest of it.
    const isBetweenFrames = !upstream.insideFrame || held.length != 0;
    held.clear();
    // A client that ended first has left: none of Dubbo's goes on reading.
    if (isBetweenFrames && this.closedBy == ClosedBy.UNKNOWN) framing.answerCalls(plugin.guard!);
  }
}
