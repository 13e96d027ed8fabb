/**
 * Adding to counters, and telling Envoy.
 *
 * A call only adds to cells in memory and notes how long it took; `flush` tells Envoy, on a tick and when
 * a connection ends. Envoy's histograms take one value at a time: told in a row, a value costs a fraction
 * of what it costs in the middle of a call, with cold caches (bench/NOTES.md).
 */
import { NAME_WORDS } from "../call/names";
import { Protocol, PROTOCOL_NAMES, SIDE_NAMES } from "../call/vocabulary";
import { define, increment, MetricType, NO_METRIC, record } from "../host/metrics";
import { Label, LABELS, Metric, METRICS, ROW_WORDS, valuesOf } from "./definitions";
import {
  endLabel,
  isWord,
  startLabel,
  startName,
  writeText,
  writeWireValue,
  writeWord,
  writtenLength,
  writtenStart,
} from "./label_writer";
import { NameList } from "./name_list";
import { Cell, cellKey, RULE_PART, Series } from "./series";
import { MetricsSettings } from "./settings";
import { Kept } from "../wire/arena";

const NANOSECONDS_IN_MICROSECOND: u64 = 1000;
const NANOSECONDS_IN_MILLISECOND: u64 = 1000000;

/**
 * Durations that wait for the next flush, of all recorders: metric id and value. When there is no room
 * for one more they are told at once; so many take Envoy a tenth of a millisecond.
 */
const MOST_DURATIONS: u32 = 1024;
const DURATION_SIZE: u32 = 16;
const DURATIONS = memory.data(<i32>(MOST_DURATIONS * DURATION_SIZE), 8);
let durations: u32 = 0;

function noteDuration(metricId: u32, value: u64): void {
  const slot = DURATIONS + durations * DURATION_SIZE;
  store<u64>(slot, value);
  store<u32>(slot, metricId, 8);
  if (++durations == MOST_DURATIONS) tellDurations();
}

function tellDurations(): void {
  const end = DURATIONS + durations * DURATION_SIZE;
  durations = 0;
  for (let slot = DURATIONS; slot < end; slot += DURATION_SIZE) {
    record(load<u32>(slot, 8), load<u64>(slot));
  }
}

/** Adds to cells for one plugin, and tells Envoy. */
@unmanaged
@final
export class Recorder extends Kept {
  private dirty: Cell | null = null;
  private durationInMicroseconds: bool;
  private tellsAll: bool;
  /** What policies are called, by their numbers. */
  policies: NameList | null = null;

  /** @param settings are only looked at */
  constructor(settings: MetricsSettings) {
    super();
    this.durationInMicroseconds = settings.durationInMicroseconds;
    this.tellsAll = settings.countsAll;
  }

  /** Adds `amount` to the cell of `series` with this key. */
  add(series: Series, key: u32, amount: i64): void {
    this.addInline(series, key, amount);
  }

  /** The same without a function call: for what each call adds to. */
  @inline
  addInline(series: Series, key: u32, amount: i64): void {
    const cell = series.cell(key);
    cell.pending += amount;
    if (cell.isDirty) return;
    cell.isDirty = true;
    cell.nextDirty = this.dirty;
    this.dirty = cell;
  }

  /** Records that a call of `series` that began at `startedAt` was answered at `endedAt`, in ns. */
  recordDuration(
    series: Series,
    startedAt: u64,
    endedAt: u64,
    protocol: Protocol = Protocol.DUBBO,
  ): void {
    if (!this.tellsAll) return;
    const micros = this.durationInMicroseconds;
    const cell = series.cell(cellKey(Metric.DURATION, 0, 0, protocol));
    if (!cell.isDefined) defineCell(cell, micros, this.policies);
    if (cell.metricId == NO_METRIC) return;
    // The system's clock may have been set back meanwhile.
    const nanoseconds = endedAt > startedAt ? endedAt - startedAt : 0;
    const unit = micros ? NANOSECONDS_IN_MICROSECOND : NANOSECONDS_IN_MILLISECOND;
    noteDuration(cell.metricId, nanoseconds / unit);
  }

  /** Tells Envoy all that was added since the last flush. */
  flush(): void {
    tellDurations();
    let cell = this.dirty;
    this.dirty = null;
    while (cell) {
      const next = cell.nextDirty;
      cell.nextDirty = null;
      cell.isDirty = false;
      const amount = cell.pending;
      cell.pending = 0;
      if (!cell.isDefined && (this.tellsAll || cell.metric == Metric.GUARDED))
        defineCell(cell, this.durationInMicroseconds, this.policies);
      // A gauge may have come back to where it was; a counter only grows.
      if (amount != 0 && cell.metricId != NO_METRIC) increment(cell.metricId, amount);
      cell = next;
    }
  }
}

/** Columns of a row of `METRICS`. */
const enum Column {
  NAME,
  TYPE,
  FIRST,
  SECOND,
}

/** The words of the column `TYPE`, in the order of `MetricType`. */
const TYPE_WORDS = "counter gauge histogram";
/** Labels that series have beside a call's names. */
const SERIES_WORDS = "rule side protocol";

/**
 * @param inMicroseconds the unit of a duration
 * @param policies the values of label `policy`
 */
function defineCell(cell: Cell, inMicroseconds: bool, policies: NameList | null): void {
  const row = (cell.metric as u32) * ROW_WORDS;
  startName();
  writeSeriesLabels(cell.series, cell.protocol);
  writeCellLabel(row + Column.FIRST, cell.firstLabel, cell.protocol, policies);
  writeCellLabel(row + Column.SECOND, cell.secondLabel, cell.protocol, policies);
  writeText("dubbo_");
  writeWord(METRICS, row + Column.NAME);
  let type: u32 = 0;
  while (!isWord(METRICS, row + Column.TYPE, TYPE_WORDS, type)) type++;
  if (type == MetricType.HISTOGRAM) writeText(inMicroseconds ? "microseconds" : "milliseconds");
  cell.metricId = define(<MetricType>type, writtenStart(), writtenLength());
  cell.isDefined = true;
}

/** Appends the label that word number `word` of `METRICS` names, if any, with value number `value`. */
function writeCellLabel(
  word: u32,
  value: u32,
  protocol: Protocol,
  policies: NameList | null,
): void {
  if (isWord(METRICS, word, "-", 0)) return;
  let label: u32 = 0;
  while (!isWord(METRICS, word, LABELS, label * 2)) label++;
  startLabel(LABELS, label * 2 + 1);
  if (label == Label.POLICY) {
    const name = policies!.name(value);
    writeWireValue(name.start, name.length);
  } else {
    writeWord(valuesOf(label, protocol), value);
  }
  endLabel();
}

function writeSeriesLabels(series: Series, protocol: Protocol): void {
  let p = series.names;
  for (let part: u32 = 0; part <= RULE_PART; part++) {
    const length = series.lengthOf(part);
    if (length == 0) continue;
    if (part == RULE_PART) startLabel(SERIES_WORDS, 0);
    else startLabel(NAME_WORDS, part);
    writeWireValue(p, length);
    endLabel();
    p += length;
  }
  startLabel(SERIES_WORDS, 1);
  writeWord(SIDE_NAMES, series.side);
  endLabel();
  startLabel(SERIES_WORDS, 2);
  writeWord(PROTOCOL_NAMES, protocol);
  endLabel();
}
