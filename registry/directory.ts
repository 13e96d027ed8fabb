// Who serves what, as all readers together tell it; writers are told of each change.

import { serviceKey, type Instance } from "./instance.ts";

/** Called after the directory has changed; many changes of one moment are one call. */
export type Listener = () => void;

/** So long changes are gathered: a provider registers its interfaces one by one. */
const GATHER_MS = 20;

/** The model at work. A reader tells it, per place where it reads, all that is there now. */
export class Directory {
  readonly #places = new Map<string, Instance[]>();
  readonly #known = new Set<string>();
  readonly #listeners: Listener[] = [];
  #timer: NodeJS.Timeout | undefined;

  /**
   * All instances in one place, instead of those before.
   *
   * @param place the reader's own name for it, e.g. "zookeeper 127.0.0.1:2181 com.k8s.User.UserProvider"
   */
  set(place: string, instances: Instance[]): void {
    this.#places.set(place, instances);
    for (const one of instances) this.#known.add(serviceKey(one));
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
   * Instances by `serviceKey`, each address once, sorted by address. A service that has lost its last
   * instance stays, empty: its callers are told so, not that there is no such service.
   */
  services(): Map<string, Instance[]> {
    const services = new Map<string, Map<string, Instance>>();
    for (const key of [...this.#known].sort()) services.set(key, new Map());
    for (const instances of this.#places.values()) {
      for (const one of instances) {
        services.get(serviceKey(one))!.set(`${one.protocol} ${one.address} ${one.port}`, one);
      }
    }
    const sorted = (byAddress: Map<string, Instance>) =>
      [...byAddress].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, one]) => one);
    return new Map([...services].map(([key, byAddress]) => [key, sorted(byAddress)]));
  }

  /** Forgets changes that nobody was told of yet. */
  close(): void {
    clearTimeout(this.#timer);
  }
}
