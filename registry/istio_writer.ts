// Keeps ServiceEntries in a Kubernetes API server as the registry has its services: by server-side apply,
// each when it is another, and removed when the service has nobody left. Of several copies of the program
// one writes (lease.ts). What has the program's label is its own, whichever copy or run made it.

import { hostname } from "node:os";
import type { Directory } from "./directory.ts";
import { serviceEntries, type KubernetesObject } from "./istio_resources.ts";
import { Candidate, type LeaseStore } from "./lease.ts";
import { refresh } from "./refresh.ts";

/** How the writer is doing, for /metrics. */
export interface IstioState {
  /** 1 in the copy that writes. */
  leader: number;
  /** ServiceEntries that are there by what the program knows. */
  entries: number;
  applied: number;
  removed: number;
  failures: number;
}

/** What it asks of the API server: kubernetes_api.ts. */
export interface EntryStore extends LeaseStore {
  entries(): Promise<KubernetesObject[]>;
  apply(entry: KubernetesObject): Promise<void>;
  remove(name: string): Promise<void>;
}

/** What else it is told. */
export interface IstioOptions {
  namespace: string;
  /**
   * For how long after its start entries of an earlier run stay whose services it has not seen yet, in ms:
   * a registry that has lost its data fills again.
   */
  emptyProtectionMs: number;
  log: (line: string) => void;
}

/** So many requests at once. */
const PARALLEL = 8;
const RETRY_MS = 1000;
const LONGEST_RETRY_MS = 30_000;
/** So often it is looked at what is really there: somebody may have changed or removed one. */
const LOOK_MS = 60_000;

/** It writes from `start` to `close`. */
export class IstioWriter {
  readonly #directory: Directory;
  readonly #store: EntryStore;
  readonly #options: IstioOptions;
  readonly #candidate: Candidate;
  readonly #ended = new AbortController();
  readonly #counts = { applied: 0, removed: 0, failures: 0 };
  readonly #startedAt = Date.now();
  /** What is to be there, by name. */
  #wanted = new Map<string, KubernetesObject>();
  /** All that was ever to be there in this run. */
  readonly #seen = new Set<string>();
  /** What is there, as JSON by name; undefined while nobody has looked. */
  #there: Map<string, string> | undefined;
  #lookedAt = 0;
  #wake: () => void = () => {};
  #end: (() => void) | undefined;
  #running: Promise<void> | undefined;

  constructor(directory: Directory, store: EntryStore, options: IstioOptions) {
    this.#directory = directory;
    this.#store = store;
    this.#options = options;
    const identity = `${hostname()}_${process.pid}_${Math.random().toString(36).slice(2, 8)}`;
    this.#candidate = new Candidate(store, identity, options.log);
  }

  get state(): IstioState {
    const leader = Number(this.#candidate.isLeader);
    return { leader, entries: this.#there?.size ?? 0, ...this.#counts };
  }

  /** Call it when the directory is full: what is not in it is removed. */
  start(): void {
    const { namespace, log } = this.#options;
    this.#end = refresh(
      this.#directory,
      (services) => {
        const entries = serviceEntries(services, namespace);
        this.#wanted = new Map(entries.map((one) => [one.metadata.name, one]));
        for (const name of this.#wanted.keys()) this.#seen.add(name);
        this.#wake();
      },
      log,
    );
    this.#candidate.start(() => {
      this.#there = undefined;
      this.#wake();
    });
    this.#running = this.#run();
  }

  /** Writes no more; the entries stay. */
  async close(): Promise<void> {
    this.#end?.();
    this.#ended.abort();
    this.#wake();
    await this.#running;
    await this.#candidate.close();
  }

  async #run(): Promise<void> {
    const { signal } = this.#ended;
    let retry = RETRY_MS;
    while (!signal.aborted) {
      const woken = new Promise<void>((resolve) => (this.#wake = resolve));
      let pause = LOOK_MS;
      try {
        if (this.#candidate.isLeader) pause = await this.#write();
        retry = RETRY_MS;
      } catch (error) {
        this.#counts.failures++;
        this.#options.log(`not written: ${(error as Error).message}`);
        pause = retry;
        retry = Math.min(2 * retry, LONGEST_RETRY_MS);
      }
      const timer = setTimeout(this.#wake, pause);
      await woken;
      clearTimeout(timer);
    }
  }

  // Returns when to look again at the latest, in ms.
  async #write(): Promise<number> {
    if (this.#there === undefined || Date.now() - this.#lookedAt >= LOOK_MS) {
      const entries = await this.#store.entries();
      this.#there = new Map(entries.map((one) => [one.metadata.name, textOf(one)]));
      this.#lookedAt = Date.now();
    }
    const there = this.#there;
    const work: (() => Promise<void>)[] = [];
    for (const [name, entry] of this.#wanted) {
      const text = textOf(entry);
      if (there.get(name) === text) continue;
      work.push(async () => {
        await this.#store.apply(entry);
        there.set(name, text);
        this.#counts.applied++;
      });
    }
    const protectedFor = this.#startedAt + this.#options.emptyProtectionMs - Date.now();
    let isLeft = false;
    for (const name of there.keys()) {
      if (this.#wanted.has(name)) continue;
      if (protectedFor > 0 && !this.#seen.has(name)) {
        isLeft = true;
        continue;
      }
      work.push(async () => {
        await this.#store.remove(name);
        there.delete(name);
        this.#counts.removed++;
      });
    }
    for (let i = 0; i < work.length && this.#candidate.isLeader; i += PARALLEL) {
      await Promise.all(work.slice(i, i + PARALLEL).map((one) => one()));
    }
    return isLeft ? Math.min(protectedFor, LOOK_MS) : LOOK_MS;
  }
}

// The API server orders keys as it likes, and adds what it likes to metadata.
function textOf({ metadata, spec }: KubernetesObject): string {
  return JSON.stringify(sorted({ labels: metadata.labels, spec }));
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, its]) => [key, sorted(its)]));
}
