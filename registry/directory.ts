// Who serves what, as all readers together tell it; writers are told of each change.

import { serviceKey, type Instance } from "./instance.ts";
import { Rules, type Rule } from "./rules.ts";

/** Called after the directory has changed; many changes of one moment are one call. */
export type Listener = () => void;

/** So long changes are gathered: a provider registers its interfaces one by one. */
const GATHER_MS = 20;

/**
 * Ranks. A provider that registers at both levels says more of itself at interface level: there an
 * interface can have a weight of its own.
 */
export const APPLICATION_LEVEL = 0;
export const INTERFACE_LEVEL = 1;

/** The model at work. A reader tells it, per place where it reads, all that is there now. */
export class Directory {
  readonly #places = new Map<string, { instances: Instance[]; rank: number }>();
  readonly #rules = new Rules();
  readonly #known = new Set<string>();
  readonly #listeners: Listener[] = [];
  #told = new Map<string, Instance[]>();
  #timer: NodeJS.Timeout | undefined;

  /**
   * All instances in one place, instead of those before.
   *
   * @param place the reader's own name for it, e.g. "zookeeper 127.0.0.1:2181 application user"
   * @param rank of two places that tell of one address the one of the higher rank is believed
   */
  set(place: string, instances: Instance[], rank: number): void {
    this.#places.set(place, { instances, rank });
    for (const one of instances) this.#known.add(serviceKey(one));
    this.#tell();
  }

  /** All rules of one place, instead of those before. */
  setRules(place: string, rules: Rule[]): void {
    this.#rules.set(place, rules);
    this.#tell();
  }

  /** How many rules there are. */
  get rules(): number {
    return this.#rules.count;
  }

  #tell(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      for (const listener of this.#listeners) listener();
    }, GATHER_MS);
  }

  /** Has a listener called after each change from now on. */
  onChange(listener: Listener): void {
    this.#listeners.push(listener);
  }

  /**
   * Instances by `serviceKey`, each address once, sorted by address, as the rules have them. A service that has lost its last
   * instance stays, empty: its callers are told so, not that there is no such service. One of which nothing
   * has changed is the same array as before.
   */
  services(): Map<string, Instance[]> {
    const services = new Map<string, Map<string, Instance>>();
    for (const key of [...this.#known].sort()) services.set(key, new Map());
    const places = [...this.#places.values()].sort((a, b) => a.rank - b.rank);
    for (const { instances } of places) {
      for (const one of instances) {
        services.get(serviceKey(one))!.set(`${one.protocol} ${one.address} ${one.port}`, one);
      }
    }
    const sorted = (byAddress: Map<string, Instance>) =>
      [...byAddress].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, one]) => this.#rules.apply(one));
    const before = this.#told;
    this.#told = new Map(
      [...services].map(([key, byAddress]) => {
        const [now, then] = [sorted(byAddress), before.get(key)];
        return [key, then !== undefined && isSame(now, then) ? then : now];
      }),
    );
    return this.#told;
  }

  /** Forgets changes that nobody was told of yet. */
  close(): void {
    clearTimeout(this.#timer);
  }
}

function isSame(a: Instance[], b: Instance[]): boolean {
  return a.length === b.length && a.every((one, i) => one === b[i]);
}
