/**
 * A plugin's configuration, a Struct or JSON, to `Settings`, every error with its path.
 *
 * The shape is the filter's public interface; docs/configuration.schema.json says it too, and a test
 * holds the two together.
 */
import { NAME_WORDS } from "../call/names";
import { DEFAULT_MAX_SERIES, MetricsSettings } from "../metrics/settings";
import { Routing } from "../routing/routing";
import { Checker } from "./checker";
import { JsonParser, JsonValue } from "./json";
import { MatchReader } from "./match_reader";
import { NodeMetadata } from "./node_metadata";
import { Policies } from "../policy/policies";
import { PolicyReader } from "./policy_reader";
import { TelemetrySettings } from "../telemetry/settings";
import { TelemetryReader } from "./telemetry_reader";
import { RoutingReader } from "./routing_reader";
import { DEFAULT_MAX_BODY_BYTES, DEFAULT_MAX_IN_FLIGHT, Settings, SideSetting } from "./settings";
import { StructReader } from "./struct";

/** The first byte of every Struct that is not empty. */
const STRUCT_TAG: u8 = 0x0a;
/** A body's length is a signed number in the peers. */
const LONGEST_BODY: u32 = 0x7fffffff;
/** Each of these costs Envoy about ten metrics that it never frees. */
const MOST_SERIES: u32 = 100000;
/** Each of these costs the module 64 bytes. */
const MOST_IN_FLIGHT: u32 = 65536;
/** Names in the allow-list. */
const MOST_INTERFACES: i32 = 10000;
/** Characters of a name in the allow-list: longer ones could not be told apart, see MAX_VALUE. */
const LONGEST_NAME: i32 = 200;

export class ConfigReader {
  private checker: Checker = new Checker();

  /** What is wrong with the configuration read last; empty if nothing is. */
  get error(): string {
    return this.checker.error;
  }

  /**
   * Reads `length` bytes at `bytes`: a Struct, or JSON text; nothing at all means all defaults.
   *
   * @param seed for hashes, and for chance
   * @param node what the configuration may ask of the proxy's node
   * @returns the settings, or null with `error` set
   */
  read(bytes: usize, length: u32, seed: u64, node: NodeMetadata): Settings | null {
    const settings = new Settings(seed);
    if (length == 0) return settings;
    const root = this.parse(bytes, length);
    if (root) this.readRoot(root, settings, seed, node);
    if (this.checker.error.length == 0) return settings;
    settings.free();
    return null;
  }

  /**
   * A Struct begins with the tag of its first entry, which JSON knows as white space: so what begins
   * with it is JSON only if it is no Struct.
   */
  private parse(bytes: usize, length: u32): JsonValue | null {
    if (load<u8>(bytes) == STRUCT_TAG) {
      const struct = new StructReader(bytes, bytes + length).read();
      if (struct) return struct;
    }
    const parser = new JsonParser(String.UTF8.decodeUnsafe(bytes, length));
    const root = parser.parse();
    if (!root) this.checker.error = "$ is " + parser.error;
    return root;
  }

  private readRoot(root: JsonValue, settings: Settings, seed: u64, node: NodeMetadata): void {
    const checker = this.checker;
    if (
      !checker.object(root, [
        "side",
        "max_body_bytes",
        "answer_on_upstream_close",
        "close_on_downstream_close",
        "drop_upstream_events",
        "metrics",
        "routing",
        "policies",
        "telemetry",
      ])
    )
      return;
    const sides = ["auto", "consumer", "provider"];
    settings.side = <SideSetting>checker.choice(root.member("side"), sides, 0);
    settings.maxBodyBytes = checker.integer(
      root.member("max_body_bytes"),
      1,
      LONGEST_BODY,
      DEFAULT_MAX_BODY_BYTES,
    );
    const answers = root.member("answer_on_upstream_close");
    settings.answersOnUpstreamClose = checker.flag(answers, false);
    const closes = root.member("close_on_downstream_close");
    settings.closesOnDownstreamClose = checker.flag(closes, false);
    const drops = root.member("drop_upstream_events");
    settings.dropsUpstreamEvents = checker.flag(drops, false);
    const metrics = root.member("metrics");
    if (metrics) this.readMetrics(metrics, settings);
    const matches = new MatchReader(checker, settings.query, node);
    const routing = root.member("routing");
    if (routing) {
      settings.routing = new Routing(seed);
      new RoutingReader(checker, settings, matches, node).read(routing, settings.routing!);
    }
    const policies = root.member("policies");
    // Requests that may hide a protected key are refused as those are that a policy refuses.
    if (policies || settings.hasProtectedKeys) {
      settings.policies = new Policies(seed);
      new PolicyReader(checker, settings, matches, seed).read(policies, settings.policies!);
    }
    const telemetry = root.member("telemetry");
    if (telemetry) {
      settings.telemetry = new TelemetrySettings();
      new TelemetryReader(checker, matches, node).read(telemetry, settings.telemetry!);
      // A context that is written anew is an attachment that is rewritten.
      if (settings.telemetry!.propagates) settings.rewriting(seed);
    }
    if (checker.error.length == 0) settings.holdForPolicies(seed);
  }

  private readMetrics(metrics: JsonValue, settings: Settings): void {
    const checker = this.checker;
    const config = settings.metrics;
    const keys = [
      "enabled",
      "labels",
      "max_series",
      "interfaces",
      "duration_unit",
      "max_in_flight",
    ];
    if (!checker.object(metrics, keys)) return;
    config.countsAll = checker.flag(metrics.member("enabled"), true);
    const labels = metrics.member("labels");
    if (labels) config.labels = this.readLabels(labels);
    config.maxSeries = checker.integer(
      metrics.member("max_series"),
      1,
      MOST_SERIES,
      DEFAULT_MAX_SERIES,
    );
    this.readInterfaces(metrics.member("interfaces"), config);
    const unit = metrics.member("duration_unit");
    const units = ["milliseconds", "microseconds"];
    config.durationInMicroseconds = checker.choice(unit, units, 0) == 1;
    settings.maxInFlight = checker.integer(
      metrics.member("max_in_flight"),
      1,
      MOST_IN_FLIGHT,
      DEFAULT_MAX_IN_FLIGHT,
    );
  }

  private readLabels(value: JsonValue): u32 {
    const names = NAME_WORDS.split(" ");
    const items = this.checker.list(value, names.length);
    let labels: u32 = 0;
    for (let i = 0; i < items.length; i++) {
      const index = this.checker.choice(items[i], names, -1);
      if (index < 0) return 0;
      const bit: u32 = 1 << index;
      if (labels & bit) this.checker.refuse(items[i], "each label once");
      labels |= bit;
    }
    return labels;
  }

  private readInterfaces(value: JsonValue | null, config: MetricsSettings): void {
    const items = this.checker.list(value, MOST_INTERFACES);
    for (let i = 0; i < items.length; i++) {
      const name = String.UTF8.encode(this.checker.name(items[i], LONGEST_NAME));
      if (this.checker.error.length != 0) return;
      config.interfaces.add(changetype<usize>(name), name.byteLength);
    }
  }
}
