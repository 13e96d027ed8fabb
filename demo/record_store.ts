// Keeps records in memory, for whatever protocol asks: what was set is given back, with who gives it
// and the time now.

import type { Pod } from "./pod.ts";
import type { DemoRecord } from "./record.ts";

// What a client chooses does not grow this process without bound.
const MAX_RECORDS = 10_000;

/** The records of one service. */
export class RecordStore {
  readonly #names = new Map<string, string>();
  readonly #by: Pod & Pick<DemoRecord, "service" | "type">;

  /** `service` is the name of who serves, `type` what is kept, e.g. "user-provider" and "user". */
  constructor(service: string, type: string, pod: Pod) {
    this.#by = { ...pod, service, type };
  }

  /** The record that was set, or one named "hello" where none was. */
  get(id: string): DemoRecord {
    return this.#record(id, this.#names.get(id) ?? "hello");
  }

  /** Keeps the name, and gives the record as it is kept. */
  set(id: string, name: string): DemoRecord {
    this.#names.set(id, name);
    // The oldest goes.
    if (this.#names.size > MAX_RECORDS) this.#names.delete(this.#names.keys().next().value ?? id);
    return this.#record(id, name);
  }

  #record(id: string, name: string): DemoRecord {
    return { id, name, ...this.#by, time: new Date() };
  }
}
