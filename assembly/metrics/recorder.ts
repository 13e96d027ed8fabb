/**
 * Adding to counters, and telling Envoy.
 *
 * A call only adds to cells in memory; `flush` tells Envoy what was added, on a tick and when a
 * connection ends. Only durations go to Envoy at once: its histograms take one value at a time.
 */
import { serializationName, statusName } from "../dubbo/tables";
import { define, increment, MetricType, NO_METRIC, record } from "../host/metrics";
import {
  startName,
  writeLabel,
  writeText,
  writeWireLabel,
  writtenLength,
  writtenStart,
} from "./label_writer";
import {
  callName,
  closedByName,
  directionName,
  eventName,
  isGauge,
  Metric,
  metricName,
  obstacleName,
  outcomeName,
  reasonName,
  sideName,
} from "./names";
import { Cell, Series } from "./series";

const NANOSECONDS_IN_MICROSECOND: u64 = 1000;
const NANOSECONDS_IN_MILLISECOND: u64 = 1000000;


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
    const cell = series.cell(key);
    cell.pending += amount;
    if (cell.isDirty) return;
    cell.isDirty = true;
    cell.nextDirty = this.dirty;
    this.dirty = cell;
  }

  /** Records that a call of `series` was answered after `nanoseconds`. */
  recordDuration(series: Series, nanoseconds: u64): void {
    if (!this.tellsAll) return;
    const micros = this.durationInMicroseconds;
    if (!series.durationDefined) {
      startName();
      writeSeriesLabels(series);
      writeText(metricName(Metric.DURATION));
      writeText(micros ? "microseconds" : "milliseconds");
      series.durationId = define(MetricType.HISTOGRAM, writtenStart(), writtenLength());
      series.durationDefined = true;
    }
    if (series.durationId == NO_METRIC) return;
    const unit = micros ? NANOSECONDS_IN_MICROSECOND : NANOSECONDS_IN_MILLISECOND;
    record(series.durationId, nanoseconds / unit);
  }

  /** Tells Envoy all that was added since the last flush. */
  flush(): void {
    let cell = this.dirty;
    this.dirty = null;
    while (cell) {
      const next = cell.nextDirty;
      cell.nextDirty = null;
      cell.isDirty = false;
      const amount = cell.pending;
      cell.pending = 0;
      if (!cell.isDefined && (this.tellsAll || cell.metric == Metric.GUARDED)) defineCell(cell);
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

function defineCell(cell: Cell): void {
  startName();
  writeSeriesLabels(cell.series);
  const first = cell.firstLabel;
  const metric = cell.metric;
  switch (metric) {
    case Metric.REQUESTS:
      writeLabel("dubbo_call", callName(first));
      writeLabel("dubbo_serialization", serializationName(cell.secondLabel));
      break;
    case Metric.RESPONSES:
      writeLabel("dubbo_status", statusName(first));
      writeLabel("dubbo_outcome", outcomeName(cell.secondLabel));
      break;
    case Metric.UNANSWERED:
      writeLabel("dubbo_closed_by", closedByName(first));
      break;
    case Metric.EVENTS:
      writeLabel("dubbo_kind", eventName(first));
      writeLabel("dubbo_direction", directionName(cell.secondLabel));
      break;
    case Metric.UNMATCHED_RESPONSES:
      writeLabel("dubbo_direction", directionName(first));
      break;
    case Metric.DECODE_ERRORS:
      writeLabel("dubbo_reason", reasonName(first));
      break;
    case Metric.UNREWRITTEN:
    case Metric.REFUSED_CONNECTIONS:
      writeLabel("dubbo_reason", obstacleName(first));
      break;
    default:
      break;
  }
  writeText(metricName(metric));
  const type = isGauge(metric) ? MetricType.GAUGE : MetricType.COUNTER;
  cell.metricId = define(type, writtenStart(), writtenLength());
  cell.isDefined = true;
}

function writeSeriesLabels(series: Series): void {
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
  writeLabel("dubbo_side", sideName(series.side));
  writeLabel("dubbo_protocol", "dubbo");
}
