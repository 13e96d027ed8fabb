// Whether an empty list is to be believed. One soon after a connection is not, unless the list has been seen
// with something in it since: a server that came back with nothing, and providers that have not registered
// anew yet. It is asked again when that time is over.

/** What was last believed of a list. */
export class KnownList {
  count = 0;
  /** By which connection. */
  connection = 0;
}

/** For one connection after another. */
export class EmptyProtection {
  readonly #ms: number;
  readonly #log: (line: string) => void;
  readonly #timers = new Set<NodeJS.Timeout>();
  #connections = 0;
  #connectedAt = 0;
  #kept = 0;

  /** @param ms for how long after a new connection an empty list is not believed */
  constructor(ms: number, log: (line: string) => void) {
    this.#ms = ms;
    this.#log = log;
  }

  /** There is a new connection. */
  connected(): void {
    this.#connections++;
    this.#connectedAt = Date.now();
  }

  /** Lists that were not believed. */
  get kept(): number {
    return this.#kept;
  }

  /**
   * Whether a list of so many is to be believed; what is, is noted in `known`.
   *
   * @param again is called when it is to be asked for once more
   */
  believes(what: string, count: number, known: KnownList, again: () => void): boolean {
    const left = this.#connectedAt + this.#ms - Date.now();
    const isOld = known.count > 0 && known.connection !== this.#connections;
    if (count > 0 || !isOld || left <= 0) {
      known.count = count;
      known.connection = this.#connections;
      return true;
    }
    this.#kept++;
    this.#log(`${what}: an empty list after a new connection; what was known stays`);
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      again();
    }, left);
    this.#timers.add(timer);
    return false;
  }

  /** Asks for nothing any more. */
  close(): void {
    for (const timer of this.#timers) clearTimeout(timer);
  }
}
