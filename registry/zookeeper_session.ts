// A session with one ensemble of ZooKeeper, and what is watched in it.
//
// A watch of ZooKeeper's tells once that something has changed, not what; so each is followed by a new
// question with a new watch. While there is no session nothing is heard and nobody is told anything: what
// was known stays. With each new connection all is asked again.

import zookeeper, { type Client, type ZooKeeperError } from "node-zookeeper-client";
import { EmptyProtection, type KnownList } from "./empty_protection.ts";
import { Settled } from "./settled.ts";

/** Where to connect. */
export interface SessionOptions {
  /** host:port of one server or, separated by commas, of several of one ensemble. */
  servers: string;
  /** For how long after a new connection an empty list is not believed, in ms. */
  emptyProtectionMs: number;
  /** A session that was not heard of for so long is given up, in ms; Dubbo's own is 60000. */
  sessionTimeoutMs: number;
  /** One line about what a person should know. */
  log: (line: string) => void;
}

/** How the session is doing, for /metrics. */
export interface SessionState {
  connected: boolean;
  connections: number;
  /** Sessions that the ensemble ended, or that were given up. */
  expired: number;
}

/** One node that is watched. */
export interface Watch {
  /** Asks now, whether anything has changed or not. */
  ask(): void;
  /** Nothing is told any more. */
  close(): void;
}

/** How long to wait before asking again what failed for another reason than the session's. */
const RETRY_MS = 1000;

type Question = (client: Client, ask: () => void, answer: Answer) => void;
type Answer = (error: ZooKeeperError | null, value: unknown) => void;

/** It connects at its construction. */
export class ZooKeeperSession {
  readonly state: SessionState = { connected: false, connections: 0, expired: 0 };
  readonly #protection: EmptyProtection;
  readonly #options: SessionOptions;
  readonly #watches = new Set<Watch>();
  readonly #timers = new Set<NodeJS.Timeout>();
  #client: Client;
  #giveUp: NodeJS.Timeout | undefined;
  readonly #settled = new Settled();

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#protection = new EmptyProtection(options.emptyProtectionMs, options.log);
    this.#client = this.#connect();
  }

  /** For messages and the names of places. */
  get servers(): string {
    return this.#options.servers;
  }

  /** One line for a person. */
  log(line: string): void {
    this.#options.log(line);
  }

  /** Tells the names below a node now and after each change; undefined while the node is not there. */
  children(path: string, told: (names: string[] | undefined) => void): Watch {
    return this.#watch(
      path,
      (client, ask, answer) => client.getChildren(path, ask, answer),
      (value) => told(value as string[] | undefined),
    );
  }

  /** Tells what stands in a node now and after each change; undefined while the node is not there. */
  data(path: string, told: (text: string | undefined) => void): Watch {
    return this.#watch(
      path,
      (client, ask, answer) =>
        client.getData(path, ask, (error, data) => answer(error, data ?? "")),
      (value) => told(value === undefined ? undefined : String(value)),
    );
  }

  /** What stands in a node now; undefined where it is not there. Rejects where it cannot be asked. */
  read(path: string): Promise<string | undefined> {
    return new Promise((resolve, reject) => {
      this.#client.getData(path, (error, data) => {
        if (!error) resolve(String(data ?? ""));
        else if (isNoNode(error)) resolve(undefined);
        else reject(error);
      });
    });
  }

  /** Whether a list of so many is to be believed: empty_protection.ts. */
  believes(what: string, count: number, known: KnownList, watch: Watch): boolean {
    return this.#protection.believes(what, count, known, () => watch.ask());
  }

  /** Lists that were empty soon after a connection and not believed. */
  get emptyListsKept(): number {
    return this.#protection.kept;
  }

  /** Resolved when all that was asked, and all that was asked because of it, has been answered once. */
  get settled(): Promise<void> {
    return this.#settled.done;
  }

  /** Lets `settled` wait for this too. */
  hold(until: Promise<unknown>): void {
    this.#settled.hold(until);
  }

  /** Ends the session. */
  close(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#protection.close();
    clearTimeout(this.#giveUp);
    this.#client.removeAllListeners();
    this.#client.close();
  }

  #connect(): Client {
    const { servers, sessionTimeoutMs: sessionTimeout } = this.#options;
    const client = zookeeper.createClient(servers, { sessionTimeout });
    client.on("connected", () => {
      clearTimeout(this.#giveUp);
      this.state.connected = true;
      this.state.connections++;
      this.#protection.connected();
      this.log(`zookeeper ${servers}: connected`);
      for (const watch of [...this.#watches]) watch.ask();
    });
    client.on("disconnected", () => {
      this.state.connected = false;
      this.log(`zookeeper ${servers}: disconnected; what was known stays`);
      // A server that has lost its data does not take a client that has seen more than it has, and
      // closes the connection without a word: the client would try for ever.
      clearTimeout(this.#giveUp);
      this.#giveUp = setTimeout(() => this.#renew("given up"), sessionTimeout);
    });
    client.on("expired", () => this.#renew("expired"));
    client.connect();
    return client;
  }

  // A client's session does not come again.
  #renew(why: string): void {
    clearTimeout(this.#giveUp);
    this.state.connected = false;
    this.state.expired++;
    this.log(`zookeeper ${this.servers}: session ${why}; what was known stays`);
    this.#client.removeAllListeners();
    this.#client.close();
    this.#client = this.#connect();
  }

  #watch(path: string, question: Question, told: (value: unknown) => void): Watch {
    let answered!: () => void;
    this.hold(new Promise<void>((resolve) => (answered = resolve)));
    const ask = () => {
      // Without a session nothing is tried: all is asked again with the next.
      if (!this.state.connected || !this.#watches.has(watch)) return;
      const client = this.#client;
      const isOld = () => client !== this.#client || !this.#watches.has(watch);
      question(client, ask, (error, value) => {
        if (isOld()) return;
        if (error !== null && !isNoNode(error)) return this.#retry(ask, error);
        // It may come between the two questions; then it is there, and asked for at once.
        if (error !== null) {
          client.exists(path, ask, (failure, stat) => {
            if (isOld()) return;
            if (stat) ask();
            else if (failure && !isNoNode(failure)) this.#retry(ask, failure);
          });
        }
        told(error === null ? value : undefined);
        answered();
      });
    };
    const close = () => {
      this.#watches.delete(watch);
      answered();
    };
    const watch: Watch = { ask, close };
    this.#watches.add(watch);
    ask();
    return watch;
  }

  #retry(what: () => void, error: ZooKeeperError): void {
    if (!this.state.connected) return;
    this.log(`zookeeper ${this.servers}: ${error.message}; again in a second`);
    this.#later(what, RETRY_MS);
  }

  #later(what: () => void, ms: number): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      what();
    }, ms);
    this.#timers.add(timer);
  }
}

function isNoNode(error: ZooKeeperError): boolean {
  return error.getCode() === zookeeper.Exception.NO_NODE;
}
