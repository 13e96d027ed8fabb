/**
 * Calls in, series out: names interned, and bounded.
 *
 * Envoy never frees a metric, and names come from peers: so at most `max_series` sets of names get
 * series of their own (admission.ts), only allowed interfaces do where there is an allow-list, and
 * everything else is counted under `_OTHER`. A name is known by its bytes as they came, cut at
 * `MAX_VALUE`; it is cleaned only where it is written into a metric's name.
 */
import { Call, setOther } from "../call/call";
import { MAX_VALUE } from "../call/cleaned";
import { bitOf, HEAD_NAMES, Name, NAME_COUNT } from "../call/names";
import { Side } from "../call/vocabulary";
import { sameBytes } from "../wire/bytes";
import { hashBytes } from "../wire/hash";
import { Span } from "../wire/span";
import { HashTable } from "../wire/hash_table";
import { Admission } from "./admission";
import { Series } from "./series";
import { MetricsSettings } from "./settings";

/** `Registry.periodOf`: in every period to come. */
export const EVERY_PERIOD: u32 = 0xffffffff;
/** `Registry.periodOf`: not even in this one. */
export const NO_PERIOD: u32 = 0xfffffffe;

/** The series of one plugin. */
@unmanaged
@final
export class Registry {
  /** What is counted without names. */
  unnamed: Series;
  private settings: MetricsSettings;
  private seed: u64;
  private table: HashTable<Series> = new HashTable<Series>();
  private admission: Admission;
  private all: Series | null = null;
  private otherOfConsumer: Series | null = null;
  private otherOfProvider: Series | null = null;
  /** Whether labels need attachments, which then say what is served. */
  private showsServed: bool;
  /** The names that are labels, of the call that is looked for. */
  private shown: Call = new Call();
  /** Which flush period it is: who has no series of their own now may get them in the next. */
  period: u32 = 0;

  /**
   * @param settings must live as long as the registry
   * @param side the side of the proxy itself
   * @param seed for the hashes of names
   */
  constructor(settings: MetricsSettings, side: Side, seed: u64) {
    this.settings = settings;
    this.seed = seed;
    this.showsServed = (settings.labels & ~HEAD_NAMES) != 0;
    this.admission = new Admission(settings.scope, settings.maxSeries);
    this.unnamed = Series.of(side);
  }

  /** The series of a call. */
  resolve(call: Call): Series {
    const settings = this.settings;
    const side = call.side;
    const interfaceName = this.shownName(call, Name.INTERFACE);
    if (interfaceName.length == 0) return this.otherOf(side);
    const allowed = settings.interfaces;
    if (allowed.size != 0 && !allowed.has(interfaceName)) return this.otherOf(side);
    const shown = this.show(call);
    const lengths = lengthsOf(shown);
    const hash = this.hashOf(shown, side);
    let series = this.table.first(hash);
    while (series) {
      if (
        series.hash == hash &&
        series.side == side &&
        series.lengths == lengths &&
        hasNames(series, shown)
      ) {
        return series;
      }
      series = series.hashNext;
    }

    const admission = this.admission;
    if (this.table.count >= settings.maxSeries || admission.refuses(hash))
      return this.otherOf(side);
    const made = makeSeries(side, shown);
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
    const labels = this.settings.labels;
    const shown = this.shown;
    shown.clear();
    for (let name: u32 = 0; name < NAME_COUNT; name++) {
      if (labels & bitOf(name)) setOther(shown.name(name));
    }
    const made = makeSeries(side, shown);
    if (side == Side.CONSUMER) this.otherOfConsumer = made;
    else this.otherOfProvider = made;
    this.keep(made);
    return made;
  }

  /** A flush period has passed. */
  renew(): void {
    this.admission.renew();
    // Stays away from the numbers that are no periods.
    this.period = (this.period + 1) & 0x7fffffff;
  }

  /**
   * Until which flush period names that have `series` will have it: `EVERY_PERIOD`, the current one, or
   * `NO_PERIOD` where they were refused only because another worker was faster.
   */
  periodOf(series: Series): u32 {
    if (series != this.otherOfConsumer && series != this.otherOfProvider) return EVERY_PERIOD;
    const isFull = this.table.count >= this.settings.maxSeries || this.admission.isFull;
    return isFull ? this.period : NO_PERIOD;
  }

  /** Gives everything back. */
  free(): void {
    let series = this.all;
    while (series) {
      const next = series.next;
      series.free();
      series = next;
    }
    this.unnamed.free();
    this.admission.free();
    this.table.free();
    heap.free(changetype<usize>(this));
  }

  /** The names of `call` that are labels, cut at `MAX_VALUE`. */
  private show(call: Call): Call {
    const labels = this.settings.labels;
    const shown = this.shown;
    for (let name: u32 = 0; name < NAME_COUNT; name++) {
      const to = shown.name(name);
      to.clear();
      if (!(labels & bitOf(name))) continue;
      const from = this.shownName(call, name);
      to.set(from.start, min<u32>(from.length, MAX_VALUE));
      // What could not be read is not told apart, nor is a method without a name.
      const isUnread = !(HEAD_NAMES & bitOf(name)) && !call.attachmentsRead;
      if (isUnread || (name == Name.METHOD && from.length == 0)) setOther(to);
    }
    return shown;
  }

  /**
   * A name as it is shown. Where no label needs attachments they may be read all the same, for a rule;
   * but no call may change its label for that, so then the head's names are shown.
   */
  private shownName(call: Call, name: u32): Span {
    if (!this.showsServed) {
      if (name == Name.INTERFACE) return call.path;
      if (name == Name.VERSION) return call.headVersion;
    }
    return call.name(name);
  }

  private hashOf(shown: Call, side: Side): u32 {
    let hash = this.seed ^ (side as u64);
    for (let name: u32 = 0; name < NAME_COUNT; name++) {
      const span = shown.name(name);
      if (span.length != 0) hash = hashBytes(hash, span.start, span.length);
    }
    return <u32>hash;
  }

  private keep(series: Series): void {
    series.next = this.all;
    this.all = series;
  }
}

/** The lengths of all names as a series has them: a byte for each. */
function lengthsOf(shown: Call): u64 {
  let lengths: u64 = 0;
  for (let name: u32 = 0; name < NAME_COUNT; name++) {
    lengths |= (<u64>shown.name(name).length) << (name << 3);
  }
  return lengths;
}

function makeSeries(side: Side, shown: Call): Series {
  const made = Series.of(side);
  let length: u32 = 0;
  for (let name: u32 = 0; name < NAME_COUNT; name++) length += shown.name(name).length;
  made.lengths = lengthsOf(shown);
  made.names = heap.alloc(length);
  let p = made.names;
  for (let name: u32 = 0; name < NAME_COUNT; name++) {
    const span = shown.name(name);
    memory.copy(p, span.start, span.length);
    p += span.length;
  }
  return made;
}

/** Whether the series, which has names of the same lengths, has just these. */
function hasNames(series: Series, shown: Call): bool {
  let p = series.names;
  for (let name: u32 = 0; name < NAME_COUNT; name++) {
    const span = shown.name(name);
    if (!sameBytes(p, span.start, span.length)) return false;
    p += span.length;
  }
  return true;
}
