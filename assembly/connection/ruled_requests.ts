/**
 * What a connection remembers where rules or policies decide on its requests.
 */
import { Call } from "../call/call";
import { Direction } from "../call/vocabulary";
import { flagOf, requestIdOf } from "../dubbo/header";
import { PeerPrincipal } from "../host/peer_principal";
import { SourceAddress } from "../host/source_address";
import { Metric } from "../metrics/definitions";
import { cellKey } from "../metrics/series";
import { Plugin } from "../plugin";
import { hashOfNames, tellNames } from "../routing/access_log";
import { Routing } from "../routing/routing";
import { RoutingRule } from "../routing/routing_rule";
import { sameBytes } from "../wire/bytes";
import { Span } from "../wire/span";
import { Delayed } from "./delayed";
import { FirstRequest } from "./first_request";
import { HeldFrame } from "./held_frame";
import { Refusals } from "./refusals";
import { Splice } from "./splice";
import { Verdict } from "./verdict";

/** In place of an obstacle. */
const NO_OBSTACLE: u8 = 0xff;

/** One of each connection of a plugin that has rules or policies. */
@unmanaged
@final
export class RuledRequests {
  readonly routing: Routing;
  /** A hash of the names that the access log was told last. */
  private lastNames: u64 = 0;
  /** Where requests choose the cluster. */
  private firstRequest: FirstRequest | null = null;
  /** The rule that the request took whose head was read last, or null. */
  rule: RoutingRule | null = null;
  /** What is said of the request whose head was read last. */
  verdict: Verdict = Verdict.KEEP;
  /** Requests that are refused and wait to be told so. */
  readonly refusals: Refusals = new Refusals();
  /** The beginning of a request that is held back. */
  readonly heldRequest: HeldFrame = new HeldFrame();
  /** The beginning of what may be the answer to a heartbeat. */
  readonly heldAnswer: HeldFrame = new HeldFrame();
  /** Flag and id of the request whose bytes are dropped. */
  droppedFlag: u8 = 0;
  /** Why the request whose head was read last is not changed as rules say: an `Obstacle`, or `NO_OBSTACLE`. */
  obstacle: u8 = NO_OBSTACLE;
  /** Whether that request alone would have gone to another cluster. */
  private isMisrouted: bool = false;
  /** Whether the frame that is passing is at hand as a whole, and nothing of it has gone on. */
  isHeld: bool = false;
  droppedId: u64 = 0;
  /** Whether the client's bytes go nowhere any more. */
  isCutOff: bool = false;
  /** What is held because calls are delayed, or null. */
  delayed: Delayed | null = null;
  private contextId: u32;
  private address: SourceAddress = new SourceAddress();
  /** The identity in the client's certificate, where it is asked for. */
  private principal: PeerPrincipal | null = null;

  /**
   * @param contextId the host's number of the connection
   * @param plugin whose `routing` decides
   */
  constructor(contextId: u32, plugin: Plugin, routing: Routing) {
    this.routing = routing;
    this.contextId = contextId;
    if (routing.choosesCluster) {
      this.firstRequest = new FirstRequest(contextId, plugin, routing);
    }
    if (routing.usesPrincipal) this.principal = new PeerPrincipal();
  }

  /** Whether Envoy waits with its cluster for the first request. */
  get awaitsFirst(): bool {
    return this.firstRequest !== null;
  }

  /** Looks at the first request, where it chooses the cluster; see `FirstRequest.look`. */
  lookAtFirst(size: u32, isEnd: bool): bool {
    const first = this.firstRequest;
    return !first || first.look(size, isEnd);
  }

  /** The request with this header is dropped from its first byte on. */
  noteDropped(header: usize): void {
    this.droppedFlag = flagOf(header);
    this.droppedId = requestIdOf(header);
  }

  /** Tells `call` who calls; call it in a data callback of the connection. */
  describeClient(call: Call): void {
    if (this.routing.usesAddress) call.address = this.address.get();
    const principal = this.principal;
    if (principal) call.principal.point(principal.get());
  }

  /**
   * The call that was read last is delayed, if a policy has it wait; what goes on before it was put together in
   * `splice`, up to where it was opened last.
   *
   * @param wait how long, in ns
   * @param isEnd whether the client sends no more
   */
  delay(wait: u64, splice: Splice, isEnd: bool): void {
    const delayed = this.delayed;
    if (delayed) delayed.add(wait, splice.opened, splice);
    else this.delayed = new Delayed(this.contextId, wait, splice.opened, isEnd);
  }

  /** Nothing is held any more because of delayed calls. */
  endDelay(): void {
    const delayed = this.delayed;
    if (delayed) delayed.free();
    this.delayed = null;
  }

  /** What is held of the frame that `direction` has begun to send. */
  heldOf(direction: Direction): HeldFrame {
    return direction == Direction.DOWNSTREAM ? this.heldRequest : this.heldAnswer;
  }

  /** Whether answers may be held or replaced. */
  get awaitsAnswers(): bool {
    return this.refusals.isWaiting || this.heldAnswer.length != 0;
  }

  /** A request's head was read, and what rules say is known: tells the access log its names. */
  note(plugin: Plugin): void {
    const routing = this.routing;
    const first = this.firstRequest;
    if (first && !routing.rules.isUndecided) {
      const rule = this.rule;
      this.isMisrouted = !sameText(rule ? rule.cluster : null, first.cluster);
    }
    if (!routing.filterState || !plugin.invocation.headRead) return;
    const names = hashOfNames(plugin.call);
    if (names == this.lastNames) return;
    this.lastNames = names;
    tellNames(plugin.call);
  }

  /** The last byte of the request whose head was read last has passed: what rules said of it is counted. */
  count(plugin: Plugin): void {
    const rule = this.rule;
    this.rule = null;
    if (rule) plugin.recorder.add(rule.series, cellKey(Metric.ROUTED), 1);
    if (this.obstacle != NO_OBSTACLE) plugin.add(Metric.UNREWRITTEN, 1, this.obstacle);
    this.obstacle = NO_OBSTACLE;
    if (this.isMisrouted) plugin.add(Metric.MISROUTED, 1);
    this.isMisrouted = false;
  }

  /** Gives everything back. */
  free(): void {
    const first = this.firstRequest;
    if (first) first.free();
    this.endDelay();
    this.refusals.free();
    this.heldRequest.free();
    this.heldAnswer.free();
    heap.free(changetype<usize>(this.address));
    const principal = this.principal;
    if (principal) principal.free();
    heap.free(changetype<usize>(this));
  }
}

function sameText(a: Span | null, b: Span | null): bool {
  if (!a || !b) return !a && !b;
  return a.length == b.length && sameBytes(a.start, b.start, a.length);
}
