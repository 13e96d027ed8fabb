/**
 * Adding to counters, and telling Envoy.
 *
 * A call only adds to cells in memory and notes how long it took; `flush` tells Envoy, on a tick and when
 * a connection ends. Envoy's histograms take one value at a time: told in a row, a value costs a fraction
 * of what it costs in the middle of a call, with cold caches (bench/NOTES.md).
 */
import { serializationName, statusName } from "../dubbo/tables";
import { define, increment, MetricType, NO_METRIC, record } from "../host/metrics";
import { GRPC_STATUS_NAMES } from "../triple/grpc_status";
import {
  startName,
  writeLabel,
  writeText,
  writeWireLabel,
  writeWord,
  writeWordLabel,
  writtenLength,
  writtenStart,
} from "./label_writer";
import {
  CALL_NAMES,
  CLOSED_BY_NAMES,
  DIRECTION_NAMES,
  EVENT_NAMES,
  isGauge,
  Metric,
  METRIC_NAMES,
  OBSTACLE_NAMES,
  OUTCOME_NAMES,
  Protocol,
  PROTOCOL_NAMES,
  REASON_NAMES,
  SIDE_NAMES,
} from "./names";
import { Cell, cellKey, Series } from "./series";

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


@unmanaged
@final
export class Recorder {
  private dirty: Cell | null = null;
  private durationInMicroseconds: bool;
  private tellsAll: bool;

  /**
   * @param durationInMicroseconds else in milliseconds
   * @param tellsAll whether Envoy is told more than the guarded requests
   */
  constructor(durationInMicroseconds: bool, tellsAll: bool) {
    this.durationInMicroseconds = durationInMicroseconds;
    this.tellsAll = tellsAll;
  }

  /** Adds `amount` to the cell of `series` with this key. */
  add(series: Series, key: u32, amount: i64): void {
    this.addForCall(series, key, amount);
  }

  /** The same without a call into it: for what each call adds to. */
  @inline
  addForCall(series: Series, key: u32, amount: i64): void {
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
    if (!cell.isDefined) defineCell(cell, micros);
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
        defineCell(cell, this.durationInMicroseconds);
      // A gauge may have come back to where it was; a counter only grows.
      if (amount != 0 && cell.metricId != NO_METRIC) increment(cell.metricId, amount);
      cell = next;
    }
  }

  /** Gives the recorder back; what was not flushed is lost. */
  free(): void {
    heap.free(changetype<usize>(this));
  }
}

/** @param inMicroseconds the unit of a duration */
function defineCell(cell: Cell, inMicroseconds: bool): void {
  startName();
  writeSeriesLabels(cell.series, cell.protocol);
  const first = cell.firstLabel;
  const metric = cell.metric;
  switch (metric) {
    case Metric.REQUESTS:
      writeWordLabel("dubbo_call", CALL_NAMES, first);
      writeLabel("dubbo_serialization", serializationName(cell.secondLabel));
      break;
    case Metric.RESPONSES:
      if (cell.protocol == Protocol.DUBBO) writeLabel("dubbo_status", statusName(first));
      else writeWordLabel("dubbo_status", GRPC_STATUS_NAMES, first);
      writeWordLabel("dubbo_outcome", OUTCOME_NAMES, cell.secondLabel);
      break;
    case Metric.UNANSWERED:
      writeWordLabel("dubbo_closed_by", CLOSED_BY_NAMES, first);
      break;
    case Metric.EVENTS:
      writeWordLabel("dubbo_kind", EVENT_NAMES, first);
      writeWordLabel("dubbo_direction", DIRECTION_NAMES, cell.secondLabel);
      break;
    case Metric.UNMATCHED_RESPONSES:
      writeWordLabel("dubbo_direction", DIRECTION_NAMES, first);
      break;
    case Metric.DECODE_ERRORS:
      writeWordLabel("dubbo_reason", REASON_NAMES, first);
      break;
    case Metric.UNREWRITTEN:
    case Metric.REFUSED_CONNECTIONS:
      writeWordLabel("dubbo_reason", OBSTACLE_NAMES, first);
      break;
    default:
      break;
  }
  writeText("dubbo_");
  writeWord(METRIC_NAMES, metric);
  let type = isGauge(metric) ? MetricType.GAUGE : MetricType.COUNTER;
  if (metric == Metric.DURATION) {
    writeText(inMicroseconds ? "microseconds" : "milliseconds");
    type = MetricType.HISTOGRAM;
  }
  cell.metricId = define(type, writtenStart(), writtenLength());
  cell.isDefined = true;
}

function writeSeriesLabels(series: Series, protocol: Protocol): void {
  let name = series.names;
  if (series.interfaceLength != 0) {
    writeWireLabel("dubbo_interface", name, series.interfaceLength);
    name += series.interfaceLength;
  }
  if (series.methodLength != 0) {
    writeWireLabel("dubbo_method", name, series.methodLength);
    name += series.methodLength;
  }
  if (series.versionLength != 0) {
    writeWireLabel("dubbo_version", name, series.versionLength);
    name += series.versionLength;
  }
  if (series.groupLength != 0) writeWireLabel("dubbo_group", name, series.groupLength);
  if (series.ruleLength != 0) writeWireLabel("dubbo_rule", name, series.ruleLength);
  writeWordLabel("dubbo_side", SIDE_NAMES, series.side);
  writeWordLabel("dubbo_protocol", PROTOCOL_NAMES, protocol);
}
