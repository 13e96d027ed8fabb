/**
 * The `telemetry` part of a plugin's configuration.
 */
import { NAME_WORDS } from "../call/names";
import { DUBBO_STATUS_WORDS, GRPC_STATUS_WORDS } from "../call/statuses";
import { Match } from "../rules/match";
import { ExportSettings } from "../telemetry/exporter";
import { RESOURCE_ATTRIBUTES, SCOPE_NAME, writeTextAttribute } from "../telemetry/otlp";
import { writeBytesField } from "../telemetry/protobuf";
import { FIELD_WORDS } from "../telemetry/fields";
import { LogTarget, TelemetrySettings, WHOLE } from "../telemetry/settings";
import { keptCopy, keptSpan } from "../wire/arena";
import { Output } from "../wire/output";
import { Span } from "../wire/span";
import { Checker } from "./checker";
import { JsonType, JsonValue } from "./json";
import { LONGEST_NAME, MatchReader } from "./match_reader";
import { NodeMetadata } from "./node_metadata";
import { copyText } from "./texts";

/** What collectors are given to answer, in ms. */
const DEFAULT_TIMEOUT: u32 = 5000;
const MOST_TIMEOUT: u32 = 60000;
/** How long records wait at most, in ms. */
const DEFAULT_INTERVAL: u32 = 5000;
const MOST_INTERVAL: u32 = 60000;
/** Records of one request: at some 500 bytes each far below any collector's limit (4 MiB). */
const DEFAULT_BATCH: u32 = 512;
const MOST_BATCH: u32 = 4096;
/** What may wait, in bytes, per worker and kind of record. */
const DEFAULT_QUEUE: u32 = 1024 * 1024;
const MOST_QUEUE: u32 = 64 * 1024 * 1024;
const LEAST_QUEUE: u32 = 64 * 1024;
/** Headers of one's own, as for a token. */
const MOST_HEADERS: i32 = 20;
const MOST_SLOWER: u32 = 3600000;
const NANOSECONDS_IN_MILLISECOND: u64 = 1000000;

/** Reads the `telemetry` part; see reader.ts for the rest. */
export class TelemetryReader {
  constructor(
    private checker: Checker,
    private matches: MatchReader,
    private node: NodeMetadata,
  ) {}

  /** Reads `value` at `$.telemetry` into `settings`; errors go to the checker. */
  read(value: JsonValue, settings: TelemetrySettings): void {
    const checker = this.checker;
    if (!checker.object(value, ["otlp", "spans", "log"])) return;
    const otlp = value.member("otlp");
    if (otlp) this.readOtlp(otlp, settings);
    const spans = value.member("spans");
    if (spans) this.readSpans(spans, settings);
    const log = value.member("log");
    if (log) this.readLog(log, settings);
    if (checker.error.length != 0 || otlp) return;
    if (settings.traces || settings.log == LogTarget.OTLP) {
      checker.refuse(value, "an object with otlp, where spans and log records are sent");
    }
  }

  private readOtlp(value: JsonValue, settings: TelemetrySettings): void {
    const checker = this.checker;
    const keys = ["cluster", "authority", "path_prefix", "headers"];
    const numbers = ["timeout_ms", "interval_ms", "max_batch", "max_queue_bytes"];
    if (!checker.object(value, keys.concat(numbers))) return;
    const cluster = value.member("cluster");
    if (!cluster) return checker.refuse(value, "an object with a cluster");
    const name = checker.name(cluster, LONGEST_NAME);
    const given = value.member("authority");
    const authority = given ? checker.name(given, LONGEST_NAME) : name;
    const prefix = value.member("path_prefix");
    const start = prefix ? checker.name(prefix, LONGEST_NAME) : "";
    if (prefix && !start.startsWith("/")) {
      return checker.refuse(prefix, "a path that begins with a slash");
    }
    const headers = this.readHeaders(value.member("headers"));
    const timeout = this.number(value, "timeout_ms", 1, MOST_TIMEOUT, DEFAULT_TIMEOUT);
    const wait = this.number(value, "interval_ms", 1, MOST_INTERVAL, DEFAULT_INTERVAL);
    const batch = this.number(value, "max_batch", 1, MOST_BATCH, DEFAULT_BATCH);
    const queue = this.number(value, "max_queue_bytes", LEAST_QUEUE, MOST_QUEUE, DEFAULT_QUEUE);
    if (checker.error.length != 0) return;
    for (let kind = 0; kind < 2; kind++) {
      const made = new ExportSettings();
      made.cluster = copyText(name);
      const pairs = [":method", "POST", ":path", start + (kind == 0 ? "/v1/traces" : "/v1/logs")];
      const all = pairs
        .concat([":authority", authority, "content-type", "application/x-protobuf"])
        .concat(headers);
      made.headers = headerBlock(all);
      made.resource = this.resource();
      made.scope = scope();
      made.timeoutMs = timeout;
      made.interval = <u64>wait * NANOSECONDS_IN_MILLISECOND;
      made.maxBatch = batch;
      made.maxQueueBytes = queue;
      if (kind == 0) settings.spans = made;
      else settings.logs = made;
    }
  }

  private number(value: JsonValue, key: string, from: u32, to: u32, otherwise: u32): u32 {
    return this.checker.integer(value.member(key), from, to, otherwise);
  }

  /** Names and values by turns. */
  private readHeaders(value: JsonValue | null): string[] {
    const checker = this.checker;
    const list = checker.list(value, MOST_HEADERS);
    const read: string[] = [];
    for (let i = 0; i < list.length; i++) {
      if (!checker.object(list[i], ["name", "value"])) return read;
      const name = list[i].member("name");
      const text = list[i].member("value");
      if (!name || !text) {
        checker.refuse(list[i], "an object with a name and a value");
        return read;
      }
      read.push(checker.key(name));
      read.push(checker.name(text, 1024));
    }
    return read;
  }

  private readSpans(value: JsonValue, settings: TelemetrySettings): void {
    const checker = this.checker;
    if (!checker.object(value, ["sample", "propagate"])) return;
    settings.traces = true;
    settings.samplePerWhole = this.percentage(value.member("sample"), WHOLE / 100);
    settings.propagates = checker.flag(value.member("propagate"), false);
  }

  private readLog(value: JsonValue, settings: TelemetrySettings): void {
    const checker = this.checker;
    if (!checker.object(value, ["to", "when", "fields"])) return;
    const words = ["otlp", "envoy"];
    const target = checker.choice(value.member("to"), words, 0);
    settings.log = target == 1 ? LogTarget.ENVOY : LogTarget.OTLP;
    this.readFields(value.member("fields"), settings);
    const when = value.member("when");
    if (!when) {
      settings.logPerWhole = WHOLE;
      return;
    }
    if (!checker.object(when, ["match", "outcomes", "statuses", "slower_than_ms", "sample"]))
      return;
    const match = when.member("match");
    if (match) this.readMatch(match, settings);
    if (match && when.keys.length == 1) {
      settings.logPerWhole = WHOLE;
      return;
    }
    this.readStatuses(when.member("statuses"), settings);
    const outcomes = ["success", "exception", "error", "unknown", "unanswered"];
    const list = checker.list(when.member("outcomes"), outcomes.length);
    for (let i = 0; i < list.length; i++) {
      const index = checker.choice(list[i], outcomes, -1);
      if (index >= 0) settings.logOutcomes |= 1 << index;
    }
    const slower = this.number(when, "slower_than_ms", 0, MOST_SLOWER, 0);
    settings.logSlower = <u64>slower * NANOSECONDS_IN_MILLISECOND;
    settings.logPerWhole = this.percentage(when.member("sample"), 0);
  }

  private readFields(value: JsonValue | null, settings: TelemetrySettings): void {
    if (!value) return;
    const words = (NAME_WORDS + " " + FIELD_WORDS).split(" ");
    const list = this.checker.list(value, words.length);
    settings.logFields = 0;
    for (let i = 0; i < list.length; i++) {
      const index = this.checker.choice(list[i], words, -1);
      if (index >= 0) settings.logFields |= 1 << index;
    }
  }

  private readMatch(value: JsonValue, settings: TelemetrySettings): void {
    const match = new Match();
    settings.logMatch = match;
    // Where no call through this proxy can meet it, none is logged.
    if (!this.matches.read(value, match)) settings.log = LogTarget.NONE;
  }

  private readStatuses(value: JsonValue | null, settings: TelemetrySettings): void {
    const dubbo = DUBBO_STATUS_WORDS.split(" ");
    const grpc = GRPC_STATUS_WORDS.split(" ");
    const words = dubbo.concat(grpc);
    const list = this.checker.list(value, words.length);
    for (let i = 0; i < list.length; i++) {
      if (this.checker.choice(list[i], words, -1) < 0) return;
      const inDubbo = dubbo.indexOf(list[i].text);
      const inGrpc = grpc.indexOf(list[i].text);
      if (inDubbo >= 0) settings.logDubboStatuses |= 1 << inDubbo;
      if (inGrpc >= 0) settings.logGrpcStatuses |= 1 << inGrpc;
    }
  }

  /** Reads `{ percentage: … }` in parts of `WHOLE`. */
  private percentage(value: JsonValue | null, otherwise: u32): u32 {
    return value ? this.checker.percentage(value, ["percentage"]) : otherwise;
  }

  /** The fields of OTLP's resource: what this proxy is, as Istio's own tracing names it. */
  private resource(): Span {
    const out = new Output();
    const namespace = this.node.text("NAMESPACE");
    const app = this.node.text("LABELS.app");
    const workload = this.node.text("WORKLOAD_NAME");
    let name = app.length != 0 ? app : workload;
    if (name.length == 0) name = "envoy";
    else if (namespace.length != 0) name += "." + namespace;
    attribute(out, "service.name", name);
    attribute(out, "service.version", this.node.text("LABELS.version"));
    attribute(out, "k8s.namespace.name", namespace);
    attribute(out, "k8s.pod.name", this.node.text("NAME"));
    attribute(out, "k8s.deployment.name", workload);
    attribute(out, "k8s.cluster.name", this.node.text("CLUSTER_ID"));
    return owned(out);
  }
}

/** Appends an attribute of a resource, if there is anything to say. */
function attribute(out: Output, key: string, text: string): void {
  if (text.length == 0) return;
  const name = String.UTF8.encode(key);
  const value = String.UTF8.encode(text, false, String.UTF8.ErrorMode.REPLACE);
  writeTextAttribute(
    out,
    RESOURCE_ATTRIBUTES,
    changetype<usize>(name),
    name.byteLength,
    changetype<usize>(value),
    value.byteLength,
  );
}

function scope(): Span {
  const out = new Output();
  const name = String.UTF8.encode("dubbo-wasm-filter");
  writeBytesField(out, SCOPE_NAME, changetype<usize>(name), name.byteLength);
  return owned(out);
}

/** Names and values by turns as the host takes headers; see host/headers.ts. */
function headerBlock(pairs: string[]): Span {
  const out = new Output();
  writeLittle(out, pairs.length / 2);
  const texts: ArrayBuffer[] = [];
  for (let i = 0; i < pairs.length; i++) {
    const text = String.UTF8.encode(pairs[i], false, String.UTF8.ErrorMode.REPLACE);
    texts.push(text);
    writeLittle(out, text.byteLength);
  }
  for (let i = 0; i < texts.length; i++) {
    out.write(changetype<usize>(texts[i]), texts[i].byteLength);
    out.writeU8(0);
  }
  return owned(out);
}

function writeLittle(out: Output, number: u32): void {
  out.writeU32(bswap<u32>(number));
}

/** The bytes of `out` as a span of their own. */
function owned(out: Output): Span {
  const span = keptSpan();
  span.set(keptCopy(out.start, out.length), out.length);
  out.free();
  return span;
}
