/**
 * Everything that is counted under one set of names: an interface, a method, a side.
 *
 * A series keeps its names as they came and finds its cells; registry.ts makes series. One cell is one
 * counter, gauge or histogram of Envoy's, with what was added to it since Envoy was last told. Cells of a series
 * are told apart by a key, the metric and up to two label values, all small numbers:
 *
 *     key   bits 0–7 metric   bits 8–15 first label   bits 16–23 second label   bits 24–31 protocol
 */
import { NO_METRIC } from "../host/metrics";
import { Metric, Protocol, Side } from "./names";


@unmanaged
@final
export class Cell {
  /** The next cell of the same series. */
  next: Cell | null = null;
  /** The next cell that waits for a flush. */
  nextDirty: Cell | null = null;
  series: Series;
  key: u32;
  /** The host's id; none before `isDefined`. */
  metricId: u32 = NO_METRIC;
  isDefined: bool = false;
  isDirty: bool = false;
  /** What was added and not yet told to the host. */
  pending: i64 = 0;

  constructor(series: Series, key: u32) {
    this.series = series;
    this.key = key;
  }

  get metric(): Metric {
    return <Metric>(this.key & 0xff);
  }

  get firstLabel(): u32 {
    return (this.key >> 8) & 0xff;
  }

  get secondLabel(): u32 {
    return (this.key >> 16) & 0xff;
  }

  get protocol(): Protocol {
    return <Protocol>(this.key >> 24);
  }
}

/** Makes a cell's key of a metric, the numbers of its label values, each below 256, and its protocol. */
// @ts-ignore: decorator
@inline
export function cellKey(
  metric: Metric,
  firstLabel: u32 = 0,
  secondLabel: u32 = 0,
  protocol: Protocol = Protocol.DUBBO,
): u32 {
  return (metric as u32) | (firstLabel << 8) | (secondLabel << 16) | ((protocol as u32) << 24);
}

/** Metrics below this number, which every call counts, have their last cell at hand. */
const LAST_CELLS: u32 = 6;


@unmanaged
@final
export class Series {
  /** For the registry's table of series. */
  hash: u32 = 0;
  hashNext: Series | null = null;
  /** The next of all series of the registry. */
  next: Series | null = null;
  /** The names' bytes: interface, method, version, group, one behind the other. */
  names: usize = 0;
  interfaceLength: u32 = 0;
  methodLength: u32 = 0;
  versionLength: u32 = 0;
  groupLength: u32 = 0;
  /** A rule's name, which then is the only name. */
  ruleLength: u32 = 0;
  side: Side;
  private cells: Cell | null = null;
  // The cell used last of each metric that every call counts, by the metric's number.
  private last0: Cell | null = null;
  private last1: Cell | null = null;
  private last2: Cell | null = null;
  private last3: Cell | null = null;
  private last4: Cell | null = null;
  private last5: Cell | null = null;

  constructor(side: Side) {
    this.side = side;
  }

  /** The series of a rule called `name`. */
  static ofRule(name: string): Series {
    const series = new Series(Side.CONSUMER);
    const bytes = String.UTF8.encode(name);
    series.names = heap.alloc(bytes.byteLength);
    memory.copy(series.names, changetype<usize>(bytes), bytes.byteLength);
    series.ruleLength = bytes.byteLength;
    return series;
  }

  /** The cell with this key, made if it is not there yet. */
  @inline
  cell(key: u32): Cell {
    const metric = key & 0xff;
    if (metric >= LAST_CELLS) return this.findCell(key);
    const last = changetype<usize>(this) + offsetof<Series>("last0") + ((<usize>metric) << 2);
    const used = changetype<Cell | null>(load<usize>(last));
    if (used && used.key == key) return used;
    const found = this.findCell(key);
    store<usize>(last, changetype<usize>(found));
    return found;
  }

  private findCell(key: u32): Cell {
    let cell = this.cells;
    while (cell) {
      if (cell.key == key) return cell;
      cell = cell.next;
    }
    const made = new Cell(this, key);
    made.next = this.cells;
    this.cells = made;
    return made;
  }

  /** Gives the series and its cells back. */
  free(): void {
    let cell = this.cells;
    while (cell) {
      const next = cell.next;
      heap.free(changetype<usize>(cell));
      cell = next;
    }
    if (this.names != 0) heap.free(this.names);
    heap.free(changetype<usize>(this));
  }
}
