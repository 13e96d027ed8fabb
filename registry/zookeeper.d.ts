// What is used here of node-zookeeper-client 1.1.3, which brings no types (its README, "API").

declare module "node-zookeeper-client" {
  import type { EventEmitter } from "node:events";

  interface ZooKeeperError extends Error {
    getCode(): number;
  }

  /** Emits `connected`, `disconnected` and `expired`. */
  interface Client extends EventEmitter {
    connect(): void;
    close(): void;
    getChildren(
      path: string,
      watcher: () => void,
      callback: (error: ZooKeeperError | null, children: string[]) => void,
    ): void;
    getData(
      path: string,
      watcher: () => void,
      callback: (error: ZooKeeperError | null, data: Buffer | null) => void,
    ): void;
    getData(
      path: string,
      callback: (error: ZooKeeperError | null, data: Buffer | null) => void,
    ): void;
    setData(path: string, data: Buffer, callback: (error: ZooKeeperError | null) => void): void;
    exists(
      path: string,
      watcher: () => void,
      callback: (error: ZooKeeperError | null, stat: object | null) => void,
    ): void;
    mkdirp(path: string, callback: (error: ZooKeeperError | null) => void): void;
    create(
      path: string,
      data: Buffer | null,
      mode: number,
      callback: (error: ZooKeeperError | null) => void,
    ): void;
    remove(path: string, callback: (error: ZooKeeperError | null) => void): void;
  }

  const zookeeper: {
    createClient(servers: string, options: { sessionTimeout: number }): Client;
    Exception: { NO_NODE: number };
    CreateMode: { PERSISTENT: number; EPHEMERAL: number };
  };
  export type { Client, ZooKeeperError };
  export default zookeeper;
}
