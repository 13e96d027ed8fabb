/**
 * Names in, series out: interned, and bounded.
 *
 * Envoy never frees a metric, and names come from peers: so at most `max_series` sets of names get
 * series of their own (admission.ts), only allowed interfaces do where there is an allow-list, and everything else is
 * counted under `_OTHER`. A name is known by its bytes as they came, cut at `MAX_VALUE`; it is cleaned
 * only where it is written into a metric's name.
 */
import {
  Config,
  LABEL_GROUP,
  LABEL_INTERFACE,
  LABEL_METHOD,
  LABEL_VERSION,
} from "../config/config";
import { sameBytes } from "../wire/bytes";
import { hashBytes } from "../wire/hash";
import { HashTable } from "../wire/hash_table";
import { Span } from "../wire/span";
import { Admission } from "./admission";
import { MAX_VALUE } from "./label_writer";
import { Side } from "./names";
import { Series } from "./series";

/** `Registry.periodOf`: in all periods to come. */
export const FOR_GOOD: u32 = 0xffffffff;
/** `Registry.periodOf`: not even in this one. */
export const NOT_AT_ALL: u32 = 0xfffffffe;


@unmanaged
@final
export class Registry {
  /** What is counted without names. */
  plugin: Series;
  private config: Config;
  private seed: u64;
  private table: HashTable<Series> = new HashTable<Series>();
  private admission: Admission;
  private all: Series | null = null;
  private otherOfConsumer: Series | null = null;
  private otherOfProvider: Series | null = null;
  private other: Span = new Span();
  private defaultVersion: Span = new Span();
  private none: Span = new Span();
  /** Which flush period it is: who has no series of their own now may get them in the next. */
  period: u32 = 0;

  /**
   * @param config its labels, limit and allow-list; must live as long as the registry
   * @param side the side of the proxy itself
   * @param seed for the hashes of names
   */
  constructor(config: Config, side: Side, seed: u64) {
    this.config = config;
    this.seed = seed;
    this.admission = new Admission(config.seriesScope, config.maxSeries);
    this.plugin = Series.of(side);
    this.other.set(OTHER_NAME, OTHER_LENGTH);
    this.defaultVersion.set(DEFAULT_VERSION, DEFAULT_VERSION_LENGTH);
  }

  /**
   * The series of a call.
   *
   * @param side on which the proxy stands in this call
   * @param interfaceName, method empty or null ones are shown as `_OTHER`
   * @param version empty or null is Dubbo's "0.0.0" (Java sends that, dubbo-go nothing)
   * @param group null where there is none; `unknownName` where it could not be read
   */
  resolve(side: Side, interfaceName: Span, method: Span, version: Span, group: Span): Series {
    const config = this.config;
    if (interfaceName.length == 0) return this.otherOf(side);
    const allowed = config.interfaces;
    if (allowed.size != 0 && !allowed.has(interfaceName)) return this.otherOf(side);
    const a = config.hasLabel(LABEL_INTERFACE) ? interfaceName : this.none;
    let b = config.hasLabel(LABEL_METHOD) ? method : this.none;
    if (b.length == 0 && config.hasLabel(LABEL_METHOD)) b = this.other;
    const c = config.hasLabel(LABEL_VERSION) ? this.shownVersion(version) : this.none;
    const d = config.hasLabel(LABEL_GROUP) ? group : this.none;

    let h = hashName(this.seed ^ (side as u64), a);
    h = hashName(h, b);
    if (c.length != 0) h = hashName(h, c);
    if (d.length != 0) h = hashName(h, d);
    const hash = <u32>h;
    let series = this.table.first(hash);
    while (series) {
      if (series.hash == hash && series.side == side && hasNames(series, a, b, c, d)) return series;
      series = series.hashNext;
    }

    const admission = this.admission;
    if (this.table.count >= config.maxSeries || admission.refuses(hash)) return this.otherOf(side);
    const made = makeSeries(side, a, b, c, d);
    if (!admission.admit(made, hash)) {
      made.free();
      return this.otherOf(side);
    }
    made.hash = hash;
    this.table.insert(made);
    this.keep(made);
    return made;
  }

  /** The series of calls that are not told apart. */
  otherOf(side: Side): Series {
    const known = side == Side.CONSUMER ? this.otherOfConsumer : this.otherOfProvider;
    if (known) return known;
    const config = this.config;
    const made = makeSeries(
      side,
      config.hasLabel(LABEL_INTERFACE) ? this.other : this.none,
      config.hasLabel(LABEL_METHOD) ? this.other : this.none,
      config.hasLabel(LABEL_VERSION) ? this.other : this.none,
      config.hasLabel(LABEL_GROUP) ? this.other : this.none,
    );
    if (side == Side.CONSUMER) this.otherOfConsumer = made;
    else this.otherOfProvider = made;
    this.keep(made);
    return made;
  }

  /** A service's version as it is shown: Dubbo's "0.0.0" where none is set. */
  shownVersion(version: Span): Span {
    return version.length == 0 ? this.defaultVersion : version;
  }

  /** A flush period has passed. */
  renew(): void {
    this.admission.renew();
    // Stays away from the numbers that are no periods.
    this.period = (this.period + 1) & 0x7fffffff;
  }

  /**
   * Until which flush period names that have `series` will have it: `FOR_GOOD`, the current one, or
   * `NOT_AT_ALL` where they were refused only because another worker was faster.
   */
  periodOf(series: Series): u32 {
    if (series != this.otherOfConsumer && series != this.otherOfProvider) return FOR_GOOD;
    const isFull = this.table.count >= this.config.maxSeries || this.admission.isFull;
    return isFull ? this.period : NOT_AT_ALL;
  }

  /** What stands for a name that could not be read. */
  get unknownName(): Span {
    return this.other;
  }

  /** Gives everything back. */
  free(): void {
    let series = this.all;
    while (series) {
      const next = series.next;
      series.free();
      series = next;
    }
    this.plugin.free();
    this.admission.free();
    this.table.free();
    heap.free(changetype<usize>(this.other));
    heap.free(changetype<usize>(this.defaultVersion));
    heap.free(changetype<usize>(this.none));
    heap.free(changetype<usize>(this));
  }

  private keep(series: Series): void {
    series.next = this.all;
    this.all = series;
  }
}

// "_OTHER" and "0.0.0" as bytes.
const OTHER_NAME = memory.data<u8>([0x5f, 0x4f, 0x54, 0x48, 0x45, 0x52]);
const OTHER_LENGTH: u32 = 6;
const DEFAULT_VERSION = memory.data<u8>([0x30, 0x2e, 0x30, 0x2e, 0x30]);
const DEFAULT_VERSION_LENGTH: u32 = 5;

function makeSeries(side: Side, a: Span, b: Span, c: Span, d: Span): Series {
  const made = Series.of(side);
  made.interfaceLength = cut(a);
  made.methodLength = cut(b);
  made.versionLength = cut(c);
  made.groupLength = cut(d);
  made.names = heap.alloc(cut(a) + cut(b) + cut(c) + cut(d));
  let p = copyName(made.names, a);
  p = copyName(p, b);
  p = copyName(p, c);
  copyName(p, d);
  return made;
}

/** How many bytes of a name are kept. */
function cut(name: Span): u32 {
  return min<u32>(name.length, MAX_VALUE);
}

function hashName(seed: u64, name: Span): u64 {
  return hashBytes(seed, name.start, cut(name));
}

function copyName(to: usize, name: Span): usize {
  memory.copy(to, name.start, cut(name));
  return to + cut(name);
}

function hasNames(series: Series, a: Span, b: Span, c: Span, d: Span): bool {
  if (series.interfaceLength != cut(a) || series.methodLength != cut(b)) return false;
  if (series.versionLength != cut(c) || series.groupLength != cut(d)) return false;
  let p = series.names;
  if (!sameBytes(p, a.start, cut(a))) return false;
  p += cut(a);
  if (!sameBytes(p, b.start, cut(b))) return false;
  p += cut(b);
  if (!sameBytes(p, c.start, cut(c))) return false;
  return sameBytes(p + cut(c), d.start, cut(d));
}
