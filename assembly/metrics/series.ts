/**
 * Everything that is counted under one set of names: an interface, a method, a side; or a rule.
 *
 * A series keeps its names as they came and finds its cells; registry.ts makes series. One cell is one
 * counter, gauge or histogram of Envoy's, with what was added to it since Envoy was last told. Cells of a series
 * are told apart by a key, the metric and up to two label values, all small numbers:
 *
 *     key   bits 0–7 metric   bits 8–15 first label   bits 16–23 second label   bits 24–31 protocol
 */
import { NO_METRIC } from "../host/metrics";
import { MAX_VALUE } from "../call/cleaned";
import { Span } from "../wire/span";
import { NAME_COUNT } from "../call/names";
import { Protocol, Side } from "../call/vocabulary";
import { Metric } from "./definitions";

/** One metric of Envoy's. */
@unmanaged
@final
export class Cell {
  /** What was added and not yet told to the host. */
  pending: i64;
  /** The next cell of the same series, of those that do not lie after it. */
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

/** The number of a rule's name in a series, after those of calls. */
export const RULE_PART: u32 = NAME_COUNT;

/** Bytes of a cell in a row of them: half a line of the processor's cache. */
const CELL_SIZE: u32 = (<u32>offsetof<Cell>() + 7) & ~7;
/**
 * Metrics up to this one, which every call counts, have a cell after the series itself: with many names
 * a call waits for memory more than for anything else.
 */
const OWN_CELLS: u32 = (Metric.RESPONSE_BYTES as u32) + 1;
const CELLS_AT: u32 = (<u32>offsetof<Series>() + 7) & ~7;
/** The key of a cell after its series that is not used yet; no metric has the number 255. */
const NO_KEY: u32 = 0xffffffff;

/** One set of names, and what is counted under it. */
@unmanaged
@final
export class Series {
  /** For the registry's table of series. */
  hash: u32;
  hashNext: Series | null;
  /** The next of all series of the registry. */
  next: Series | null;
  /** The names' bytes, one after the other in the order of `Name` and, after them, a rule's. */
  names: usize;
  /** How many bytes each has: a byte for each, in the same order; see `lengthOf`. */
  lengths: u64;
  side: Side;
  /** All cells but its own ones. */
  private cells: Cell | null;
  // Its own cells lie after it, by their metric's number: the first key of each metric has one.

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

  /** The series of a rule called `name`, in UTF-8 and at most `MAX_VALUE` bytes long. */
  static ofRule(name: Span): Series {
    const series = Series.of(Side.CONSUMER);
    const length = min<u32>(name.length, MAX_VALUE);
    series.names = heap.alloc(length);
    memory.copy(series.names, name.start, length);
    series.lengths = (<u64>length) << (RULE_PART << 3);
    return series;
  }

  /** How many bytes the name with this number has; `RULE_PART` is a rule's. */
  @inline
  lengthOf(part: u32): u32 {
    return (<u32>(this.lengths >> (part << 3))) & 0xff;
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

  /** The address of its own cell of `metric`, which is below `OWN_CELLS`. */
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
