// Reads all that a ZooKeeper ensemble knows of Dubbo's providers, at the levels that are asked for.

import type { Directory } from "./directory.ts";
import type { Reader, ReaderState, RegisterMode } from "./reader.ts";
import { ZooKeeperApplications } from "./zookeeper_applications.ts";
import { ZooKeeperInterfaces } from "./zookeeper_interfaces.ts";
import { ZooKeeperRules } from "./zookeeper_rules.ts";
import { ZooKeeperSession, type SessionOptions } from "./zookeeper_session.ts";

/** Where to read, and what. */
export interface ZooKeeperOptions extends SessionOptions {
  /** The node above the interfaces, without slashes; Dubbo's own is "dubbo". */
  root: string;
  /** The node above the applications, without slashes; Dubbo's own is "services". */
  services: string;
  registerMode: RegisterMode;
}

/** One ensemble; it reads from its construction to `close`. */
export class ZooKeeperReader implements Reader {
  readonly #session: ZooKeeperSession;
  readonly #levels: (ZooKeeperInterfaces | ZooKeeperApplications)[] = [];
  readonly #rules: ZooKeeperRules;

  constructor(directory: Directory, options: ZooKeeperOptions) {
    const { root, services, registerMode } = options;
    const session = new ZooKeeperSession(options);
    this.#session = session;
    this.#rules = new ZooKeeperRules(directory, session, root);
    if (registerMode !== "instance") {
      this.#levels.push(new ZooKeeperInterfaces(directory, session, root));
    }
    if (registerMode !== "interface") {
      this.#levels.push(new ZooKeeperApplications(directory, session, root, services));
    }
  }

  /** Resolved when all that was there has been read once. */
  get listed(): Promise<void> {
    return this.#session.settled;
  }

  get state(): ReaderState {
    const unreadable = this.#levels.reduce((sum, level) => sum + level.unreadable, 0);
    const { state, emptyListsKept } = this.#session;
    return {
      ...state,
      connected: Number(state.connected),
      emptyListsKept,
      unreadable,
      unreadableRules: this.#rules.unreadable,
    };
  }

  /** Ends the session. What was read stays in the directory. */
  close(): void {
    this.#session.close();
  }
}
