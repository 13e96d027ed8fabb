// Reads what Dubbo's providers register in ZooKeeper at interface level:
//
//   /<root>/<interface>/providers/<percent-encoded URL>      ephemeral: gone with the provider's session
//
// A watch of ZooKeeper's tells once that something has changed, not what; so each is followed by a new
// list with a new watch. While there is no session nothing is heard and nothing changes here: what was
// known stays. With a new session all is listed again.

import zookeeper, { type Client, type ZooKeeperError } from "node-zookeeper-client";
import type { Directory } from "./directory.ts";
import type { Instance } from "./instance.ts";
import { instanceOf } from "./provider_url.ts";

/** Where to read. */
export interface ZooKeeperOptions {
  /** host:port of one server or, separated by commas, of several of one ensemble. */
  servers: string;
  /** The node above the interfaces, without slashes; Dubbo's own is "dubbo". */
  root: string;
  /** For how long after a new connection an empty list is not believed, in ms. */
  emptyProtectionMs: number;
  /** One line about what a person should know. */
  log: (line: string) => void;
}

/** How the reader is doing, for /metrics. */
export interface ReaderState {
  connected: boolean;
  connections: number;
  /** Nodes that are no provider's URL, as listed last. */
  unreadable: number;
  /** Lists that were empty soon after a connection and not believed. */
  emptyListsKept: number;
}

/** Dubbo's own (Constants.DEFAULT_SESSION_TIMEOUT). */
const SESSION_MS = 60_000;
/** Nodes below the root that are no interfaces: the application level's and the rules'. */
const NOT_INTERFACES = new Set(["config", "mapping", "metadata"]);
/** How long to wait before listing again what could not be listed for another reason than the session's. */
const RETRY_MS = 1000;

/** What stands below one interface. */
interface Place {
  watch: () => void;
  unreadable: number;
  count: number;
}

/** One ensemble; it reads from its construction to `close`. */
export class ZooKeeperReader {
  readonly state: ReaderState = {
    connected: false,
    connections: 0,
    unreadable: 0,
    emptyListsKept: 0,
  };
  readonly #directory: Directory;
  readonly #options: ZooKeeperOptions;
  readonly #places = new Map<string, Place>();
  readonly #timers = new Set<NodeJS.Timeout>();
  readonly #watchRoot = () => this.#listRoot();
  #client: Client;
  #connectedAt = 0;
  #listed: (() => void) | undefined;
  /** Resolved when every interface has been listed once. */
  readonly listed = new Promise<void>((resolve) => (this.#listed = resolve));

  constructor(directory: Directory, options: ZooKeeperOptions) {
    this.#directory = directory;
    this.#options = options;
    this.#client = this.#connect();
  }

  /** Ends the session. What was read stays in the directory. */
  close(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#client.removeAllListeners();
    this.#client.close();
  }

  #connect(): Client {
    const { servers } = this.#options;
    const client = zookeeper.createClient(servers, { sessionTimeout: SESSION_MS });
    client.on("connected", () => {
      this.state.connected = true;
      this.state.connections++;
      this.#connectedAt = Date.now();
      this.#options.log(`zookeeper ${servers}: connected`);
      this.#listRoot();
      for (const name of this.#places.keys()) this.#list(name);
    });
    client.on("disconnected", () => {
      this.state.connected = false;
      this.#options.log(`zookeeper ${servers}: disconnected; what was known stays`);
    });
    // A client's session does not come again.
    client.on("expired", () => {
      this.state.connected = false;
      this.#options.log(`zookeeper ${servers}: session expired; what was known stays`);
      client.removeAllListeners();
      client.close();
      this.#client = this.#connect();
    });
    client.connect();
    return client;
  }

  #listRoot(): void {
    const path = `/${this.#options.root}`;
    const client = this.#client;
    client.getChildren(path, this.#watchRoot, (error, names) => {
      if (client !== this.#client) return;
      if (isNoNode(error)) {
        // Nobody has ever registered.
        this.#await(path, this.#watchRoot);
        return this.#tellListed();
      }
      if (error) return this.#retry(this.#watchRoot, error);
      for (const name of names) {
        if (NOT_INTERFACES.has(name) || this.#places.has(name)) continue;
        this.#places.set(name, { watch: () => this.#list(name), unreadable: 0, count: -1 });
        this.#list(name);
      }
      this.#tellListed();
    });
  }

  #list(name: string): void {
    const place = this.#places.get(name)!;
    const path = `/${this.#options.root}/${name}/providers`;
    const client = this.#client;
    client.getChildren(path, place.watch, (error, nodes) => {
      if (client !== this.#client) return;
      if (isNoNode(error)) this.#await(path, place.watch);
      else if (error) return this.#retry(place.watch, error);
      this.#take(name, place, isNoNode(error) ? [] : nodes);
      this.#tellListed();
    });
  }

  #take(name: string, place: Place, nodes: string[]): void {
    const left = this.#connectedAt + this.#options.emptyProtectionMs - Date.now();
    if (nodes.length === 0 && place.count > 0 && left > 0) {
      // A server that came back with nothing, and providers that have not registered anew yet.
      this.state.emptyListsKept++;
      this.#options.log(`${name}: an empty list after a new connection; what was known stays`);
      this.#later(place.watch, left);
      return;
    }
    const instances: Instance[] = [];
    let unreadable = 0;
    for (const node of nodes) {
      try {
        const one = instanceOf(node);
        if (one !== undefined) instances.push(one);
      } catch (error) {
        unreadable++;
        this.#options.log(`${name}: a provider is left out: ${(error as Error).message}`);
      }
    }
    this.state.unreadable += unreadable - place.unreadable;
    place.unreadable = unreadable;
    place.count = nodes.length;
    this.#directory.set(`zookeeper ${this.#options.servers} ${name}`, instances);
  }

  // Calls `watch` when the node comes.
  #await(path: string, watch: () => void): void {
    this.#client.exists(path, watch, (error, stat) => {
      // It may have come between the two questions.
      if (stat) watch();
      else if (error && !isNoNode(error)) this.#retry(watch, error);
    });
  }

  // Without a session nothing is tried: all is listed again with the next.
  #retry(what: () => void, error: ZooKeeperError): void {
    if (!this.state.connected) return;
    this.#options.log(`zookeeper ${this.#options.servers}: ${error.message}; again in a second`);
    this.#later(what, RETRY_MS);
  }

  #later(what: () => void, ms: number): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      if (this.state.connected) what();
    }, ms);
    this.#timers.add(timer);
  }

  #tellListed(): void {
    if ([...this.#places.values()].every((place) => place.count >= 0)) this.#listed?.();
  }
}

function isNoNode(error: ZooKeeperError | null): boolean {
  return error !== null && error.getCode() === zookeeper.Exception.NO_NODE;
}
