// When all has been read once: what was asked for, and what was asked for because of that.

/** It is over when nothing is held any more; hold something before it begins. */
export class Settled {
  #pending = 0;
  #settle: (() => void) | undefined;
  /** Resolved then. */
  readonly done = new Promise<void>((resolve) => (this.#settle = resolve));

  /** Waits for this too, however it ends. */
  hold(until: Promise<unknown>): void {
    this.#pending++;
    const end = () => {
      this.#pending--;
      if (this.#pending === 0) this.#settle?.();
    };
    until.then(end, end);
  }
}
