/**
 * A connection whose requests are routed: rewritten on their way, or choosing the connection's cluster.
 *
 * Where requests are rewritten, each that is not too long is taken away from Envoy until it is whole;
 * what came before it in the same read goes on at once. All that goes on in a data callback is put into
 * Envoy's buffer with one replacement, and with none where nothing has changed:
 *
 *     held │ read from Envoy: whole frames │ the beginning of a frame
 *     ─────┴──────────────────────────────┴─────────────────────────
 *      go on, changed or not                → held until the next read
 *
 * Where a cluster is chosen, Envoy waits with the upstream connection and shows all bytes again until
 * the first request was read; see `chooseCluster`.
 */
import {
  bodyLengthOf,
  flagOf,
  HEADER_LENGTH,
  isEvent,
  isRequest,
  mayBeFrame,
  serializationOf,
} from "../dubbo/header";
import { BufferType, fetch, lastLength, replaceStart } from "../host/buffers";
import { setTcpProxyCluster } from "../host/filter_state";
import { now } from "../host/clock";
import { closeDownstream, continueDownstream } from "../host/stream";
import { Obstacle } from "../call/vocabulary";
import { Metric } from "../metrics/definitions";
import { Plugin } from "../plugin";
import { Routing } from "../routing/routing";
import { readInvocation } from "../serialization/bodies";
import { Output } from "../wire/output";
import { INCOMPLETE } from "../wire/position";
import { InFlightTable } from "../ledger/in_flight";
import { Connection } from "./connection";
import { HeldFrame } from "./held_frame";
import { Route } from "./route";
import { Policed, refuseTooLarge } from "./policing";
import { Decision } from "./verdict";
import { PeerPrincipal } from "../host/peer_principal";
import { SourceAddress } from "../host/source_address";

/** Rewritten reads are put together in a buffer that keeps at most this many bytes of room. */
const KEPT_ROOM: u32 = 256 * 1024;

/** The most bytes of a first request that are awaited before a cluster is chosen without it. */
const MOST_AWAITED: u32 = 256 * 1024;

/** One connection of a plugin that routes calls or has policies. */
@unmanaged
@final
export class RoutedConnection extends Connection {
  /** Whether Envoy still waits for the first request. */
  private isUndecided: bool = false;
  /** Neighbours among the connections of which no byte has come, oldest first. */
  older: RoutedConnection | null = null;
  younger: RoutedConnection | null = null;
  isWaiting: bool = false;
  /** When the connection began, in ns. */
  private since: u64 = 0;
  private routing: Routing;
  private remembered: Route = new Route();
  private heldFrame: HeldFrame = new HeldFrame();
  private address: SourceAddress = new SourceAddress();
  /** The identity in the client's certificate, where policies ask for it. */
  private principal: PeerPrincipal | null = null;
  /** Bytes of a refused request that are yet to come and go nowhere. */
  private swallowing: u32 = 0;
  /** Bytes of a frame that goes on without being held. */
  private passing: u32 = 0;
  /** How many bytes of a first request must be there before it is looked at again. */
  private nextLook: u32 = 0;
  /** Whether the client's bytes go nowhere any more. */
  private isRefused: bool = false;

  constructor(contextId: u32, plugin: Plugin, table: InFlightTable, routing: Routing) {
    super(contextId, plugin, table);
    this.routing = routing;
    this.route = this.remembered;
    if (routing.usesPrincipal) this.principal = new PeerPrincipal();
  }

  /** The connection begins; answers whether Envoy is to wait with its cluster for the first request. */
  onNewConnection(): bool {
    this.isUndecided = this.routing.choosesCluster;
    if (this.isUndecided && !this.routing.earlyDataComes) {
      this.since = now();
      startWaiting(this);
    }
    return this.isUndecided;
  }

  /**
   * Lets the connection go on without a first request if no byte has come after `PATIENCE`.
   *
   * Before Envoy 1.37, or without `max_early_data_bytes`, none ever would; as soon as one connection of
   * the plugin has shown that they do come, all its others may wait for ever.
   *
   * @param rootId the root context that runs
   * @returns whether it waits no longer; those that follow are younger
   */
  loseWaiting(rootId: u32, time: u64): bool {
    if (this.routing.earlyDataComes) {
      stopWaiting(this);
      return true;
    }
    if (time < this.since + PATIENCE) return false;
    stopWaiting(this);
    this.isUndecided = false;
    this.plugin.add(Metric.UNROUTED_CONNECTIONS, 1);
    continueDownstream(this.contextId, rootId);
    return true;
  }

  /**
   * Takes in `size` bytes that the client has sent; call it in `proxy_on_downstream_data` only.
   *
   * @param isEnd whether the client sends no more
   * @returns whether the bytes go on; if not, Envoy shows them again with those that follow
   */
  onRoutedData(size: u32, isEnd: bool): bool {
    const routing = this.routing;
    const plugin = this.plugin;
    if (routing.usesAddress) plugin.call.address = this.address.get();
    const principal = this.principal;
    if (principal) plugin.call.principal.point(principal.get());
    if (this.isUndecided) {
      stopWaiting(this);
      this.routing.earlyDataComes = true;
      if (!this.chooseCluster(size, isEnd)) return false;
      this.isUndecided = false;
    }
    this.takeData(size, isEnd);
    return true;
  }

  /**
   * Looks at the first request, of which `size` bytes are there, and tells Envoy the cluster that its
   * rule names.
   *
   * @returns false while too little of it is there
   */
  private chooseCluster(size: u32, isEnd: bool): bool {
    const mayGrow = !isEnd && size < MOST_AWAITED;
    if (size < this.nextLook && mayGrow) return false;
    const frame: usize = size == 0 ? 0 : fetch(BufferType.DOWNSTREAM_DATA, 0, size);
    if (size < HEADER_LENGTH) return !mayGrow || !mayBeFrame(frame, size);
    const flag = flagOf(frame);
    if (!mayBeFrame(frame, size) || !isRequest(flag) || isEvent(flag)) return true;
    const plugin = this.plugin;
    const routing = this.routing;
    const length = bodyLengthOf(frame);
    const body = frame + HEADER_LENGTH;
    const there = min<u32>(length, size - HEADER_LENGTH);
    const invocation = plugin.invocation;
    const result = readInvocation(serializationOf(flag), body, body + there, invocation);
    const isWanted = length <= plugin.requestWindow || !invocation.headRead;
    if (result == INCOMPLETE && there < length && isWanted && mayGrow) {
      // Looking again at each byte that comes would be work without bound.
      this.nextLook = min<u32>(size * 2, HEADER_LENGTH + length);
      return false;
    }
    if (there == length) invocation.endBody(result, body + there);
    if (!invocation.headRead) return true;
    const rule = routing.rules.find(plugin.describeCall(plugin.side));
    const cluster = rule ? rule.cluster : null;
    if (cluster && setTcpProxyCluster(cluster, routing.message)) this.remembered.cluster = cluster;
    return true;
  }

  private takeData(size: u32, isEnd: bool): void {
    if (this.isRefused) return replaceStart(BufferType.DOWNSTREAM_DATA, size, 0, 0);
    if (!this.routing.rewrites) return this.onDownstreamData(size);
    if (this.isPassedThrough) {
      // What the server sent could not be read any more; what the client sends is then not read either.
      if (this.routing.isStrict) return this.refuse(size, Obstacle.FOREIGN);
      const held = this.heldFrame;
      if (held.length != 0) replaceStart(BufferType.DOWNSTREAM_DATA, 0, held.start, held.length);
      return held.clear();
    }
    this.startTaking();
    const bytes: usize = size == 0 ? 0 : fetch(BufferType.DOWNSTREAM_DATA, 0, size);
    if (size != 0 && lastLength() != size) return this.refuse(size, Obstacle.FOREIGN);
    this.rewriteRead(bytes, size, isEnd);
  }

  /** The connection has ended: gives back what is held. Call it before `end`. */
  endRouted(): void {
    stopWaiting(this);
    const held = this.heldFrame;
    // The reader is to know that a frame was cut off.
    if (held.length != 0 && !this.isPassedThrough) {
      this.take(this.downstream, held.start, held.length);
    }
    held.free();
    this.remembered.free();
    const principal = this.principal;
    if (principal) principal.free();
    this.route = null;
    heap.free(changetype<usize>(this.address));
  }

  private rewriteRead(start: usize, size: u32, isEnd: bool): void {
    const routing = this.routing;
    const route = this.remembered;
    const held = this.heldFrame;
    const splice = this.plugin.splice;
    const out = splice.out;
    const end = start + size;
    let p = start;
    // Bytes before it are in `out`, in the held frame, or nowhere any more.
    let copied = start;
    // Bytes after it are held.
    let goesOnTo = end;
    out.clear();
    while (!this.isPassedThrough) {
      if (this.passing != 0) {
        const passed = min<u32>(this.passing, <u32>(end - p));
        this.take(this.downstream, p, passed);
        p += passed;
        this.passing -= passed;
        if (this.passing != 0) break;
        continue;
      }
      if (this.swallowing != 0) {
        const passed = min<u32>(this.swallowing, <u32>(end - p));
        out.write(copied, <u32>(p - copied));
        this.swallow(p, passed);
        p += passed;
        copied = p;
        if (this.swallowing != 0) break;
        continue;
      }
      if (held.length != 0 && held.length < HEADER_LENGTH) {
        const more = min<u32>(HEADER_LENGTH - held.length, <u32>(end - p));
        if (!held.append(p, more)) return this.refuse(size, Obstacle.TOO_LARGE);
        p += more;
        copied = p;
      }
      const isHeld = held.length != 0;
      const header = isHeld ? held.start : p;
      const length = held.length + <u32>(end - p);
      if (length == 0) break;
      if (!mayBeFrame(header, length)) {
        if (routing.isStrict) return this.refuse(size, Obstacle.FOREIGN);
        this.goOnUnheld(out);
        this.take(this.downstream, p, <u32>(end - p));
        break;
      }
      if (length < HEADER_LENGTH) {
        if (!isHeld && !held.append(p, length)) return this.refuse(size, Obstacle.TOO_LARGE);
        goesOnTo = p;
        break;
      }
      const frame = HEADER_LENGTH + bodyLengthOf(header);
      if (this.isRefusedUnread(header)) {
        if (!this.refuseUnread(header, copied, p)) return this.refuse(size, Obstacle.TOO_LARGE);
        copied = p;
        continue;
      }
      if (!this.isCandidate(header)) {
        if (routing.isStrict && this.isTooLong(header)) {
          return this.refuse(size, Obstacle.TOO_LARGE);
        }
        const passing = frame - held.length;
        const isBeyond = bodyLengthOf(header) > this.plugin.settings.maxBodyBytes;
        this.goOnUnheld(out);
        if (isBeyond) {
          // The reader gives up here; a length near 2^32 must not be added to.
          this.take(this.downstream, p, <u32>(end - p));
          break;
        }
        this.passing = passing;
        continue;
      }
      if (length < frame) {
        if (held.append(p, <u32>(end - p))) {
          goesOnTo = p;
          break;
        }
        if (routing.isStrict) {
          if (!this.refuseUnread(header, copied, p)) return this.refuse(size, Obstacle.TOO_LARGE);
          copied = p;
          continue;
        }
        this.passing = frame - held.length;
        this.goOnUnheld(out);
        continue;
      }
      const missing = frame - held.length;
      if (isHeld && !held.append(p, missing)) {
        if (routing.isStrict) {
          if (!this.refuseUnread(header, copied, p)) return this.refuse(size, Obstacle.TOO_LARGE);
          copied = p;
          continue;
        }
        this.passing = missing;
        this.goOnUnheld(out);
        continue;
      }
      const whole = isHeld ? held.start : p;
      const before = p;
      p += missing;
      route.isHeld = true;
      route.decision = Decision.KEEP;
      splice.before.set(copied, isHeld ? 0 : <u32>(before - copied));
      this.take(this.downstream, whole, frame);
      route.isHeld = false;
      if (route.decision == Decision.REFUSE) return this.refuse(size, Obstacle.TOO_LARGE);
      if (route.decision == Decision.REWRITE) {
        copied = p;
      } else if (isHeld) {
        out.write(whole, frame);
        copied = p;
      }
      if (isHeld) held.clear();
    }

    if (isEnd && held.length != 0) {
      // The rest will never come; what was held goes on as it is, unless it must not.
      out.write(copied, <u32>(goesOnTo - copied));
      copied = end;
      this.take(this.downstream, held.start, held.length);
      if (!routing.isStrict) out.write(held.start, held.length);
      held.clear();
      return replaceStart(BufferType.DOWNSTREAM_DATA, size, out.start, out.length);
    }
    if (goesOnTo != end) {
      out.write(copied, <u32>(goesOnTo - copied));
      copied = end;
    }
    if (copied != start || out.length != 0) {
      replaceStart(BufferType.DOWNSTREAM_DATA, <u32>(copied - start), out.start, out.length);
    }
    out.clear();
    out.shrink(KEPT_ROOM);
  }

  /** What is held is no candidate: it goes on, as the first of what goes on. */
  private goOnUnheld(out: Output): void {
    const held = this.heldFrame;
    if (held.length == 0) return;
    out.write(held.start, held.length);
    this.take(this.downstream, held.start, held.length);
    held.clear();
  }

  /** Whether the frame with this header is to be held and looked at as a whole. */
  private isCandidate(header: usize): bool {
    const flag = flagOf(header);
    return isRequest(flag) && !isEvent(flag) && !this.isTooLong(header);
  }

  /** Whether the frame with this header is a request that is refused without being read: it is too long. */
  private isRefusedUnread(header: usize): bool {
    if (!this.routing.isStrict) return false;
    const flag = flagOf(header);
    if (!isRequest(flag) || isEvent(flag)) return false;
    return this.isTooLong(header) && bodyLengthOf(header) <= this.plugin.settings.maxBodyBytes;
  }

  /**
   * Refuses the request with this header without reading it: its bytes go nowhere as they come.
   *
   * @param copied, p the bytes that go on before it, where nothing of it is held
   * @returns false if it cannot be answered: too many wait
   */
  private refuseUnread(header: usize, copied: usize, p: usize): bool {
    const plugin = this.plugin;
    const held = this.heldFrame;
    const isHeld = held.length != 0;
    if (!isHeld) plugin.splice.out.write(copied, <u32>(p - copied));
    const policies = plugin.settings.policies!;
    const policed = refuseTooLarge(plugin, policies, header, this.remembered.refusals);
    if (policed == Policed.UNANSWERABLE) return false;
    this.swallowing = HEADER_LENGTH + bodyLengthOf(header);
    if (isHeld) this.swallow(held.start, held.length);
    held.clear();
    return true;
  }

  /** The `length` bytes at `bytes` of a refused request are counted, and go nowhere. */
  private swallow(bytes: usize, length: u32): void {
    const route = this.remembered;
    route.isSwallowed = true;
    this.take(this.downstream, bytes, length);
    route.isSwallowed = false;
    this.swallowing -= length;
  }

  private isTooLong(header: usize): bool {
    const length = bodyLengthOf(header);
    if (length > this.plugin.settings.maxBodyBytes) return true;
    const flag = flagOf(header);
    return isRequest(flag) && !isEvent(flag) && length > this.routing.maxRewriteBytes;
  }

  /** Counts why the connection is refused, and refuses it. */
  private refuse(size: u32, obstacle: Obstacle): void {
    this.plugin.add(Metric.REFUSED_CONNECTIONS, 1, obstacle);
    this.cutOff(size);
  }

  /** Lets nothing go on any more, and closes the connection, which may end it here and now. */
  private cutOff(size: u32): void {
    this.isRefused = true;
    this.heldFrame.clear();
    replaceStart(BufferType.DOWNSTREAM_DATA, size, 0, 0);
    closeDownstream();
  }
}

/** How long a connection waits for its first byte, in ns, before it is clear that bytes come at all. */
const PATIENCE: u64 = 3000000000;

let oldest: RoutedConnection | null = null;
let youngest: RoutedConnection | null = null;

/** Lets connections that have waited too long go on; call it in a root context's tick. */
export function loseWaiting(rootId: u32): void {
  if (oldest === null) return;
  const time = now();
  let connection = oldest;
  while (connection && connection.loseWaiting(rootId, time)) connection = oldest;
}

function startWaiting(connection: RoutedConnection): void {
  const last = youngest;
  connection.older = last;
  if (last) last.younger = connection;
  else oldest = connection;
  youngest = connection;
  connection.isWaiting = true;
}

function stopWaiting(connection: RoutedConnection): void {
  if (!connection.isWaiting) return;
  connection.isWaiting = false;
  const before = connection.older;
  const behind = connection.younger;
  if (before) before.younger = behind;
  else oldest = behind;
  if (behind) behind.older = before;
  else youngest = before;
  connection.older = null;
  connection.younger = null;
}
