/**
 * What a routed connection remembers of its requests, and what it tells of them.
 */
import { Metric } from "../metrics/definitions";
import { Plugin } from "../plugin";
import { Routing } from "../routing/routing";
import { sameBytes } from "../wire/bytes";
import { Span } from "../wire/span";
import { HeldFrame } from "./held_frame";
import { Refusals } from "./refusals";
import { Decision } from "./verdict";
import { hashOfNames, tellNames } from "../routing/access_log";

/** What a routed connection remembers of its requests. */
@unmanaged
@final
export class Route {
  /** A hash of the names that the access log was told last. */
  lastNames: u64 = 0;
  /** The cluster that the first request chose, where requests choose. */
  cluster: Span | null = null;
  /** The cluster of the rule that the request took; null where it took none or one without. */
  taken: Span | null = null;
  /** What the rules say of the request whose head was read last. */
  decision: Decision = Decision.KEEP;
  /** Whether the request that is being read was refused before it came, and goes nowhere. */
  isSwallowed: bool = false;
  /** Requests that are refused and wait to be told so. */
  refusals: Refusals = new Refusals();
  /** The beginning of what may be the answer to a heartbeat. */
  heldAnswer: HeldFrame = new HeldFrame();
  /** Whether the request that is being read is at hand as a whole and may still be changed. */
  isHeld: bool = false;

  /** Gives everything back. */
  free(): void {
    this.refusals.free();
    this.heldAnswer.free();
    heap.free(changetype<usize>(this));
  }
}

/** Counts a request that alone would have gone to another cluster, and tells the access log its names. */
export function noteRoute(plugin: Plugin, routing: Routing, route: Route): void {
  const isKnown = routing.choosesCluster && !routing.rules.isUndecided;
  if (isKnown && !sameText(route.taken, route.cluster)) plugin.add(Metric.MISROUTED, 1);
  if (!routing.filterState || !plugin.invocation.headRead) return;
  const names = hashOfNames(plugin.call);
  if (names == route.lastNames) return;
  route.lastNames = names;
  tellNames(plugin.call);
}

function sameText(a: Span | null, b: Span | null): bool {
  if (!a || !b) return !a && !b;
  return a.length == b.length && sameBytes(a.start, b.start, a.length);
}
