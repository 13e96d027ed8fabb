// What the program wants of a reader of registries, whichever registry it reads.

/** Dubbo's own words (dubbo.application.register-mode): which levels are read. */
export type RegisterMode = "all" | "interface" | "instance";

/** How a reader is doing, for /metrics. */
export interface ReaderState {
  /** How many registries there is a session with now. */
  connected: number;
  connections: number;
  /** Sessions that the registry ended, or that were given up. */
  expired: number;
  /** Lists that were empty soon after a connection and not believed. */
  emptyListsKept: number;
  /** What is no provider's, and interfaces of such that are none, as they are now. */
  unreadable: number;
  unreadableRules: number;
}

/** One registry; it reads from its construction to `close`, and tells a Directory. */
export interface Reader {
  /** Resolved when all that was there has been read once. */
  readonly listed: Promise<void>;
  readonly state: ReaderState;
  /** Ends its session. What was read stays in the directory. */
  close(): void;
}
