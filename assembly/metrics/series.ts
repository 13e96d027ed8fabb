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
  /** What was added and not yet told to the host. */
  pending: i64;
  /** The next cell of the same series, of those that do not lie behind it. */
  next: Cell | null;
  /** The next cell that waits for a flush. */
  nextDirty: Cell | null;
  series: Series;
  key: u32;
  /** The host's id; none before `isDefined`. */
  metricId: u32;
  isDefined: bool;
  isDirty: bool;

  /** Makes a cell of the `CELL_SIZE` bytes at `block`. */
  static at(block: usize, series: Series, key: u32): Cell {
    memory.fill(block, 0, CELL_SIZE);
    const cell = changetype<Cell>(block);
    cell.series = series;
    cell.key = key;
    cell.metricId = NO_METRIC;
    return cell;
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

/** Bytes of a cell in a row of them: half a line of the processor's cache. */
const CELL_SIZE: u32 = (<u32>offsetof<Cell>() + 7) & ~7;
/**
 * Metrics below this number, which every call counts, have a cell behind the series itself: with many
 * names a call waits for memory more than for anything else.
 */
const OWN_CELLS: u32 = 6;
const CELLS_AT: u32 = (<u32>offsetof<Series>() + 7) & ~7;
/** The key of a cell behind its series that is not used yet; no metric has the number 255. */
const NO_KEY: u32 = 0xffffffff;


@unmanaged
@final
export class Series {
  /** For the registry's table of series. */
  hash: u32;
  hashNext: Series | null;
  /** The next of all series of the registry. */
  next: Series | null;
  /** The names' bytes: interface, method, version, group, one behind the other. */
  names: usize;
  interfaceLength: u32;
  methodLength: u32;
  versionLength: u32;
  groupLength: u32;
  /** A rule's name, which then is the only name. */
  ruleLength: u32;
  side: Side;
  /** All cells but its own ones. */
  private cells: Cell | null;
  // Its own cells lie behind it, by their metric's number: the first key of each metric has one.

  /** A series without names. */
  static of(side: Side): Series {
    const block = heap.alloc(CELLS_AT + OWN_CELLS * CELL_SIZE);
    memory.fill(block, 0, CELLS_AT);
    const series = changetype<Series>(block);
    series.side = side;
    for (let metric: u32 = 0; metric < OWN_CELLS; metric++) {
      Cell.at(series.ownCell(metric), series, NO_KEY);
    }
    return series;
  }

  /** The series of a rule called `name`. */
  static ofRule(name: string): Series {
    const series = Series.of(Side.CONSUMER);
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
    if (metric < OWN_CELLS) {
      const own = changetype<Cell>(this.ownCell(metric));
      if (own.key == key) return own;
    }
    return this.findCell(key);
  }


  @inline
  private ownCell(metric: u32): usize {
    return changetype<usize>(this) + CELLS_AT + <usize>metric * CELL_SIZE;
  }

  private findCell(key: u32): Cell {
    const metric = key & 0xff;
    if (metric < OWN_CELLS) {
      const own = changetype<Cell>(this.ownCell(metric));
      if (own.key == NO_KEY) {
        own.key = key;
        return own;
      }
    }
    let cell = this.cells;
    while (cell) {
      if (cell.key == key) return cell;
      cell = cell.next;
    }
    const made = Cell.at(heap.alloc(CELL_SIZE), this, key);
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
