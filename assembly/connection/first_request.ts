/**
 * Connections whose cluster the first request chooses: Envoy waits with the upstream connection, and
 * shows all bytes again until the request was read.
 *
 *     WAITING ──a first byte──> LOOKING ──its cluster is told, or it has none──> DECIDED
 *        └──`PATIENCE` without a byte, at a tick; counted as unrouted─────────────↑
 *
 * Before Envoy 1.37, or without `max_early_data_bytes`, a first byte would never come; as soon as one
 * connection of the plugin has shown that they do come, all its others may wait for ever, and new ones
 * begin in LOOKING. All of a VM's waiting connections stand in one row, the oldest at its head.
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
import { BufferType, fetch } from "../host/buffers";
import { now } from "../host/clock";
import { setTcpProxyCluster } from "../host/filter_state";
import { continueDownstream } from "../host/stream";
import { Metric } from "../metrics/definitions";
import { Plugin } from "../plugin";
import { Routing } from "../routing/routing";
import { readInvocation } from "../serialization/bodies";
import { INCOMPLETE } from "../wire/position";
import { Span } from "../wire/span";

/** The most bytes of a first request that are awaited before a cluster is chosen without it. */
const MOST_AWAITED: u32 = 256 * 1024;

/** How long a connection waits for its first byte, in ns, before it is clear that bytes come at all. */
const PATIENCE: u64 = 3000000000;

const enum State {
  WAITING,
  LOOKING,
  DECIDED,
}

let oldest: FirstRequest | null = null;
let youngest: FirstRequest | null = null;

/** One connection's. */
@unmanaged
@final
export class FirstRequest {
  private state: State = State.LOOKING;
  private contextId: u32;
  private plugin: Plugin;
  /** When the connection began, in ns. */
  private since: u64 = 0;
  /** How many bytes must be there before they are looked at again. */
  private nextLook: u32 = 0;
  /** The cluster that was chosen, or null. */
  cluster: Span | null = null;
  /** Neighbours in the row. */
  private older: FirstRequest | null = null;
  private younger: FirstRequest | null = null;

  /**
   * The connection begins.
   *
   * @param contextId the host's number of the connection
   */
  constructor(contextId: u32, plugin: Plugin, routing: Routing) {
    this.contextId = contextId;
    this.plugin = plugin;
    if (!routing.earlyDataComes) this.startWaiting();
  }

  /**
   * Bytes have come; call it in `proxy_on_downstream_data` only.
   *
   * @param size how many bytes are there
   * @param isEnd whether the client sends no more
   * @returns whether Envoy waits no longer; if it does, it shows the bytes again with those that follow
   */
  look(size: u32, isEnd: bool): bool {
    if (this.state == State.DECIDED) return true;
    this.stopWaiting();
    this.plugin.settings.routing!.earlyDataComes = true;
    this.state = State.LOOKING;
    if (!this.chooseCluster(size, isEnd)) return false;
    this.state = State.DECIDED;
    return true;
  }

  /**
   * Lets the connection go on without a first request if no byte has come after `PATIENCE`.
   *
   * @param rootId the root context that runs
   * @returns whether it waits no longer; those that follow are younger
   */
  loseWaiting(rootId: u32, time: u64): bool {
    const plugin = this.plugin;
    if (plugin.settings.routing!.earlyDataComes) {
      this.stopWaiting();
      return true;
    }
    if (time < this.since + PATIENCE) return false;
    this.stopWaiting();
    this.state = State.DECIDED;
    plugin.add(Metric.UNROUTED_CONNECTIONS, 1);
    continueDownstream(this.contextId, rootId);
    return true;
  }

  /** Gives it back: the connection has ended. */
  free(): void {
    this.stopWaiting();
    heap.free(changetype<usize>(this));
  }

  /**
   * Tells Envoy the cluster that the first request's rule names.
   *
   * @returns false while too little of the request is there
   */
  private chooseCluster(size: u32, isEnd: bool): bool {
    const mayGrow = !isEnd && size < MOST_AWAITED;
    if (size < this.nextLook && mayGrow) return false;
    const frame: usize = size == 0 ? 0 : fetch(BufferType.DOWNSTREAM_DATA, 0, size);
    if (size < HEADER_LENGTH) return !mayGrow || !mayBeFrame(frame, size);
    const flag = flagOf(frame);
    if (!mayBeFrame(frame, size) || !isRequest(flag) || isEvent(flag)) return true;
    const plugin = this.plugin;
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
    const routing = plugin.settings.routing!;
    const rule = routing.rules.find(plugin.describeCall(plugin.side));
    const cluster = rule ? rule.cluster : null;
    if (cluster && setTcpProxyCluster(cluster, routing.message)) this.cluster = cluster;
    return true;
  }

  private startWaiting(): void {
    this.state = State.WAITING;
    this.since = now();
    const last = youngest;
    this.older = last;
    if (last) last.younger = this;
    else oldest = this;
    youngest = this;
  }

  private stopWaiting(): void {
    if (this.state != State.WAITING) return;
    this.state = State.LOOKING;
    const before = this.older;
    const behind = this.younger;
    if (before) before.younger = behind;
    else oldest = behind;
    if (behind) behind.older = before;
    else youngest = before;
    this.older = null;
    this.younger = null;
  }
}

/** Lets connections that have waited too long go on; call it in a root context's tick. */
export function loseWaiting(rootId: u32): void {
  if (oldest === null) return;
  const time = now();
  let connection = oldest;
  while (connection && connection.loseWaiting(rootId, time)) connection = oldest;
}
