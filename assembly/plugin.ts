/**
 * One plugin instance, which the host knows as a root context: its configuration and its counters.
 *
 * Several live in one VM (an inbound and an outbound listener, two configurations), and a new
 * configuration makes a new plugin; so nothing of a plugin is global. A plugin that the host has given
 * up lives on until its last connection has ended.
 */
import { Config, LABEL_GROUP, SideSetting } from "./config/config";
import { AttachmentQuery } from "./dubbo/attachments";
import { Invocation } from "./dubbo/invocation";
import { listenerDirection, TrafficDirection } from "./host/properties";
import { Metric, Side } from "./metrics/names";
import { Recorder } from "./metrics/recorder";
import { Registry } from "./metrics/registry";
import { cellKey } from "./metrics/series";
import { RoutedCall } from "./routing/rule";
import { KnownHeads } from "./stream/known_heads";
import { Span } from "./wire/span";

/** How often counters are told to Envoy, in ms: well below any scrape interval. */
export const FLUSH_PERIOD: u32 = 500;

/** The longest body in bytes that is read whole for its group, which stands at its end. */
const GROUP_WINDOW: u32 = 1024 * 1024;


@unmanaged
@final
export class Plugin {
  config: Config;
  registry: Registry;
  recorder: Recorder;
  /** What the request that is being read calls; requests are read one at a time. */
  invocation: Invocation = new Invocation();
  /** The longest body of a request in bytes that is read whole. */
  requestWindow: u32 = 0;
  /** The side on which the proxy stands; right as soon as there is a connection. */
  side: Side = Side.CONSUMER;
  private knowsSide: bool = false;
  /** What is asked for among the attachments, if anything is. */
  query: AttachmentQuery | null = null;
  /** Heads of which the series is known; null where more than a head must be read. */
  heads: KnownHeads | null = null;
  private group: Span | null = null;
  private interfaceName: Span | null = null;
  private none: Span = new Span();
  private connections: u32 = 0;
  private retired: bool = false;

  /**
   * @param config becomes the plugin's own
   * @param seed for hashes
   */
  constructor(config: Config, seed: u64) {
    this.config = config;
    this.registry = new Registry(config, Side.CONSUMER, seed);
    this.recorder = new Recorder(config.durationInMicroseconds, config.countsAll);
    const routing = config.routing;
    const routingUses = routing ? routing.usesAttachments : false;
    if (config.hasLabel(LABEL_GROUP) || routingUses) {
      const query = routing ? routing.query : new AttachmentQuery();
      this.query = query;
      this.group = query.wantText("group").value;
      this.interfaceName = query.wantText("interface").value;
      this.invocation.attachments = query;
      if (config.hasLabel(LABEL_GROUP)) this.requestWindow = GROUP_WINDOW;
      if (routing) this.requestWindow = max<u32>(this.requestWindow, routing.maxRewriteBytes);
    }
    if (!routing && !this.query) this.heads = new KnownHeads(seed, config.maxSeries);
  }

  /** The interface of the invocation read last: its attachment where that was read, else the path. */
  get calledInterface(): Span {
    const fromAttachments = this.interfaceName;
    return fromAttachments && fromAttachments.length != 0 ? fromAttachments : this.invocation.path;
  }

  /** The group of the invocation read last. */
  get calledGroup(): Span {
    const group = this.group;
    if (!group) return this.none;
    return this.invocation.attachmentsRead ? group : this.registry.unknownName;
  }

  /** Writes the names of the invocation read last into `call`, as rules see them. */
  describeCall(call: RoutedCall): void {
    call.interfaceName.point(this.calledInterface);
    call.method.point(this.invocation.method);
    call.version.point(this.registry.shownVersion(this.invocation.serviceVersion));
    const group = this.group;
    if (group) call.group.point(group);
  }

  /** Adds `amount` to a counter of the plugin's own. */
  add(metric: Metric, amount: i64, firstLabel: u32 = 0, secondLabel: u32 = 0): void {
    this.recorder.add(this.registry.plugin, cellKey(metric, firstLabel, secondLabel), amount);
  }

  /** Tells Envoy what was counted. */
  flush(): void {
    this.recorder.flush();
  }

  /** Another `FLUSH_PERIOD` has passed. */
  onTick(): void {
    this.flush();
    this.registry.renew();
  }

  /** A connection begins to use the plugin; call it in the connection's context. */
  retain(): void {
    // A root context is not told its listener's direction, a connection is.
    if (!this.knowsSide) this.setSide(sideOf(this.config));
    this.connections++;
  }

  /** A connection has ended. */
  release(): void {
    this.connections--;
    if (this.retired && this.connections == 0) this.free();
  }

  /** The host has given the plugin up: the last connection ends it. */
  retire(): void {
    this.flush();
    this.retired = true;
    if (this.connections == 0) this.free();
  }

  private setSide(side: Side): void {
    this.knowsSide = true;
    this.side = side;
    this.registry.plugin.side = side;
    const routing = this.config.routing;
    if (routing) routing.setSide(side);
  }

  private free(): void {
    this.flush();
    this.recorder.free();
    this.registry.free();
    const query = this.query;
    if (query && !this.config.routing) query.free();
    this.config.free();
    this.invocation.free();
    const heads = this.heads;
    if (heads) heads.free();
    heap.free(changetype<usize>(this.none));
    heap.free(changetype<usize>(this));
  }
}

function sideOf(config: Config): Side {
  if (config.side == SideSetting.CONSUMER) return Side.CONSUMER;
  if (config.side == SideSetting.PROVIDER) return Side.PROVIDER;
  // A listener that does not say is dialled by applications, as the local one on 20880 is.
  return listenerDirection() == TrafficDirection.INBOUND ? Side.PROVIDER : Side.CONSUMER;
}
