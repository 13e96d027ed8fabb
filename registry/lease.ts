// Which of several copies of the program writes: the one that holds a Lease of Kubernetes'
// (coordination.k8s.io/v1), as Kubernetes' own controllers have it.
//
// The holder renews it; the others look on, and take it when it has not changed for as long as it says,
// by their own clock: no two machines' clocks are compared. The API server takes an update only of
// what was read last, so of two that want it one gets it.

import { setTimeout as sleep } from "node:timers/promises";

/** What a Lease says. */
export interface LeaseSpec {
  holderIdentity?: string;
  leaseDurationSeconds?: number;
  acquireTime?: string;
  renewTime?: string;
  leaseTransitions?: number;
}

/** A Lease as the API server has it. */
export interface Lease {
  /** The API server's word for what was read; an update of something else is refused. */
  version: string;
  spec: LeaseSpec;
}

/** Where it is kept. */
export interface LeaseStore {
  read(): Promise<Lease>;
  /** Rejects where it is another by now. */
  replace(lease: Lease): Promise<void>;
}

/** As Kubernetes' own controllers: how long it holds, and until when a holder that cannot renew goes on. */
const HOLDS_SECONDS = 15;
const GIVE_UP_MS = 10_000;
const RENEW_MS = 2000;

/** Takes part from `start` to `close`. */
export class Candidate {
  readonly #store: LeaseStore;
  readonly #identity: string;
  readonly #log: (line: string) => void;
  readonly #ended = new AbortController();
  #isLeader = false;
  #renewedAt = 0;
  /** What was seen of another's, and since when by this clock. */
  #seen = "";
  #seenAt = 0;
  #failure = "";
  #running: Promise<void> | undefined;

  /** @param identity no other copy's */
  constructor(store: LeaseStore, identity: string, log: (line: string) => void) {
    this.#store = store;
    this.#identity = identity;
    this.#log = log;
  }

  /** Whether this copy is to write. */
  get isLeader(): boolean {
    return this.#isLeader && Date.now() - this.#renewedAt < GIVE_UP_MS;
  }

  /** @param changed is called when it has become the one that writes, or is it no more */
  start(changed: () => void): void {
    this.#running = this.#run(changed);
  }

  /** Takes part no more, and gives up what it holds, so that another need not wait. */
  async close(): Promise<void> {
    this.#ended.abort();
    await this.#running;
    if (!this.isLeader) return;
    this.#isLeader = false;
    try {
      const { version, spec } = await this.#store.read();
      if (spec.holderIdentity !== this.#identity) return;
      await this.#store.replace({
        version,
        spec: { ...spec, holderIdentity: "", leaseDurationSeconds: 1 },
      });
    } catch (error) {
      this.#log(`lease: not given up: ${(error as Error).message}`);
    }
  }

  async #run(changed: () => void): Promise<void> {
    const { signal } = this.#ended;
    let was = false;
    while (!signal.aborted) {
      try {
        this.#isLeader = await this.#try();
        this.#failure = "";
      } catch (error) {
        const { message } = error as Error;
        if (message !== this.#failure) this.#log(`lease: ${message}`);
        this.#failure = message;
      }
      if (this.isLeader !== was) {
        was = this.isLeader;
        this.#log(was ? "lease: this copy writes" : "lease: this copy writes no more");
        changed();
      }
      await sleep(RENEW_MS, undefined, { signal }).catch(() => {});
    }
  }

  async #try(): Promise<boolean> {
    const { version, spec } = await this.#store.read();
    const { holderIdentity = "", leaseDurationSeconds = 0, leaseTransitions = 0 } = spec;
    const isMine = holderIdentity === this.#identity;
    if (!isMine && holderIdentity !== "") {
      const seen = `${version} ${holderIdentity}`;
      if (seen !== this.#seen) {
        this.#seen = seen;
        this.#seenAt = Date.now();
      }
      if (Date.now() - this.#seenAt < leaseDurationSeconds * 1000) return false;
    }
    const began = Date.now();
    // Of six digits after the point (MicroTime).
    const now = new Date(began).toISOString().replace("Z", "000Z");
    await this.#store.replace({
      version,
      spec: {
        holderIdentity: this.#identity,
        leaseDurationSeconds: HOLDS_SECONDS,
        acquireTime: isMine && spec.acquireTime !== undefined ? spec.acquireTime : now,
        renewTime: now,
        leaseTransitions: isMine ? leaseTransitions : leaseTransitions + 1,
      },
    });
    this.#renewedAt = began;
    return true;
  }
}
