// The metrics that a module defines, with Envoy's ids and refusals and some of our own.
// Names are kept as the module gave them; cutting labels out of them is labels.ts.

import { MetricType } from "./abi.ts";
import { HostError } from "./errors.ts";
import { seriesKey } from "./labels.ts";

/** How many recorded values a histogram keeps, for tests that look at each. */
const KEPT_VALUES = 1024;
/** Longest name, in UTF-16 units, that is not taken for a fault of the module. */
const MAX_NAME = 4096;

/** What a histogram recorded; `values` holds the first thousand or so. */
export interface Histogram {
  count: number;
  sum: number;
  values: number[];
}

/** One metric under the name that the module gave it. */
export interface Series {
  readonly name: string;
  readonly type: number;
  value: number;
  readonly histogram: Histogram;
}

/** All series of one Envoy: workers (VMs) that define the same name add to the same series. */
export class MetricStore {
  readonly #series = new Map<string, Series>();

  define(type: number, name: string): Series {
    const present = this.#series.get(name);
    if (present !== undefined) {
      if (present.type === type) return present;
      throw new HostError(`metric ${name} is of type ${present.type}, defined again as ${type}`);
    }
    if (name.length === 0 || name.length > MAX_NAME) {
      throw new HostError(`a metric's name of ${name.length} characters: ${name.slice(0, 200)}`);
    }
    // A control character would break a line of the metrics page.
    if (/[\u0000-\u001f\u007f]/.test(name)) {
      throw new HostError(`control character in the metric's name ${JSON.stringify(name)}`);
    }
    const series = { name, type, value: 0, histogram: { count: 0, sum: 0, values: [] } };
    this.#series.set(name, series);
    return series;
  }

  /** How many different names have been defined: Envoy never frees one. */
  get size(): number {
    return this.#series.size;
  }

  /** The series as Prometheus would show them, labels cut with one regex per name in `labels`. */
  read(labels: readonly string[]): Map<string, number | Histogram> {
    const read = new Map<string, number | Histogram>();
    for (const series of this.#series.values()) {
      const key = seriesKey(series.name, labels);
      if (read.has(key)) throw new HostError(`two metrics are the same series ${key}`);
      const { count, sum, values } = series.histogram;
      const isHistogram = series.type === MetricType.Histogram;
      read.set(key, isHistogram ? { count, sum, values: values.slice() } : series.value);
    }
    return read;
  }
}

/** The metric ids of one VM. As in Envoy each definition gives a new id, also of the same name. */
export class MetricTable {
  readonly #store: MetricStore;
  /** Series by type and by id divided by four; the first id of a type is four plus the type. */
  readonly #byType: [(Series | null)[], (Series | null)[], (Series | null)[]] = [
    [null],
    [null],
    [null],
  ];

  constructor(store: MetricStore) {
    this.#store = store;
  }

  define(type: number, name: string): number {
    const table = this.#byType[type];
    if (table === undefined) throw new HostError(`metric ${name} has the unknown type ${type}`);
    return table.push(this.#store.define(type, name)) * 4 - 4 + type;
  }

  increment(id: number, offset: number): void {
    const series = this.#find(id);
    if (series.type === MetricType.Histogram) {
      throw new HostError(`histogram ${series.name} incremented by ${offset}: Envoy refuses`);
    }
    if (series.type === MetricType.Counter && offset <= 0) {
      throw new HostError(`counter ${series.name} incremented by ${offset}: Envoy refuses`);
    }
    this.#setValue(series, series.value + offset);
  }

  record(id: number, value: number): void {
    const series = this.#find(id);
    if (value < 0 || !Number.isSafeInteger(value)) {
      throw new HostError(`${series.name} records ${value}: not a whole number from 0`);
    }
    if (series.type === MetricType.Counter) {
      throw new HostError(`counter ${series.name} recorded: Envoy would add; increment it instead`);
    }
    if (series.type === MetricType.Gauge) return this.#setValue(series, value);
    const histogram = series.histogram;
    histogram.count++;
    histogram.sum += value;
    if (histogram.values.length < KEPT_VALUES) histogram.values.push(value);
  }

  /** A counter's or gauge's value; undefined for a histogram, where Envoy answers BadArgument. */
  value(id: number): number | undefined {
    const series = this.#find(id);
    return series.type === MetricType.Histogram ? undefined : series.value;
  }

  #setValue(series: Series, value: number): void {
    // Envoy's gauges are unsigned: below zero they turn into a huge number.
    if (value < 0) throw new HostError(`gauge ${series.name} falls to ${value}`);
    series.value = value;
  }

  #find(id: number): Series {
    const series = this.#byType[id & 3]?.[id >>> 2];
    if (series === undefined || series === null) throw new HostError(`no metric has the id ${id}`);
    return series;
  }
}
