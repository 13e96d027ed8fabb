/**
 * One plugin instance, which the host knows as a root context: its configuration and its counters.
 *
 * Several live in one VM (an inbound and an outbound listener, two configurations), and a new
 * configuration makes a new plugin; so nothing of a plugin is global. A plugin that the host has given
 * up lives on until its last connection has ended.
 */
import { AttachmentChange } from "./dubbo/attachment_change";
import { now } from "./host/clock";
import { Telemetry } from "./telemetry/telemetry";
import { dropNotedCall, NotedCall, takeNotedCall } from "./telemetry/noted_call";
import { Tracing } from "./telemetry/tracing";
import { Call } from "./call/call";
import { HEAD_NAMES, Name } from "./call/names";
import { Protocol, Side } from "./call/vocabulary";
import { Settings, SideSetting } from "./config/settings";
import { Guard } from "./connection/guard";
import { KnownHeads } from "./connection/known_heads";
import { fillFromHead, ServedNames } from "./connection/served";
import { Splice } from "./connection/splice";
import { AttachmentQuery } from "./dubbo/attachments";
import { SHORT_WINDOW } from "./dubbo/frame_reader";
import { Invocation } from "./dubbo/invocation";
import { listenerDirection, TrafficDirection } from "./host/properties";
import { InFlightTable } from "./ledger/in_flight";
import { Ledger } from "./ledger/ledger";
import { Metric } from "./metrics/definitions";
import { OtherNames } from "./policy/policies";
import { Recorder } from "./metrics/recorder";
import { Registry } from "./metrics/registry";
import { cellKey } from "./metrics/series";
import { EXCEPTION_WINDOW } from "./serialization/exception_class";
import { Arena } from "./wire/arena";

/** How often counters are told to Envoy, in ms: well below any scrape interval. */
export const FLUSH_PERIOD: u32 = 500;

/** How often delayed calls are looked at, in ms: so much longer may they wait. */
const DELAY_PERIOD: u32 = 20;

/** The longest body in bytes that is read whole for a label, which stands at its end. */
const LABEL_WINDOW: u32 = 1024 * 1024;

/** A configuration and what was counted under it. */
@unmanaged
@final
export class Plugin {
  private arena: Arena;
  settings: Settings;
  registry: Registry;
  recorder: Recorder;
  ledger: Ledger;
  /** Where calls are told outside, or null; and which of them are traced. */
  telemetry: Telemetry | null = null;
  tracing: Tracing | null = null;
  /** Whether anything is noted of calls when they begin, and whether of each. */
  notesCalls: bool = false;
  private notesAll: bool = false;
  /** What answers calls when the server ends its connection, or null. */
  guard: Guard | null = null;
  /** What goes on of the read that is running, where requests are rewritten. */
  splice: Splice = new Splice();
  /** What the request that is being read calls; requests are read one at a time. */
  invocation: Invocation = new Invocation();
  /** The longest body of a request in bytes that is read whole. */
  requestWindow: u32 = 0;
  /** Whether the classes of exceptions are told, and how many bytes of answers are read for them. */
  tellsExceptions: bool = false;
  answerWindow: u32 = SHORT_WINDOW;
  /** The side on which the proxy stands; right as soon as there is a connection. */
  side: Side = Side.CONSUMER;
  private knowsSide: bool = false;
  /** What is asked for among the attachments, if anything is. */
  query: AttachmentQuery | null = null;
  /** Whether attachments are read for callers' contexts, and for nothing else. */
  readsContextsOnly: bool = false;
  /** Heads of which the series is known; null where names stand elsewhere too, or rules are asked. */
  heads: KnownHeads | null = null;
  private served: ServedNames | null = null;
  /** Whether attachments name another path than the head of the request that was read last. */
  isPathOverruled: bool = false;
  private connections: u32 = 0;
  /** How often it ticks, in ms, and how many ticks of a `FLUSH_PERIOD` have passed. */
  tickPeriod: u32 = FLUSH_PERIOD;
  private ticks: u32 = 0;
  private retired: bool = false;

  /**
   * @param arena holds the settings, and what is made of them; both become the plugin's own
   * @param seed for hashes
   * @param calls where calls in flight are found; they are the VM's
   */
  constructor(arena: Arena, settings: Settings, seed: u64, calls: InFlightTable) {
    this.arena = arena;
    this.settings = settings;
    const registry = new Registry(settings.metrics, Side.CONSUMER, seed);
    this.registry = registry;
    const recorder = new Recorder(settings.metrics);
    this.recorder = recorder;
    const told = settings.telemetry;
    let telemetry: Telemetry | null = null;
    if (told) {
      const most = settings.metrics.maxSeries;
      telemetry = new Telemetry(told, recorder, registry.unnamed, most, seed);
    }
    this.telemetry = telemetry;
    if (told && told.traces) this.tracing = new Tracing(told, settings.query, seed);
    this.ledger = new Ledger(calls, recorder, telemetry);
    if (settings.answersOnUpstreamClose) this.guard = new Guard();
    const policies = settings.policies;
    if (policies) {
      recorder.policies = policies.names;
      if (policies.delays) this.tickPeriod = DELAY_PERIOD;
    }
    this.notesAll = told !== null && told.logNotes(settings.routing !== null);
    this.notesCalls = this.notesAll || (told !== null && told.traces);
    if (told && told.tellsExceptions) {
      this.tellsExceptions = true;
      this.answerWindow = EXCEPTION_WINDOW;
    }
    const routing = settings.routing;
    const hasLabels = (settings.metrics.labels & ~HEAD_NAMES) != 0;
    const isTraced = told !== null && told.readsAttachments;
    const hasOthers = hasLabels || routing !== null || this.notesAll;
    this.readsContextsOnly = this.tracing !== null && !hasOthers;
    if (hasLabels || isTraced || (routing && routing.usesAttachments)) {
      const query = settings.query;
      this.query = query;
      // Spans alone change nothing of what is counted: names are the head's.
      if (!this.readsContextsOnly) this.served = new ServedNames(query);
      this.invocation.attachments = query;
      if (hasLabels || isTraced) this.requestWindow = LABEL_WINDOW;
      if (routing) this.requestWindow = max<u32>(this.requestWindow, routing.maxRewriteBytes);
    }
    if (this.readsContextsOnly || (!routing && !this.query && !this.notesAll))
      this.heads = new KnownHeads(seed, settings.metrics.maxSeries);
  }

  /** What is changed in the request that is being read so that what follows belongs to our span; or null. */
  get propagation(): AttachmentChange | null {
    const tracing = this.tracing;
    return tracing ? tracing.change : null;
  }

  /**
   * Where the attachments begin of the request that was read last, if they are read for contexts only and hold none;
   * else 0.
   */
  get contextlessAttachments(): usize {
    const tracing = this.tracing;
    const invocation = this.invocation;
    if (!this.readsContextsOnly || !tracing || !invocation.attachmentsRead) return 0;
    return tracing.hasContext ? 0 : invocation.attachmentsStart;
  }

  /**
   * A call begins whose attachments or headers were just read.
   *
   * @param time in ns since 1970
   * @param isUnlucky whether chance has spoken on it before, and does not want it told
   * @returns where things are noted of it, or null: nothing is
   */
  beginNoted(time: u64, isUnlucky: bool = false): NotedCall | null {
    const tracing = this.tracing;
    if (tracing) tracing.clear();
    const noted = takeNotedCall(time);
    if (!noted) return null;
    if (tracing) tracing.begin(noted, isUnlucky);
    if (noted.isTraced || this.notesAll) return noted;
    dropNotedCall(noted);
    return null;
  }

  /** No rule and no policy has been asked about the request that is being read. */
  forgetDecision(): void {
    const routing = this.settings.routing;
    if (routing) routing.rules.found = null;
    const policies = this.settings.policies;
    if (policies) policies.forget();
  }

  /**
   * Notes what is now known of the call that was described last.
   *
   * @param isPoliced whether rules and policies were asked about it
   */
  note(noted: NotedCall, isPoliced: bool): void {
    const routing = this.settings.routing;
    const policies = this.settings.policies;
    if (isPoliced && routing) {
      const rule = routing.rules.found;
      if (rule) noted.rule = rule.series;
      if (policies) noted.policy = policies.named;
    }
    const telemetry = this.telemetry;
    if (telemetry) noted.isLogged = telemetry.mayLog(this.settings.call);
  }

  /** The call that is being read. */
  @inline
  get call(): Call {
    return this.settings.call;
  }

  /** The call of the invocation read last, made on `side`. */
  describeCall(side: Side): Call {
    const call = this.settings.call;
    const invocation = this.invocation;
    const served = this.served;
    call.side = side;
    call.protocol = Protocol.DUBBO;
    call.attachmentsRead = invocation.attachmentsRead;
    fillFromHead(call, invocation);
    call.name(Name.GROUP).clear();
    call.name(Name.APPLICATION).clear();
    this.isPathOverruled = served !== null && call.attachmentsRead && served.fill(call);
    return call;
  }

  /** Whether anything is asked of frames; else a connection's bytes need not be looked at. */
  get readsFrames(): bool {
    const settings = this.settings;
    if (settings.metrics.countsAll || settings.routing !== null) return true;
    return this.guard !== null || this.telemetry !== null;
  }

  /** Tells by which further names the call may be served that was described last. */
  tellOtherNames(others: OtherNames): void {
    others.clear();
    const served = this.served;
    if (served && this.invocation.attachmentsRead) {
      others.interfaceName.point(served.otherInterface);
    }
    others.method.point(this.invocation.headMethod);
    others.areDoubtful = this.invocation.areNamesDoubtful;
  }

  /** Adds `amount` to a counter of the plugin's own. */
  add(metric: Metric, amount: i64, firstLabel: u32 = 0, secondLabel: u32 = 0): void {
    this.recorder.add(this.registry.unnamed, cellKey(metric, firstLabel, secondLabel), amount);
  }

  /** Tells Envoy what was counted. */
  flush(): void {
    this.recorder.flush();
  }

  /** Another `tickPeriod` has passed. */
  onTick(): void {
    if (++this.ticks * this.tickPeriod < FLUSH_PERIOD) return;
    this.ticks = 0;
    this.flush();
    this.registry.renew();
    const policies = this.settings.policies;
    if (policies) policies.onTick();
    const telemetry = this.telemetry;
    if (telemetry) telemetry.onTick(now(), false);
  }

  /** The answer to a request of our own has come, or none will. */
  onAnswer(token: u32, hasHeaders: bool): void {
    const telemetry = this.telemetry;
    if (telemetry) telemetry.onAnswer(token, hasHeaders, now());
  }

  /** The VM ends: what waits is sent. Call it in the root context. */
  onDone(): void {
    this.flush();
    const telemetry = this.telemetry;
    if (telemetry) telemetry.onTick(now(), true);
  }

  /** A connection begins to use the plugin; call it in the connection's context. */
  retain(): void {
    // A root context is not told its listener's direction, a connection is.
    if (!this.knowsSide) this.setSide(sideOf(this.settings.side));
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
    this.registry.unnamed.side = side;
    const routing = this.settings.routing;
    if (routing) routing.setSide(side);
  }

  private free(): void {
    this.flush();
    const telemetry = this.telemetry;
    if (telemetry) telemetry.free();
    const tracing = this.tracing;
    if (tracing) tracing.free();
    this.registry.free();
    const guard = this.guard;
    if (guard) guard.free();
    this.splice.free();
    this.settings.free();
    const heads = this.heads;
    if (heads) heads.free();
    this.arena.free();
    heap.free(changetype<usize>(this));
  }
}

function sideOf(setting: SideSetting): Side {
  if (setting == SideSetting.CONSUMER) return Side.CONSUMER;
  if (setting == SideSetting.PROVIDER) return Side.PROVIDER;
  // A listener that does not say is dialled by applications, as the local one on 20880 is.
  return listenerDirection() == TrafficDirection.INBOUND ? Side.PROVIDER : Side.CONSUMER;
}
